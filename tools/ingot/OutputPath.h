// What a command writes, before it does so.
#pragma once

#include "runtime/support/Status.h"

#include <filesystem>
#include <string>

namespace ingot::tool {

/// What is written when `path` is, also where nothing is yet, by the one name that it has.
std::filesystem::path canonical(std::filesystem::path path);

/// Whether two paths name one file, which need not exist.
bool isSameFile(const std::string &a, const std::string &b);

/// Whether a file can be written at `path`, as far as can be told without writing: its folder exists and lets us, and
/// what stands there is no folder. Errors (io) name the path.
runtime::Status checkWritable(const std::string &path);

} // namespace ingot::tool
