// The `tile` dialect: what one task computes.
#pragma once

#include "dialects/Ingot/Ingot.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

#include "dialects/Tile/TileDialect.h.inc"
#include "dialects/Tile/TileEnums.h.inc"
#include "dialects/Tile/TileInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.h.inc"

namespace ingot::tile {

/// Lets one-shot bufferization turn tile ops on tensors into tile ops on memrefs.
void registerBufferizableOpInterfaceExternalModels(mlir::DialectRegistry &registry);

} // namespace ingot::tile
