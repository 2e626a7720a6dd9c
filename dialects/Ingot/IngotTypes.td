// Attributes, enums and kinds of operands of the `ingot` dialect.
#ifndef INGOT_TYPES_TD
#define INGOT_TYPES_TD

include "dialects/Ingot/IngotDialect.td"
include "dialects/Ingot/IngotEnums.td"
include "mlir/IR/AttrTypeBase.td"

def Ingot_FloatTensor : RankedTensorOf<[F16, BF16, F32, F64]>;
def Ingot_IndexTensor : RankedTensorOf<[I32, I64]>;
def Ingot_AnyTensor : RankedTensorOf<[I1, I8, I32, I64, F16, BF16, F32, F64]>;
def Ingot_I32Tensor : RankedTensorOf<[I32]>;
def Ingot_F32Tensor : RankedTensorOf<[F32]>;

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
