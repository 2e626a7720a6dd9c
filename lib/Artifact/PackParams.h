// Parameters as the artifact stores them.
#pragma once

#include "ingot/Import/ParamStore.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/formats/Manifest.h"

#include <functional>

namespace ingot {

/// The parameters that programs of `module` use or that their states start as, in order of declaration, without member,
/// offset and checksum; those that were constants are marked.
mlir::FailureOr<std::vector<runtime::ManifestParam>> describeParams(mlir::ModuleOp module);

/// Whether all of `used` have data of their shape (row-major, or as they are stored) and element type, or of float32
/// for bfloat16 and the reverse; reports every one that has not.
mlir::LogicalResult checkParams(mlir::ModuleOp module, const std::vector<runtime::ManifestParam> &used,
                                const ParamStore &params);

/// Calls `consume` with the stored bytes of a parameter: views of the source where its layout is row-major and its type
/// the program's, a converted and packed copy otherwise. Conversion rounds to nearest even. Expects that `checkParams`
/// succeeded.
mlir::LogicalResult withStoredBytes(mlir::ModuleOp module, llvm::StringRef name, const ParamStore &params,
                                    std::function<mlir::LogicalResult(llvm::ArrayRef<char>)> consume);

/// 64 hexadecimal digits.
std::string sha256(llvm::ArrayRef<char> bytes);

} // namespace ingot
