// Operations of the `ingot` dialect: attention, rotary embedding and the KV cache.
#ifndef INGOT_ATTENTION_OPS_TD
#define INGOT_ATTENTION_OPS_TD

include "dialects/Ingot/IngotOps.td"

def Ingot_PositionsOp : Ingot_Op<"positions", [Pure]> {
  let summary = "absolute positions of the rows of a step";
  let description = [{
    `result[b, c] = start[b] + c`.

    Example: `%p = ingot.positions %start : tensor<1xi32> -> tensor<1x64xi32>`
  }];
  let arguments = (ins Ingot_IndexTensor:$start);
  let results = (outs Ingot_IndexTensor:$result);
  let assemblyFormat = "$start attr-dict `:` type($start) `->` type($result)";
  let hasVerifier = 1;
}

def Ingot_LastRowOp : Ingot_Op<"last_row", [Pure, InferTypeOpAdaptor]> {
  let summary = "the last valid row of each sequence";
  let description = [{
    `result[b, 0, ...] = input[b, c, ...]` with c = count[b] - 1, clamped to the rows of `input`: an idle sequence
    (count[b] = 0) gives its first row. With one row it is `input` itself.

    Preconditions: `input` is [batch, rows, ...] with at least one row, `count` is [batch].

    Example:
    ```mlir
    %y = ingot.last_row %x count %count : (tensor<1x64x288xf32>, tensor<1xi32>) -> tensor<1x1x288xf32>
    ```
  }];
  let arguments = (ins Ingot_AnyTensor:$input, Ingot_IndexTensor:$count);
  let results = (outs Ingot_AnyTensor:$result);
  let assemblyFormat = "$input `count` $count attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ingot_RopeOp : Ingot_Op<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of each head's elements by the angles of the row's position (Su et al., 2021, arXiv:2104.09864).
    `input` is [batch, rows, heads, head_dim]; `cos` and `sin` are tables [positions, r / 2] with r <= head_dim even;
    `positions` is [batch, rows] and clamped to the tables. The pair (x0, x1) with angle number i becomes
    (x0 cos_i - x1 sin_i, x0 sin_i + x1 cos_i). Pairs are (2i, 2i + 1) when `interleaved`, else (i, i + r / 2).
    Elements from r on pass through unchanged.

    Example:
    ```mlir
    %y = ingot.rope %x, %cos, %sin at %pos interleaved
        : tensor<1x1x8x8xf32>, tensor<512x4xf32>, tensor<512x4xf32>, tensor<1x1xi32>
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$input, Ingot_FloatTensor:$cos, Ingot_FloatTensor:$sin,
      Ingot_IndexTensor:$positions, UnitAttr:$interleaved);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $cos `,` $sin `at` $positions (`interleaved` $interleaved^)? attr-dict
    `:` type($input) `,` type($cos) `,` type($sin) `,` type($positions)
  }];
  let hasVerifier = 1;
}

def Ingot_AttentionOp : Ingot_Op<"attention", [Pure, AttrSizedOperandSegments]> {
  let summary = "scaled dot-product attention with grouped heads";
  let description = [{
    `query` is [batch, rows, heads, d], `key` [batch, kv_heads, keys, d], `value` [batch, kv_heads, keys, dv], `out`
    [batch, rows, heads, dv]; heads is a multiple of kv_heads and query head h uses kv head h / (heads / kv_heads).
    `out = softmax(scale * query key^T + bias) value` with the softmax over the visible keys, computed in float32
    (Vaswani et al., 2017, arXiv:1706.03762; grouped heads: arXiv:2305.13245).

    Without `start` all keys are visible; `causal` then shows query row c the keys j <= keys - rows + c (aligned at the
    bottom right). With `start` and `count` (both [batch]) the keys are a cache: row c of sequence b stands at position
    start[b] + c, sees the keys j < start[b] + count[b], and with `causal` only j <= start[b] + c; rows c >= count[b]
    give zeros. `bias` broadcasts to [batch, heads, rows, keys]: each of its four extents equals that or is 1.
    The optional second result is the log-sum-exp of the scaled and biased scores, float32 [batch, rows, heads].

    Preconditions: `start` and `count` come together.
    Errors: "expects heads to be a multiple of kv heads, but got 8 and 3".

    Example:
    ```mlir
    %o = ingot.attention %q, %k, %v start %start count %count causal scale 0.35
        : (tensor<1x1x8x8xf32>, tensor<1x4x512x8xf32>, tensor<1x4x512x8xf32>, tensor<1xi32>, tensor<1xi32>)
        -> tensor<1x1x8x8xf32>
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$query, Ingot_FloatTensor:$key, Ingot_FloatTensor:$value,
      Optional<Ingot_IndexTensor>:$start, Optional<Ingot_IndexTensor>:$count, Optional<Ingot_FloatTensor>:$bias,
      UnitAttr:$causal, F64Attr:$scale);
  let results = (outs Ingot_FloatTensor:$out, Optional<RankedTensorOf<[F32]>>:$lse);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`start` $start^ `count` $count)? (`bias` $bias^)? (`causal` $causal^)?
    `scale` custom<PlainFloat>($scale) attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ingot_KvAppendOp : Ingot_Op<"kv_append", [Pure, AllTypesMatch<["cache", "result"]>]> {
  let summary = "writes new keys and values into the cache";
  let description = [{
    `cache` is [layer, k|v, slot, kv_head, max_seq, d]. The result is the cache with rows c < count[b] of `key` and
    `value` ([batch, rows, kv_heads, d]) written at `[layer, 0, b, h, start[b] + c]` and `[layer, 1, ...]`. Rows
    from count[b] on are not written. The runtime checks start[b] + count[b] <= max_seq before a step; a row outside
    the cache is not written. Plan updates the cache in place.

    Example:
    ```mlir
    %kv1 = ingot.kv_append %k, %v into %kv layer 3 start %start count %count
        : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<5x2x1x4x512x8xf32>, tensor<1xi32>, tensor<1xi32>
    ```
  }];
  let arguments = (ins Ingot_FloatTensor:$key, Ingot_FloatTensor:$value, Ingot_FloatTensor:$cache,
      I64Attr:$layer, Ingot_IndexTensor:$start, Ingot_IndexTensor:$count);
  let results = (outs Ingot_FloatTensor:$result);
  let assemblyFormat = [{
    $key `,` $value `into` $cache `layer` custom<PlainInt>($layer) `start` $start `count` $count attr-dict
    `:` type($key) `,` type($value) `,` type($cache) `,` type($start) `,` type($count)
  }];
  let hasVerifier = 1;
}

#endif
