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
/// code may have, max(1e-6, twice the error of an independent float32 computation), relative to the largest value where
/// that is above 1; 2^-7 of the largest value instead of 1e-6 where bfloat16 or float16 are in play. Integers are
/// equal.
struct Comparison {
  uint64_t count = 0, diverging = 0;
  uint64_t index = 0; // of the first that diverges, row-major
  double got = 0, want = 0;
  double largest = 0; // error
  uint64_t largestAt = 0;
  double allowed = 0;
};

/// Compares stored elements `got` with `exact` (f64 or i64); `peer` is the same by other rounding. `lowPrecision`: some
/// float in play is narrower than 32 bits. Expects tensors of as many elements.
Comparison compareWith(const interpreter::HostTensor &exact, const interpreter::HostTensor &peer, program::DType dtype,
                       std::span<const std::byte> got, bool lowPrecision);

/// "[2, 3]": a row-major position in a shape.
std::string indexText(uint64_t position, const std::vector<int64_t> &shape);

/// An element of a dtype as a number.
double elementAt(program::DType dtype, const std::byte *data, uint64_t position);

} // namespace ingot::tool
