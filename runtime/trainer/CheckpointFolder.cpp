#include "runtime/trainer/CheckpointFolder.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace ingot::runtime {

namespace fs = std::filesystem;

namespace {

constexpr const char *kPrefix = "step-", *kSuffix = ".safetensors";

std::string fileName(uint64_t step) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%06llu", static_cast<unsigned long long>(step));
  return std::string(kPrefix) + digits + kSuffix;
}

/// The step that a checkpoint of that name is of.
std::optional<uint64_t> stepOf(const std::string &name) {
  size_t prefix = std::string(kPrefix).size();
  uint64_t step = 0;
  if (name.compare(0, prefix, kPrefix) != 0)
    return std::nullopt;
  std::from_chars(name.data() + prefix, name.data() + name.size(), step);
  return name == fileName(step) ? std::optional(step) : std::nullopt;
}

} // namespace

bool isCheckpointName(const std::string &name) { return stepOf(name).has_value(); }

std::string checkpointPath(const std::string &folder, uint64_t step) { return folder + "/" + fileName(step); }

Result<std::vector<uint64_t>> listCheckpoints(const std::string &folder) {
  std::vector<uint64_t> steps;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  if (error == std::errc::no_such_file_or_directory)
    return steps;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (std::optional<uint64_t> step = stepOf(it->path().filename().string()))
      steps.push_back(*step);
  }
  if (error)
    return Status::io("cannot read '" + folder + "': " + error.message());
  std::sort(steps.begin(), steps.end());
  return steps;
}

Status makeFolder(const std::string &folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && fs::is_directory(folder, error))
    return Status::success();
  return Status::io("cannot write to '" + folder + "': " + (error ? error.message() : "it is no folder"));
}

void removeUnfinishedCheckpoints(const std::string &folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.rfind(std::string(".") + kPrefix, 0) == 0 && name.find(".safetensors.tmp-") != std::string::npos)
      fs::remove(it->path(), ignored);
  }
}

} // namespace ingot::runtime
