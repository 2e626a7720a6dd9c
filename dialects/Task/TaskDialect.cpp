#include "dialects/Task/Task.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

#include "dialects/Task/TaskDialect.cpp.inc"
#include "dialects/Task/TaskEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Task/TaskAttrs.cpp.inc"

void task::TaskDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Task/TaskOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Task/TaskAttrs.cpp.inc"
      >();
}
