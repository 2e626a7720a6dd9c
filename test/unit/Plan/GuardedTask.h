// Runs one task on copies of its buffers in which only what the task declares to read holds data.
#pragma once

#include "runtime/program/Program.h"

#include <map>
#include <string>
#include <vector>

namespace ingot::test {

/// Values that a buffer of integers may hold, both ends included.
struct IntegerRange {
  int64_t low = 0;
  int64_t high = 1;
};

/// By the symbol of the buffer; buffers that are not named hold `IntegerRange()`.
using IntegerRanges = std::map<std::string, IntegerRange>;

/// Runs `body` as task `task` of `program` twice. The declared reads hold the same random data in both runs. Everything
/// else (undeclared cells, private memory, 4 KiB on either side of each) holds NaN in the first run and other random
/// data in the second; where a type has no NaN, two different values of the range.
///
/// Returns what contradicts the declarations, one line each, or nothing: a byte outside the may-writes changed; a byte
/// beside a buffer or beside the private memory changed; a must-write cell that is left as it was, is NaN, or depends
/// on what was not declared; a may-write cell that depends on it. A read that changes no bit of
/// the result is not seen. Equal seeds make equal data.
std::vector<std::string> checkTask(const program::Program &program, program::TaskRef task, program::BodyFunction body,
                                   const IntegerRanges &ranges, uint64_t seed);

} // namespace ingot::test
