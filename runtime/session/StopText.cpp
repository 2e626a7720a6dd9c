#include "runtime/session/StopText.h"

#include <algorithm>
#include <utility>

namespace ingot::runtime {

StopText::StopText(std::vector<std::string> texts) : stops(std::move(texts)) { std::erase(stops, std::string()); }

std::string StopText::feed(std::string_view piece) {
  if (done)
    return {};
  held += piece;
  size_t found = std::string::npos;
  for (const std::string &stop : stops)
    found = std::min(found, held.find(stop));
  if (found != std::string::npos) {
    done = true;
    held.resize(found);
    return std::exchange(held, {});
  }
  // Keep the longest end of the text that a stop text begins with.
  size_t keep = 0;
  for (const std::string &stop : stops)
    for (size_t length = std::min(held.size(), stop.size() - 1); length > keep; --length)
      if (std::string_view(held).substr(held.size() - length) == std::string_view(stop).substr(0, length))
        keep = length;
  std::string shown = held.substr(0, held.size() - keep);
  held.erase(0, shown.size());
  return shown;
}

std::string StopText::flush() { return done ? std::string() : std::exchange(held, {}); }

} // namespace ingot::runtime
