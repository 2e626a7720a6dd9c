#include "runtime/formats/Convert.h"

namespace ingot::runtime {

using program::DType;

namespace {

/// Elements by memcpy: a tensor in a file need not be aligned.
template <typename From, typename To, typename Fn>
void convertEach(const std::byte *in, std::byte *out, uint64_t count, Fn fn) {
  for (uint64_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, in + i * sizeof(From), sizeof(From));
    To to = fn(from);
    std::memcpy(out + i * sizeof(To), &to, sizeof(To));
  }
}

} // namespace

bool isConvertible(DType from, DType to) {
  auto isEither = [](DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; };
  return from == to || (isEither(from) && isEither(to));
}

void convertElements(DType from, const std::byte *in, DType to, std::byte *out, uint64_t count) {
  if (from == to) {
    if (count)
      std::memcpy(out, in, count * program::byteSize(to));
  } else if (to == DType::bf16) {
    convertEach<float, uint16_t>(in, out, count, toBFloat16);
  } else {
    convertEach<uint16_t, float>(in, out, count, fromBFloat16);
  }
}

} // namespace ingot::runtime
