#include "Compare.h"

#include "runtime/formats/Convert.h"
#include "runtime/formats/DTypes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ingot::tool {

using program::DType;

namespace {

template <typename T> T load(const std::byte *data, uint64_t position) {
  T value;
  std::memcpy(&value, data + position * sizeof(T), sizeof(T));
  return value;
}

bool isFloat(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

/// |a - b|, where equal infinities and NaNs do not differ, and a NaN is infinitely far from a number.
double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b)))
    return 0;
  double difference = std::fabs(a - b);
  return std::isnan(difference) ? HUGE_VAL : difference;
}

int64_t integerAt(DType dtype, const std::byte *data, uint64_t position) {
  switch (dtype) {
  case DType::i1:
    return load<uint8_t>(data, position);
  case DType::i8:
    return load<int8_t>(data, position);
  case DType::i32:
    return load<int32_t>(data, position);
  default:
    return load<int64_t>(data, position);
  }
}

/// The elements of a tensor of the interpreter.
struct Elements {
  explicit Elements(const interpreter::HostTensor &tensor)
      : dtype(*runtime::parseDType(tensor.dtype)), data(reinterpret_cast<const std::byte *>(tensor.bytes.data())) {}
  double operator[](uint64_t position) const { return elementAt(dtype, data, position); }

  DType dtype;
  const std::byte *data;
};

double allowedError(const Elements &exact, double rounding, uint64_t count, bool lowPrecision) {
  double scale = 0;
  for (uint64_t i = 0; i < count; ++i)
    if (double value = exact[i]; std::isfinite(value))
      scale = std::max(scale, std::fabs(value));
  return std::max(lowPrecision ? 0x1p-7 * scale : 1e-6 * std::max(1.0, scale), 2 * rounding);
}

} // namespace

double elementAt(DType dtype, const std::byte *data, uint64_t position) {
  switch (dtype) {
  case DType::f64:
    return load<double>(data, position);
  case DType::f32:
    return load<float>(data, position);
  case DType::f16:
    return static_cast<double>(load<_Float16>(data, position));
  case DType::bf16:
    return runtime::fromBFloat16(load<uint16_t>(data, position));
  default:
    return static_cast<double>(integerAt(dtype, data, position));
  }
}

double largestDifference(const interpreter::HostTensor &a, const interpreter::HostTensor &b) {
  Elements left(a), right(b);
  uint64_t count = a.bytes.size() / program::byteSize(left.dtype);
  double largest = 0;
  for (uint64_t i = 0; i < count; ++i)
    if (double difference = distance(left[i], right[i]); std::isfinite(difference))
      largest = std::max(largest, difference);
  return largest;
}

Comparison compareWith(const interpreter::HostTensor &reference, double rounding, DType dtype,
                       std::span<const std::byte> got, bool lowPrecision) {
  Elements exact(reference);
  Comparison result;
  result.count = got.size() / program::byteSize(dtype);
  result.allowed = isFloat(dtype) ? allowedError(exact, rounding, result.count, lowPrecision) : 0;
  for (uint64_t i = 0; i < result.count; ++i) {
    double value = elementAt(dtype, got.data(), i), want = exact[i], error = distance(value, want);
    // float64 does not hold all of int64.
    if (!isFloat(dtype) && error == 0 && integerAt(exact.dtype, exact.data, i) != integerAt(dtype, got.data(), i))
      error = 1;
    if (error > result.largest) {
      result.largest = error;
      result.largestAt = i;
    }
    if (error > result.allowed && result.diverging++ == 0) {
      result.index = i;
      result.got = value;
      result.want = want;
    }
  }
  return result;
}

std::string indexText(uint64_t position, const std::vector<int64_t> &shape) {
  std::string text = "]";
  for (size_t dim = shape.size(); dim-- > 0; position /= static_cast<uint64_t>(shape[dim]))
    text = (dim ? ", " : "") + std::to_string(position % static_cast<uint64_t>(shape[dim])) + text;
  return "[" + text;
}

} // namespace ingot::tool
