// Attributes and enums of the `ingot` dialect.
#ifndef INGOT_TYPES_TD
#define INGOT_TYPES_TD

include "dialects/Ingot/IngotDialect.td"
include "dialects/Ingot/IngotEnums.td"
include "mlir/IR/AttrTypeBase.td"

def Ingot_PanelsAttr : AttrDef<Ingot_Dialect, "Panels"> {
  let mnemonic = "panels";
  let summary = "layout of a stored tensor: panels along one axis";
  let description = [{
    The encoding of a ranked tensor whose elements are stored in panels: dimension `axis` of the logical shape is
    split into `dim / width` panels of `width` elements; the panel number is the outermost stored dimension, the
    position in the panel the innermost, and the other dimensions keep their order between them. `width` divides the
    dimension. A 64x32 tensor with `#ingot.panels<axis = 0, width = 16>` is stored as 4x32x16. A contraction over the
    other dimensions then streams one contiguous panel per task and vectorises along the panel.
  }];
  let parameters = (ins "int64_t":$axis, "int64_t":$width);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Stored shape of a tensor of logical shape `logical`.
    ::llvm::SmallVector<int64_t> storedShape(::llvm::ArrayRef<int64_t> logical) const;
  }];
}

#endif
