// Operations of the `tile` dialect: from logits to the next token.
#ifndef TILE_SAMPLING_OPS_TD
#define TILE_SAMPLING_OPS_TD

include "dialects/Tile/TileAttentionOps.td"

def Tile_CountTokensOp : Tile_Op<"count_tokens"> {
  let summary = "counts the tokens that a sequence has had";
  let description = [{
    As `ingot.count_tokens`: tokens [b, c], start, count and sampled [b], out [b, prompt|sampled, vocabulary]. Counts of
    other tokens keep their value.

    Example:
    ```mlir
    tile.count_tokens ins(%tokens, %start, %count, %sampled
        : memref<1x64xi32>, memref<1xi32>, memref<1xi32>, memref<1xi32>) outs(%counts : memref<1x2x512xi32>)
    ```
  }];
  let arguments = (ins Tile_Shaped:$tokens, Tile_Shaped:$start, Tile_Shaped:$count, Tile_Shaped:$sampled,
      Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $tokens `,` $start `,` $count `,` $sampled
    `:` type($tokens) `,` type($start) `,` type($count) `,` type($sampled) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = destination # [{
    bool keepsDestination() { return true; }
  }];
}

def Tile_SampleWeightsOp : Tile_Op<"sample_weights"> {
  let summary = "how likely each token is to be drawn";
  let description = [{
    Steps 1 to 4 of `ingot.sample`: from row min(count[b], c) - 1 of logits [b, c, v] and counts [b, 2, v], the weights
    [b, v], float32, 0 for tokens that are not to be drawn; their largest is 1. `parameters` are temperature, top_k,
    top_p, presence, frequency and repetition, [b] each. Where one token is certain, its weight is 1 and the others are
    0; where a logit is NaN or count[b] < 1, all weights are 0.

    Example:
    ```mlir
    tile.sample_weights ins(%l, %n, %counts : memref<1x64x512xf32>, memref<1xi32>, memref<1x2x512xi32>)
        parameters(%t, %k, %p, %pp, %fp, %rp : memref<1xf32>, memref<1xi32>, memref<1xf32>, memref<1xf32>,
                   memref<1xf32>, memref<1xf32>)
        outs(%w : memref<1x512xf32>)
    ```
  }];
  let arguments = (ins Tile_Shaped:$logits, Tile_Shaped:$count, Tile_Shaped:$counts,
      Variadic<Tile_Shaped>:$parameters, Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $logits `,` $count `,` $counts `:` type($logits) `,` type($count) `,` type($counts) `)`
    `parameters` `(` $parameters `:` type($parameters) `)` `outs` `(` $out `:` type($out) `)` attr-dict
    (`->` type($results)^)?
  }];
}

def Tile_DrawOp : Tile_Op<"draw"> {
  let summary = "draws an index by weight";
  let description = [{
    Step 5 of `ingot.sample`: weights [b, v] float32 (none negative), start, count [b] int32 and seed [b] int64; out [b]
    int32 is the index drawn, or -1 where all weights are 0.

    Example:
    ```mlir
    tile.draw ins(%w, %start, %count, %seed : memref<1x512xf32>, memref<1xi32>, memref<1xi32>, memref<1xi64>)
        outs(%next : memref<1xi32>)
    ```
  }];
  let arguments = (ins Tile_Shaped:$weights, Tile_Shaped:$start, Tile_Shaped:$count, Tile_Shaped:$seed,
      Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $weights `,` $start `,` $count `,` $seed
    `:` type($weights) `,` type($start) `,` type($count) `,` type($seed) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict (`->` type($results)^)?
  }];
}

#endif
