// Parameters as the artifact stores them.
#pragma once

#include "ingot/Import/ParamStore.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/formats/Manifest.h"

#include <functional>

namespace ingot {

/// The parameters that programs of `module` use, in order of declaration, without member, offset and checksum.
mlir::FailureOr<std::vector<runtime::ManifestParam>> describeParams(mlir::ModuleOp module);

/// Calls `consume` with the stored bytes of a parameter: views of the source where its layout is row-major, a packed copy
/// otherwise. Fails with a diagnostic when there are no data, or data of another shape or element type.
mlir::LogicalResult withStoredBytes(mlir::ModuleOp module, llvm::StringRef name, const ParamStore &params,
                                    std::function<mlir::LogicalResult(llvm::ArrayRef<char>)> consume);

/// 64 hexadecimal digits.
std::string sha256(llvm::ArrayRef<char> bytes);

} // namespace ingot
