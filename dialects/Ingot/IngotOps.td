// Operations of the `ingot` dialect: declarations, contractions, normalisations, pointwise and shape operations.
// Attention and the cache are in IngotAttentionOps.td.
#ifndef INGOT_OPS_TD
#define INGOT_OPS_TD

include "dialects/Ingot/IngotTypes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

def Ingot_ParamOp : Ingot_Op<"param", [Symbol]> {
  let summary = "declares a parameter of the model";
  let description = [{
    A named tensor that entries receive as an argument and never write, e.g. a weight. Its value comes from outside
    (safetensors, ONNX initialisers) under the same name, or from `value`. The type's encoding is the layout in which
    the artifact stores it (`#ingot.panels`); none means row-major.

    Preconditions: static shape; `value`, when present, has the same shape and element type.

    Example:
    ```mlir
    ingot.param @"layers.0.wq" : tensor<64x64xf32>
    ingot.param @table = dense<[1.0, 2.0]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<ElementsAttr>:$value, TypeAttrOf<Ingot_AnyTensor>:$type);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
}

def Ingot_StateOp : Ingot_Op<"state", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "declares a state of the model";
  let description = [{
    A named tensor that survives steps, e.g. the KV cache. Every element starts as `init`, or the state starts as the
    value of the parameter that `from` names: the weights of a model that is being trained. An entry that receives it
    as an argument returns its new value as a result with the same `ingot.state` attribute, and Plan updates it in
    place.

    Preconditions: static shape; a parameter named by `from` has the same shape and element type.
    Errors: "expects parameter @w of shape and element type of 'tensor<4xf32>', but got 'tensor<5xf32>'".

    Examples:
    ```mlir
    ingot.state @kv init 0.0 : tensor<5x2x1x4x512x8xf32>
    ingot.state @"wq.trained" from @wq : tensor<64x64xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, F64Attr:$init, TypeAttrOf<Ingot_AnyTensor>:$type,
      OptionalAttr<FlatSymbolRefAttr>:$from);
  let assemblyFormat = "$sym_name custom<StateStart>($init, $from) attr-dict `:` $type";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
  }];
}

//===----------------------------------------------------------------------===//
// Contractions and reductions
//===----------------------------------------------------------------------===//

def Ingot_DotOp : Ingot_Op<"dot", [Pure, InferTypeOpAdaptorWithIsCompatible]> {
  let summary = "general contraction of two tensors";
  let description = [{
    Multiplies and sums over the contracting dimensions. The result's dimensions are the batch dimensions, then the
    free dimensions of `lhs` in order, then those of `rhs`. Accumulates in float32 (float64 operands in float64,
    integers in int32), in index order of the contracting dimensions, the first one outermost; rounds once to the
    element type of the result.

    Preconditions: batch and contracting dimensions come in pairs of equal extent, and no dimension occurs twice; both
    operands have one element type.
    Postconditions: the result has the element type of the operands, or float32 where that is bfloat16 or float16: the
    sum as it was accumulated.
    Errors: "expects contracting dimensions of equal extent, but got 4 and 5".

    Example:
    ```mlir
    // y[b, c, n] = sum_k x[b, c, k] * w[n, k]
    %y = ingot.dot %x, %w contract [2] x [1] : (tensor<1x1x64xf32>, tensor<172x64xf32>) -> tensor<1x1x172xf32>
    ```
  }];
  let arguments = (ins Ingot_AnyTensor:$lhs, Ingot_AnyTensor:$rhs,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$lhs_batch, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$rhs_batch,
      DenseI64ArrayAttr:$lhs_contract, DenseI64ArrayAttr:$rhs_contract);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`batch` $lhs_batch^ `x` $rhs_batch)? `contract` $lhs_contract `x` $rhs_contract attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// Dimensions of `lhs` (`rhs`) that are neither batch nor contracting, in order.
    ::llvm::SmallVector<int64_t> getLhsFree();
    ::llvm::SmallVector<int64_t> getRhsFree();
  }];
}

