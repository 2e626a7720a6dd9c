#include "dialects/Tile/Train.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace ingot;

#include "dialects/Tile/TileDialect.cpp.inc"
#include "dialects/Tile/TileEnums.cpp.inc"
#include "dialects/Tile/TileInterfaces.cpp.inc"

void tile::TileDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileTrainOps.cpp.inc"
      >();
}
