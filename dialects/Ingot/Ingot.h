// The `ingot` dialect: tensor programs.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Ingot/IngotDialect.h.inc"
#include "dialects/Ingot/IngotEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Ingot/IngotAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Ingot/IngotOps.h.inc"
