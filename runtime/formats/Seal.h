// The tie between compiled code and the task programs that call it.
//
// The verifier proves what a program does with declared accesses; that a body keeps to them is the compiler's promise,
// and holds for the arguments it was compiled for. So a code member ends in a seal: the checksums of the programs that
// its bodies belong to (loaders of ELF files ignore what follows the last section). A program that was damaged or
// edited is refused. This guards against accidents: who can change the code can change the seal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot::runtime {

/// The seal over serialised programs, to be appended to the shared object.
std::string makeSeal(const std::vector<std::span<const std::byte>> &programs);

/// Whether `code` ends in a seal that has `program`.
bool isSealed(std::span<const std::byte> code, std::span<const std::byte> program);

} // namespace ingot::runtime
