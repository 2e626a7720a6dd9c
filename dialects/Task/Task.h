// The `task` dialect: how tasks are ordered.
#pragma once

#include "dialects/Tile/Tile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/RegionKindInterface.h"
#include "llvm/ADT/STLExtras.h"

#include "dialects/Task/TaskDialect.h.inc"
#include "dialects/Task/TaskEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Task/TaskAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Task/TaskOps.h.inc"
