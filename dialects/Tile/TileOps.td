// Operations of the `tile` dialect.
#ifndef TILE_OPS_TD
#define TILE_OPS_TD

include "dialects/Ingot/IngotTypes.td"
include "dialects/Tile/TileDialect.td"
include "dialects/Tile/TileEnums.td"
include "dialects/Tile/TileInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_Shaped : AnyTypeOf<[AnyRankedTensor, AnyMemRef]>;

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, !listconcat([DestinationStyleOpInterface,
         DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
         DeclareOpInterfaceMethods<TileOpInterface, ["getFlops"]>], traits)> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  code destination = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return ::mlir::MutableOperandRange(getOutMutable()); }
  }];
  let extraClassDeclaration = destination;
}

def Tile_YieldOp : Op<Tile_Dialect, "yield", [Pure, Terminator, HasParent<"MapOp">]> {
  let summary = "the element that a `tile.map` writes";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Tile_ContractOp : Tile_Op<"contract"> {
  let summary = "contraction of two tiles";
  let description = [{
    `out[mo(i)] = sum over the reduction dimensions of lhs[ml(i)] * rhs[mr(i)]` where the three maps are projected
    permutations of one iteration space; the dimensions that `out` lacks are reduced, in order of their position, the
    first outermost. Accumulates in float32 (float64 for float64, int32 for integers) and rounds once at the end.

    Preconditions: each iteration dimension occurs in a map, with one extent everywhere.

    Example:
    ```mlir
    // y[m, n] = sum_k x[m, k] * w[k, n]
    tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : memref<1x64xf32>, memref<64x16xf32>) outs(%y : memref<1x16xf32>)
    ```
  }];
  let arguments = (ins AffineMapArrayAttr:$maps, Tile_Shaped:$lhs, Tile_Shaped:$rhs, Tile_Shaped:$out);
  let assemblyFormat = [{
    $maps `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)` `outs` `(` $out `:` type($out) `)` attr-dict
    (`->` type($results)^)?
  }];
  let extraClassDeclaration = destination # [{
    /// Maps of lhs, rhs and out.
    ::mlir::AffineMap getMap(unsigned operand) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[operand]).getValue();
    }
    /// Extent of each iteration dimension.
    ::llvm::SmallVector<int64_t> getExtents();
    /// Iteration dimensions that `out` lacks, in order.
    ::llvm::SmallVector<unsigned> getReductionDims();
  }];
}

def Tile_MapOp : Tile_Op<"map"> {
  let summary = "pointwise computation";
  let description = [{
    For each index i of `out`: `out[i] = body(inputs_0[map_0(i)], ...)`. One map per input, from the dimensions of `out`
    to those of the input; results are dimensions or constants. The body is a block of scalar `arith` and `math`
    operations that ends in `tile.yield`.

    Example:
    ```mlir
    tile.map [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>]
        ins(%x, %b : memref<1x16xf32>, memref<16xf32>) outs(%y : memref<1x16xf32>) {
    ^bb0(%x0: f32, %b0: f32):
      %s = arith.addf %x0, %b0 : f32
      tile.yield %s : f32
    }
    ```
  }];
  let arguments = (ins AffineMapArrayAttr:$maps, Variadic<Tile_Shaped>:$inputs, Tile_Shaped:$out);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $maps (`ins` `(` $inputs^ `:` type($inputs) `)`)? `outs` `(` $out `:` type($out) `)` (`->` type($results)^)?
    attr-dict-with-keyword $body
  }];
  let extraClassDeclaration = destination # [{
    ::mlir::AffineMap getMap(unsigned input) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[input]).getValue();
    }
  }];
}

