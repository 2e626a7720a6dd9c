// The binary form of a task program: `program/<entry>.<target>.bin` in an artifact.
//
// "INGOTPRG", version (u32), then the fields of Program in the order of Program.h. Integers are little-endian and of
// fixed width; strings and lists begin with their length (u32); optional things do not occur. One program has exactly
// one encoding, and whatever the reader accepts, the writer writes back byte for byte.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ingot::program {

inline constexpr uint32_t kProgramVersion = 1;

/// Equal programs give equal bytes.
std::vector<uint8_t> serialize(const Program &program);

/// Reads and checks everything (see Structure.h): the result satisfies checkStructure and checkSchedule. It is not
/// verified yet: see Verify.h. Safe on hostile bytes; memory stays within a small multiple of `size`.
/// Errors: `unsupported` for another version, `corrupt` for everything else.
runtime::Result<Program> deserialize(const uint8_t *data, size_t size);

} // namespace ingot::program
