// Operations of the `tile` dialect: attention cut along the keys.
#ifndef TILE_ATTENTION_OPS_TD
#define TILE_ATTENTION_OPS_TD

include "dialects/Tile/TileOps.td"

def Tile_PartialAttentionOp : Tile_Op<"partial_attention"> {
  let summary = "attention to a part of the keys, to be combined";
  let description = [{
    As `tile.attention` with start and count, where `key`, `value` and the last dimension of `bias` hold only the keys from
    position `first` on. Nothing is divided: for each row and head, `out` [b, c, h, 1, dv + 2] in float32 (float64 for
    float64) gets the sum of `exp(score - m) * value` [dv], then the largest score m, then l = the sum of
    `exp(score - m)`. A row that sees none of these keys gets zeros, m = -inf and l = 0; where all scores are -inf, l is
    NaN as the formula says. `tile.combine_attention` makes the result of several parts.

    Example:
    ```mlir
    tile.partial_attention causal scale 0.35 ins(%q, %k, %v
        : memref<1x1x2x8xf32>, memref<1x1x256x8xf32>, memref<1x1x256x8xf32>) first %i
        start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x1x2x1x10xf32>)
    ```
  }];
  let arguments = (ins UnitAttr:$causal, F64Attr:$scale, Tile_Shaped:$query, Tile_Shaped:$key, Tile_Shaped:$value,
      Index:$first, Tile_Shaped:$start, Tile_Shaped:$count, Optional<Tile_Shaped>:$bias, Tile_Shaped:$out);
  let assemblyFormat = [{
    (`causal` $causal^)? `scale` custom<PlainFloat>($scale) `ins` `(` $query `,` $key `,` $value
    `:` type($query) `,` type($key) `,` type($value) `)` `first` $first `start` `(` $start `:` type($start) `)`
    `count` `(` $count `:` type($count) `)` (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tile_CombineAttentionOp : Tile_Op<"combine_attention"> {
  let summary = "attention from its parts";
  let description = [{
    `parts` [b, c, h, n, dv + 2] holds what `tile.partial_attention` computed from n parts of the keys. With M the largest
    m and w = exp(m - M) of each part, `out` [b, c, h, dv] is the sum of w * output divided by the sum of w * l, both in
    order of the parts. Parts with m = -inf count only if all are so. A row without keys in any part is zero.

    Example: `tile.combine_attention ins(%p : memref<1x1x2x4x10xf32>) outs(%o : memref<1x1x2x8xf32>)`
  }];
  let arguments = (ins Tile_Shaped:$parts, Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $parts `:` type($parts) `)` `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

#endif
