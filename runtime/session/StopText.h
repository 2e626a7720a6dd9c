// Ends a text at the first of several stop texts, which may come in pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

/// Holds back what may be the beginning of a stop text until it is clear that it is not.
class StopText {
public:
  /// Empty stop texts are ignored.
  explicit StopText(std::vector<std::string> stops);

  /// Takes the next piece and returns what may be shown now. Once a stop text is complete, everything before it has
  /// been returned, and nothing after.
  std::string feed(std::string_view piece);
  /// What was held back, at the end of the text.
  std::string flush();

  bool stopped() const { return done; }

private:
  std::vector<std::string> stops;
  std::string held;
  bool done = false;
};

} // namespace ingot::runtime
