// The elements of a module's parameters, beside the module: importers fill it, the driver owns it.
#pragma once

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"

#include <map>
#include <memory>
#include <string>

namespace ingot {

/// The stored elements of one parameter.
struct ParamData {
  /// Static shape and element type.
  mlir::RankedTensorType type;
  /// Row-major little-endian elements, i1 as one byte each. They may be unaligned: they can lie anywhere in a mapped
  /// file.
  llvm::ArrayRef<char> bytes;
  /// Keeps `bytes` alive.
  std::shared_ptr<const void> owner;
};

/// Parameters by the symbol of their `ingot.param`. Bytes are shared with the file or message they came from.
class ParamStore {
public:
  /// Adds a parameter; false if the name is taken.
  bool insert(llvm::StringRef name, ParamData data) { return params.emplace(name.str(), std::move(data)).second; }

  /// The parameter of that name, or null.
  const ParamData *find(llvm::StringRef name) const {
    auto it = params.find(name.str());
    return it == params.end() ? nullptr : &it->second;
  }

  /// All parameters, sorted by name.
  const std::map<std::string, ParamData> &all() const { return params; }

private:
  std::map<std::string, ParamData> params;
};

} // namespace ingot
