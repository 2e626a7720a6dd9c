// Enums of the `tile` dialect.
#ifndef TILE_ENUMS_TD
#define TILE_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Tile_RowKind : I32EnumAttr<"RowKind", "what a row operation computes", [
    I32EnumAttrCase<"RmsNorm", 0, "rms_norm">, I32EnumAttrCase<"LayerNorm", 1, "layer_norm">,
    I32EnumAttrCase<"Softmax", 2, "softmax">]> {
  let cppNamespace = "::ingot::tile";
}

#endif