def Tile_RowOp : Tile_Op<"row"> {
  let summary = "normalisation of rows";
  let description = [{
    Normalises each row (the last dimension) of the first input, statistics in float32. Inputs are
    `rms_norm`: x, scale [n]; `layer_norm`: x, scale [n], and perhaps bias [n]; `softmax`: x. See `ingot.rms_norm`,
    `ingot.layer_norm` and `ingot.softmax` for the formulas. `eps` is ignored by `softmax`.

    Example:
    `tile.row rms_norm eps 1.0e-5 ins(%x, %w : memref<1x64xf32>, memref<64xf32>) outs(%y : memref<1x64xf32>)`
  }];
  let arguments = (ins Tile_RowKind:$kind, F64Attr:$eps, Variadic<Tile_Shaped>:$inputs,
      Tile_Shaped:$out);
  let assemblyFormat = [{
    $kind `eps` custom<PlainFloat>($eps) `ins` `(` $inputs `:` type($inputs) `)`
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tile_ReduceOp : Tile_Op<"reduce"> {
  let summary = "reduction over dimensions";
  let description = [{
    As `ingot.reduce`: combines along `dims` in index order and drops them.

    Example: `tile.reduce sum dims [1] ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>)`
  }];
  let arguments = (ins Ingot_ReduceKind:$kind, DenseI64ArrayAttr:$dims, Tile_Shaped:$input, Tile_Shaped:$out);
  let assemblyFormat = [{
    $kind `dims` $dims `ins` `(` $input `:` type($input) `)` `outs` `(` $out `:` type($out) `)` attr-dict
    (`->` type($results)^)?
  }];
}

def Tile_RopeOp : Tile_Op<"rope"> {
  let summary = "rotary position embedding of whole heads";
  let description = [{
    As `ingot.rope`: input [b, c, h, d], cos and sin [positions, r / 2], positions [b, c].

    Example:
    ```mlir
    tile.rope interleaved ins(%x, %cos, %sin, %p
        : memref<1x1x1x8xf32>, memref<512x4xf32>, memref<512x4xf32>, memref<1x1xi32>) outs(%y : memref<1x1x1x8xf32>)
    ```
  }];
  let arguments = (ins UnitAttr:$interleaved, Tile_Shaped:$input, Tile_Shaped:$cos, Tile_Shaped:$sin,
      Tile_Shaped:$positions, Tile_Shaped:$out);
  let assemblyFormat = [{
    (`interleaved` $interleaved^)? `ins` `(` $input `,` $cos `,` $sin `,` $positions
    `:` type($input) `,` type($cos) `,` type($sin) `,` type($positions) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict (`->` type($results)^)?
  }];
}

def Tile_PositionsOp : Tile_Op<"positions"> {
  let summary = "absolute positions of rows";
  let description = [{
    `out[b, c] = start[b] + c`.

    Example: `tile.positions ins(%start : memref<1xi32>) outs(%p : memref<1x64xi32>)`
  }];
  let arguments = (ins Tile_Shaped:$start, Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $start `:` type($start) `)` `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tile_AttentionOp : Tile_Op<"attention", [AttrSizedOperandSegments]> {
  let summary = "attention of a group of query heads";
  let description = [{
    As `ingot.attention` on tiles: query [b, c, h, d], key [b, g, s, d], value [b, g, s, dv], out [b, c, h, dv], h a
    multiple of g. Keys beyond the visible ones are not read.

    A tile may be a part of the rows: row c of the tile is then row `row` + c of its sequence. Without start and count,
    that row is at position `row` + c among the keys; the default is that the last row is at the last.

    Example:
    ```mlir
    tile.attention causal scale 0.35 ins(%q, %k, %v
        : memref<1x1x2x8xf32>, memref<1x1x512x8xf32>, memref<1x1x512x8xf32>) row %i
        start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x1x2x8xf32>)
    ```
  }];
  let arguments = (ins UnitAttr:$causal, F64Attr:$scale, Tile_Shaped:$query, Tile_Shaped:$key, Tile_Shaped:$value,
      Optional<Index>:$row, Optional<Tile_Shaped>:$start, Optional<Tile_Shaped>:$count, Optional<Tile_Shaped>:$bias, Tile_Shaped:$out);
  let assemblyFormat = [{
    (`causal` $causal^)? `scale` custom<PlainFloat>($scale) `ins` `(` $query `,` $key `,` $value
    `:` type($query) `,` type($key) `,` type($value) `)` (`row` $row^)? (`start` `(` $start^ `:` type($start) `)`)?
    (`count` `(` $count^ `:` type($count) `)`)? (`bias` `(` $bias^ `:` type($bias) `)`)?
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tile_GatherOp : Tile_Op<"gather"> {
  let summary = "rows of a table by index";
  let description = [{
    `out[i..., r...] = table[indices[i...], r...]`, indices clamped to the table. With `panels` the table is stored as
    `#ingot.panels<axis = 0, width = w>`: [rows / w, r..., w].

    Example: `tile.gather ins(%t, %i : memref<512x64xf32>, memref<1x1xi32>) outs(%y : memref<1x1x64xf32>)`
  }];
  let arguments = (ins UnitAttr:$panels, Tile_Shaped:$table, Tile_Shaped:$indices, Tile_Shaped:$out);
  let assemblyFormat = [{
    (`panels` $panels^)? `ins` `(` $table `,` $indices `:` type($table) `,` type($indices) `)`
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
}

def Tile_ScatterOp : Tile_Op<"scatter"> {
  let summary = "writes rows into a page of the cache";
  let description = [{
    `out` is a page [1, parts, b, g, s, d] of the cache, each source [b, c, g, d]. Row c < count[b] of source p goes to
    `out[0, p, b, g, start[b] + c]`; rows from count[b] on, and rows outside the page, are not written. The rest of the
    page keeps its value.

    Example:
    ```mlir
    tile.scatter ins(%k, %v : memref<1x1x1x8xf32>, memref<1x1x1x8xf32>) start(%s : memref<1xi32>)
        count(%n : memref<1xi32>) outs(%page : memref<1x2x1x1x512x8xf32>)
    ```
  }];
  let arguments = (ins Variadic<Tile_Shaped>:$sources, Tile_Shaped:$start, Tile_Shaped:$count, Tile_Shaped:$out);
  let assemblyFormat = [{
    `ins` `(` $sources `:` type($sources) `)` `start` `(` $start `:` type($start) `)` `count` `(` $count `:` type($count) `)`
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = destination # [{
    bool keepsDestination() { return true; }
  }];
}

#endif
