// Comparing what compiled code stored with what the interpreter computed.
#pragma once

#include "ingot/Interpreter/Host.h"
#include "runtime/program/Program.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot::tool {

/// Values of one tensor that were compared. `allowed` is the rule of docs/numerics.md: the largest error that compiled
/// code may have, max(1e-6 relative to the largest value where that is above 1, twice what rounding does to an
/// independent float32 computation); 2^-7 of the largest value instead of 1e-6 where bfloat16 or float16 are in play.
/// Integers are equal.
struct Comparison {
  uint64_t count = 0, diverging = 0;
  uint64_t index = 0; // of the first that diverges, row-major
  double got = 0, want = 0;
  double largest = 0; // error
  uint64_t largestAt = 0;
  double allowed = 0;
};

/// Compares stored elements `got` with `exact` (f64 or i64); `rounding` is the largest error that other computations of
/// them have. `lowPrecision`: some float in play is narrower than 32 bits. Expects as many elements.
Comparison compareWith(const interpreter::HostTensor &exact, double rounding, program::DType dtype,
                       std::span<const std::byte> got, bool lowPrecision);

/// The largest finite difference of two tensors of as many elements.
double largestDifference(const interpreter::HostTensor &a, const interpreter::HostTensor &b);

/// "[2, 3]": a row-major position in a shape.
std::string indexText(uint64_t position, const std::vector<int64_t> &shape);

/// An element of a dtype as a number.
double elementAt(program::DType dtype, const std::byte *data, uint64_t position);

} // namespace ingot::tool
