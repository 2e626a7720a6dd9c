// Names of element types in files, and sizes of tensors from untrusted shapes.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ingot::runtime {

/// "f32", "i1", ... as in the manifest.
const char *dtypeName(program::DType dtype);
std::optional<program::DType> parseDType(std::string_view name);

/// "F32", "BOOL", ... as in safetensors.
const char *safetensorsName(program::DType dtype);
std::optional<program::DType> parseSafetensorsName(std::string_view name);

/// "f32[1,64]", for messages.
std::string typeText(program::DType dtype, std::span<const int64_t> shape);

/// Number of elements, or nothing if an extent is negative or the product exceeds 2^62.
std::optional<uint64_t> checkedElements(std::span<const int64_t> shape);

/// Size in bytes under the same conditions.
std::optional<uint64_t> checkedBytes(program::DType dtype, std::span<const int64_t> shape);

} // namespace ingot::runtime
