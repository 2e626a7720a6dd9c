// Operations of the `ingot` dialect that only training needs: the loss, and gradients that are not written with other
// operations.
#ifndef INGOT_TRAIN_OPS_TD
#define INGOT_TRAIN_OPS_TD

include "dialects/Ingot/IngotTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ingot_StopGradientOp : Ingot_Op<"stop_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "a value that gradients do not pass";
  let description = [{
    The operand itself. `ingot-differentiate` takes it for a constant.

    Example: `%y = ingot.stop_gradient %x : tensor<4x8xf32>`
  }];
  let arguments = (ins Ingot_AnyTensor:$input);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Ingot_CrossEntropyOp : Ingot_Op<"cross_entropy", [Pure, InferTypeOpAdaptor]> {
  let summary = "loss of predicting the next token";
  let description = [{
    `logits` is [..., vocabulary], `targets` the [...] tokens that were to be predicted, `weights` [...] what each of
    them counts (1 without it). With `lse = log(sum(exp(logits)))` over the vocabulary, the loss is

    `sum(weights * (lse - logits[target] + z_loss * lse^2)) / sum(weights)`,

    and 0 where the sum of the weights is 0. The term with `z_loss` keeps the logits from drifting (arXiv:2204.02311).
    Computed in float32 (float64 for float64 logits), added up in float64, rows in index order; a row of weight 0 has no
    part in it, whatever its logits are. A target outside the vocabulary is clamped to it, so no read leaves the logits; the
    runtime refuses such tokens before a step. The second result is `lse`.

    Preconditions: a vocabulary of at least one token.

    Example:
    ```mlir
    %loss, %lse = ingot.cross_entropy %logits, %targets weights %w z_loss 1.0e-4
        : (tensor<4x64x512xf32>, tensor<4x64xi32>, tensor<4x64xf32>) -> (tensor<f32>, tensor<4x64xf32>)
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$logits, Ingot_I32Tensor:$targets, Optional<Ingot_F32Tensor>:$weights,
      F64Attr:$z_loss);
  let results = (outs Ingot_F32Tensor:$loss, Ingot_F32Tensor:$lse);
  let assemblyFormat = [{
    $logits `,` $targets (`weights` $weights^)? `z_loss` custom<PlainFloat>($z_loss) attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ingot_CrossEntropyGradOp : Ingot_Op<"cross_entropy_grad", [Pure, AllTypesMatch<["logits", "result"]>]> {
  let summary = "gradient of the loss with respect to the logits";
  let description = [{
    `result = upstream * weights / sum(weights) * ((1 + 2 * z_loss * lse) * exp(logits - lse) - onehot(targets))`, where
    `lse` is the second result of `ingot.cross_entropy` on the same operands and `upstream` the gradient of its first.
    A row of weight 0 has a gradient of exact zeros, whatever its logits are, and so have all rows where the sum of the
    weights is 0. Computed in float32 (float64 for float64 logits).

    Example:
    ```mlir
    %g = ingot.cross_entropy_grad %logits, %targets, %lse, %upstream weights %w z_loss 1.0e-4
        : (tensor<4x64x512xf32>, tensor<4x64xi32>, tensor<4x64xf32>, tensor<f32>, tensor<4x64xf32>)
        -> tensor<4x64x512xf32>
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$logits, Ingot_I32Tensor:$targets, Ingot_F32Tensor:$lse,
      Ingot_F32Tensor:$upstream, Optional<Ingot_F32Tensor>:$weights, F64Attr:$z_loss);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = [{
    $logits `,` $targets `,` $lse `,` $upstream (`weights` $weights^)? `z_loss` custom<PlainFloat>($z_loss) attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ingot_ScatterAddOp : Ingot_Op<"scatter_add", [Pure, AllTypesMatch<["into", "result"]>]> {
  let summary = "adds rows to rows of a table by index";
  let description = [{
    `result[v, r...] = into[v, r...] + sum of updates[i..., r...]` over all `i` with `indices[i...] = v`, added one after
    the other in index order and accumulated in float32 (float64 for float64, integers wrap): the transpose of
    `ingot.gather`. Indices outside the table are clamped to it, as there.

    Preconditions: a table of at least one row; `updates` has the shape of `indices` followed by that of `into` without
    its first dimension.

    Example:
    ```mlir
    %t = ingot.scatter_add %updates, %tokens into %zeros
        : (tensor<1x4x64xf32>, tensor<1x4xi32>, tensor<512x64xf32>) -> tensor<512x64xf32>
    ```
  }];
  let arguments = (ins Ingot_AnyTensor:$updates, Ingot_IndexTensor:$indices, Ingot_AnyTensor:$into);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$updates `,` $indices `into` $into attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Ingot_AttentionGradOp : Ingot_Op<"attention_grad", [Pure, AllTypesMatch<["query", "dquery"]>,
    AllTypesMatch<["key", "dkey"]>, AllTypesMatch<["value", "dvalue"]>, AllTypesMatch<["out", "upstream"]>]> {
  let summary = "gradients of attention with respect to query, key and value";
  let description = [{
    Operands and attributes are those of `ingot.attention` without a cache, its results `out` and `lse`, and `upstream`,
    the gradient of `out`. Weights are recomputed from the log-sum-exp, so no [rows, keys] value outlives the op (Dao et
    al., 2022, arXiv:2205.14135). With query row i, visible keys j and the kv head that the query head uses:

    `p[i, j] = exp(scale * query[i] . key[j] + bias[i, j] - lse[i])`,
    `ds[i, j] = p[i, j] * (upstream[i] . value[j] - upstream[i] . out[i])`,
    `dquery[i] = scale * sum_j ds[i, j] key[j]`, `dkey[j] = scale * sum_i ds[i, j] query[i]`,
    `dvalue[j] = sum_i p[i, j] upstream[i]`.

    The last two sum over the query heads of a kv head as well. Computed in float32 (float64 for float64), sums over
    keys in index order, those over queries by head, then by row.

    Example:
    ```mlir
    %dq, %dk, %dv = ingot.attention_grad %q, %k, %v out %o lse %l upstream %g causal scale 0.35
        : (tensor<1x4x8x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x4x8x8xf32>, tensor<1x4x8xf32>,
           tensor<1x4x8x8xf32>) -> (tensor<1x4x8x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$query, Ingot_FloatTensor:$key, Ingot_FloatTensor:$value,
      Ingot_FloatTensor:$out, Ingot_F32Tensor:$lse, Ingot_FloatTensor:$upstream, Optional<Ingot_FloatTensor>:$bias,
      UnitAttr:$causal, F64Attr:$scale);
  let results = (outs Ingot_FloatTensor:$dquery, Ingot_FloatTensor:$dkey, Ingot_FloatTensor:$dvalue);
  let assemblyFormat = [{
    $query `,` $key `,` $value `out` $out `lse` $lse `upstream` $upstream (`bias` $bias^)? (`causal` $causal^)?
    `scale` custom<PlainFloat>($scale) attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
