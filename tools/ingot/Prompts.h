// The prompts of a command: texts or token ids, from the command line or a file.
#pragma once

#include "Support.h"

#include <string>
#include <vector>

namespace ingot::tool {

struct PromptOptions {
  std::vector<std::string> texts, ids;
  std::string file;
  void addTo(CLI::App &app);
};

struct PromptTokens {
  std::string text; // empty if ids were given
  std::vector<int32_t> ids;
  bool fromText = false;
};

Result<std::vector<PromptTokens>> readPrompts(const PromptOptions &options, const ingot_artifact *artifact);
/// The prompt as it stands before what is generated.
Result<std::string> promptText(const PromptTokens &prompt, const ingot_artifact *artifact, bool asIds);

} // namespace ingot::tool
