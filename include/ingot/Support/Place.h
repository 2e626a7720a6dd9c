// What a location says to a person.
#pragma once

#include "mlir/IR/Location.h"

#include <string>

namespace ingot {

/// Where in which file ("model.mlir:3:5", "model.onnx"), and which node; empty where a location does not say.
struct Place {
  std::string file, node;
};

inline Place placeOf(mlir::Location loc) {
  Place place;
  loc->walk([&](mlir::Location part) {
    if (auto file = mlir::dyn_cast<mlir::FileLineColLoc>(part); file && place.file.empty()) {
      place.file = file.getFilename().str();
      // Files without lines (ONNX) stand for themselves.
      if (file.getLine())
        place.file += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
    } else if (auto name = mlir::dyn_cast<mlir::NameLoc>(part)) {
      // Importers name a file without lines by its path; nodes lie in it.
      bool isFile = mlir::isa<mlir::UnknownLoc>(name.getChildLoc()) && name.getName().getValue().ends_with(".onnx");
      std::string &slot = isFile ? place.file : place.node;
      if (slot.empty())
        slot = name.getName().str();
    }
    return mlir::WalkResult::advance();
  });
  return place;
}

} // namespace ingot
