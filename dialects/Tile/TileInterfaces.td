// Interfaces of the `tile` dialect.
#ifndef TILE_INTERFACES_TD
#define TILE_INTERFACES_TD

include "mlir/IR/OpBase.td"

def TileOpInterface : OpInterface<"TileOpInterface"> {
  let cppNamespace = "::ingot::tile";
  let description = "What every tile op says about itself: its cost and whether it keeps parts of its destination.";
  let methods = [
    InterfaceMethod<"Floating-point operations of one execution; 0 for pure data movement.",
      "int64_t", "getFlops", (ins)>,
    InterfaceMethod<"Whether elements of the destination may keep their old value, so that it counts as read.",
      "bool", "keepsDestination", (ins), [{}], [{ return false; }]>,
  ];
}

#endif
