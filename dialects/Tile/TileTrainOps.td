// Operations of the `tile` dialect that only training needs.
#ifndef TILE_TRAIN_OPS_TD
#define TILE_TRAIN_OPS_TD

include "dialects/Tile/TileOps.td"

def Tile_ScatterAddOp : Tile_Op<"scatter_add"> {
  let summary = "adds rows to rows of a table by index";
  let description = [{
    `out[indices[i...], r...] += updates[i..., r...]`, one row after the other in index order of `i`, each sum rounded
    to the element type; indices clamped to the table. Rows that no index names keep their value.

    Example: `tile.scatter_add ins(%u, %i : memref<1x4x64xf32>, memref<1x4xi32>) outs(%t : memref<512x64xf32>)`
  }];
  let arguments = (ins Tile_Shaped:$updates, Tile_Shaped:$indices, Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $updates `,` $indices `:` type($updates) `,` type($indices) `)` `outs` `(` $out `:` type($out) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destination # [{
    bool keepsDestination() { return true; }
  }];
}

#endif
