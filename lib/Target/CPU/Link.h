// Links an object file into a shared object, in process.
#pragma once

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace ingot::cpu {

/// Links `object` (ELF) into a shared object that exports `symbols` alone and needs nothing from outside: an undefined
/// symbol is an error. Equal inputs give equal bytes.
llvm::Expected<std::vector<char>> linkSharedObject(llvm::ArrayRef<char> object, llvm::ArrayRef<std::string> symbols);

} // namespace ingot::cpu
