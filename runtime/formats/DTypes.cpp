#include "runtime/formats/DTypes.h"

#include <array>

namespace ingot::runtime {

using program::DType;

namespace {

struct Names {
  DType dtype;
  const char *manifest;
  const char *safetensors;
};
constexpr std::array<Names, 8> kNames = {{{DType::i1, "i1", "BOOL"},
                                          {DType::i8, "i8", "I8"},
                                          {DType::i32, "i32", "I32"},
                                          {DType::i64, "i64", "I64"},
                                          {DType::f16, "f16", "F16"},
                                          {DType::bf16, "bf16", "BF16"},
                                          {DType::f32, "f32", "F32"},
                                          {DType::f64, "f64", "F64"}}};

const Names &namesOf(DType dtype) {
  for (const Names &names : kNames)
    if (names.dtype == dtype)
      return names;
  return kNames[0]; // unreachable: the table has every value
}

} // namespace

const char *dtypeName(DType dtype) { return namesOf(dtype).manifest; }
const char *safetensorsName(DType dtype) { return namesOf(dtype).safetensors; }

std::optional<DType> parseDType(std::string_view name) {
  for (const Names &names : kNames)
    if (name == names.manifest)
      return names.dtype;
  return std::nullopt;
}

std::optional<DType> parseSafetensorsName(std::string_view name) {
  for (const Names &names : kNames)
    if (name == names.safetensors)
      return names.dtype;
  return std::nullopt;
}

std::string typeText(DType dtype, std::span<const int64_t> shape) {
  std::string text = std::string(dtypeName(dtype)) + "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

std::optional<uint64_t> checkedElements(std::span<const int64_t> shape) {
  uint64_t elements = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements) || elements >> 62)
      return std::nullopt;
  }
  return empty ? 0 : elements;
}

std::optional<uint64_t> checkedBytes(DType dtype, std::span<const int64_t> shape) {
  std::optional<uint64_t> elements = checkedElements(shape);
  uint64_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements, program::byteSize(dtype), &bytes) || bytes >> 62)
    return std::nullopt;
  return bytes;
}

} // namespace ingot::runtime