def Ingot_ReduceOp : Ingot_Op<"reduce", [Pure, InferTypeOpAdaptor]> {
  let summary = "reduction over dimensions";
  let description = [{
    Combines the elements along `dims` (sorted, unique) in index order and drops these dimensions. Sums and means of
    floats accumulate in float32 (float64 for float64).

    Example: `%s = ingot.reduce sum %x dims [2] : (tensor<1x4x8xf32>) -> tensor<1x4xf32>`
  }];
  let arguments = (ins Ingot_ReduceKind:$kind, Ingot_AnyTensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$kind $input `dims` $dims attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Normalisations
//===----------------------------------------------------------------------===//

def Ingot_RmsNormOp : Ingot_Op<"rms_norm", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "root-mean-square normalisation over the last dimension";
  let description = [{
    `result = input / sqrt(mean(input^2) + eps) * scale` over the last dimension (Zhang and Sennrich, 2019,
    arXiv:1910.07467). The statistic is computed in float32.

    Example: `%y = ingot.rms_norm %x, %w eps 1.0e-5 : tensor<1x1x64xf32>, tensor<64xf32>`
  }];
  let arguments = (ins Ingot_FloatTensor:$input, Ingot_FloatTensor:$scale, F64Attr:$eps);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = "$input `,` $scale `eps` custom<PlainFloat>($eps) attr-dict `:` type($input) `,` type($scale)";
  let hasVerifier = 1;
}

def Ingot_LayerNormOp : Ingot_Op<"layer_norm", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "layer normalisation over the last dimension";
  let description = [{
    `result = (input - mean) / sqrt(variance + eps) * scale + bias` over the last dimension with the biased variance
    (Ba et al., 2016, arXiv:1607.06450). Statistics are computed in float32. `bias` may be absent.

    Example: `%y = ingot.layer_norm %x, %w, %b eps 1.0e-5 : tensor<1x1x64xf32>, tensor<64xf32>, tensor<64xf32>`
  }];
  let arguments = (ins Ingot_FloatTensor:$input, Ingot_FloatTensor:$scale, Optional<Ingot_FloatTensor>:$bias,
      F64Attr:$eps);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`,` $bias^)? `eps` custom<PlainFloat>($eps) attr-dict
    `:` type($input) `,` type($scale) (`,` type($bias)^)?
  }];
  let hasVerifier = 1;
}

def Ingot_SoftmaxOp : Ingot_Op<"softmax", [Pure, SameOperandsAndResultType]> {
  let summary = "softmax over the last dimension";
  let description = [{
    `exp(x - max(x)) / sum(exp(x - max(x)))` over the last dimension, computed in float32. A row whose elements are
    all -inf gives NaN, as the formula says.

    Example: `%p = ingot.softmax %x : tensor<1x8x4x4xf32>`
  }];
  let arguments = (ins Ingot_FloatTensor:$input);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

//===----------------------------------------------------------------------===//
// Pointwise
//===----------------------------------------------------------------------===//

def Ingot_SiluOp : Ingot_Op<"silu", [Pure, SameOperandsAndResultType, Elementwise]> {
  let summary = "x * sigmoid(x)";
  let description = [{
    The sigmoid-weighted linear unit (arXiv:1702.03118), computed in float32.

    Example: `%y = ingot.silu %x : tensor<1x1x172xf32>`
  }];
  let arguments = (ins Ingot_FloatTensor:$input);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Ingot_GeluOp : Ingot_Op<"gelu", [Pure, SameOperandsAndResultType, Elementwise]> {
  let summary = "Gaussian error linear unit";
  let description = [{
    `erf`: `x/2 * (1 + erf(x / sqrt(2)))`; `tanh`: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`
    (arXiv:1606.08415), computed in float32.

    Example: `%y = ingot.gelu tanh %x : tensor<1x1x256xf32>`
  }];
  let arguments = (ins Ingot_GeluKind:$kind, Ingot_FloatTensor:$input);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = "$kind $input attr-dict `:` type($input)";
}

//===----------------------------------------------------------------------===//
// Shape and indexing
//===----------------------------------------------------------------------===//

def Ingot_BroadcastOp : Ingot_Op<"broadcast", [Pure]> {
  let summary = "explicit broadcast";
  let description = [{
    Dimension `i` of the operand becomes dimension `dims[i]` of the result; the other result dimensions repeat it.

    Preconditions: `dims` is strictly increasing, one entry per operand dimension; each operand extent equals the result
    extent or is 1.

    Example: `%y = ingot.broadcast %b dims [2] : tensor<64xf32> -> tensor<1x4x64xf32>`
  }];
  let arguments = (ins Ingot_AnyTensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$input `dims` $dims attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ingot_TransposeOp : Ingot_Op<"transpose", [Pure, InferTypeOpAdaptor]> {
  let summary = "permutes dimensions";
  let description = [{
    Dimension `i` of the result is dimension `permutation[i]` of the operand.

    Example: `%y = ingot.transpose %x permutation [0, 2, 1] : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>`
  }];
  let arguments = (ins Ingot_AnyTensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$input `permutation` $permutation attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ingot_GatherOp : Ingot_Op<"gather", [Pure, InferTypeOpAdaptor]> {
  let summary = "rows of a table by index";
  let description = [{
    `result[i..., r...] = table[indices[i...], r...]`: the result's shape is that of `indices` followed by the table's
    without its first dimension. An index outside [0, table.dim(0)) is clamped to that range, so no read ever leaves
    the table; the runtime refuses such tokens before a step.

    Example: `%e = ingot.gather %table, %tokens : (tensor<512x64xf32>, tensor<1x1xi32>) -> tensor<1x1x64xf32>`
  }];
  let arguments = (ins Ingot_AnyTensor:$table, Ingot_IndexTensor:$indices);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$table `,` $indices attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
