// The `tile` dialect: what one task computes.
#ifndef TILE_DIALECT_TD
#define TILE_DIALECT_TD

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::ingot::tile";
  let summary = "what one task computes on its tiles";
  let description = [{
    Destination-passing operations with static shapes, on tensors inside an `scf.forall` (above bufferization) and on
    memrefs inside a `task.body` (below). On tensors an op returns the updated destination; on memrefs it writes it.
    An op overwrites its whole destination unless its description says otherwise, and never reads what it writes
    through another operand.
    See docs/rationale/tile.md.
  }];
  let dependentDialects = ["::ingot::IngotDialect"];
}

#endif
