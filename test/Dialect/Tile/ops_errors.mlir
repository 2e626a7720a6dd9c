// RUN: ingot-opt --split-input-file --verify-diagnostics %s

func.func @mixed(%x: tensor<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects only tensors or only memrefs}}
  tile.row softmax eps 0.0 ins(%x : tensor<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @no_result(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects one result, but got 0}}
  tile.row softmax eps 0.0 ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>)
  return
}

// -----

func.func @result_type(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects a result of type 'tensor<4xf32>', but got 'tensor<5xf32>'}}
  %0 = tile.row softmax eps 0.0 ins(%x : tensor<4xf32>) outs(%x : tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @dynamic(%x: memref<?xf32>) {
  // expected-error @+1 {{expects static shapes, but got 'memref<?xf32>'}}
  tile.row softmax eps 0.0 ins(%x : memref<?xf32>) outs(%x : memref<?xf32>)
  return
}

// -----

func.func @contract_extent(%x: memref<2x4xf32>, %w: memref<5x3xf32>, %y: memref<2x3xf32>) {
  // expected-error @+1 {{expects iteration dimension 2 to have one extent, but got 4 and 5}}
  tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : memref<2x4xf32>, memref<5x3xf32>) outs(%y : memref<2x3xf32>)
  return
}

// -----

func.func @contract_maps(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects 3 maps, but got 2}}
  tile.contract [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>] ins(%x, %x : memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @contract_unused(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects each iteration dimension to occur in a map}}
  tile.contract [affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (m)>]
      ins(%x, %x : memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @contract_map(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects projected permutations of one iteration space}}
  tile.contract [affine_map<(m) -> (m + 1)>, affine_map<(m) -> (m)>, affine_map<(m) -> (m)>]
      ins(%x, %x : memref<4xf32>, memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @map_range(%x: memref<3xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects map results inside an input of type 'memref<3xf32>'}}
  tile.map [affine_map<(m) -> (m)>] ins(%x : memref<3xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%v: f32):
    tile.yield %v : f32
  }
  return
}

// -----

func.func @map_arguments(%x: memref<4xf32>) {
  // expected-error @+1 {{expects one map and one block argument per input, but got 1 and 2 for 1}}
  tile.map [affine_map<(m) -> (m)>] ins(%x : memref<4xf32>) outs(%x : memref<4xf32>) {
  ^bb0(%v: f32, %w: f32):
    tile.yield %v : f32
  }
  return
}

// -----

func.func @map_yield(%x: memref<4xf32>, %y: memref<4xi32>) {
  // expected-error @+1 {{expects its body to yield one value of type 'i32'}}
  tile.map [affine_map<(m) -> (m)>] ins(%x : memref<4xf32>) outs(%y : memref<4xi32>) {
  ^bb0(%v: f32):
    tile.yield %v : f32
  }
  return
}

// -----

func.func @row_inputs(%x: memref<4xf32>) {
  // expected-error @+1 {{expects 2 to 2 inputs, but got 1}}
  tile.row rms_norm eps 1.0e-5 ins(%x : memref<4xf32>) outs(%x : memref<4xf32>)
  return
}

// -----

func.func @row_weight(%x: memref<4xf32>, %w: memref<5xf32>) {
  // expected-error @+1 {{expects a weight of shape [4], but got 'memref<5xf32>'}}
  tile.row rms_norm eps 1.0e-5 ins(%x, %w : memref<4xf32>, memref<5xf32>) outs(%x : memref<4xf32>)
  return
}

// -----

func.func @reduce(%x: memref<4x5xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects a destination of shape [5], but got 'memref<4xf32>'}}
  tile.reduce sum dims [0] ins(%x : memref<4x5xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @rope(%x: memref<1x1x2x8xf32>, %t: memref<16x5xf32>, %p: memref<1x1xi32>) {
  // expected-error @+1 {{expects at most 4 angles per position, but got 5}}
  tile.rope ins(%x, %t, %t, %p : memref<1x1x2x8xf32>, memref<16x5xf32>, memref<16x5xf32>, memref<1x1xi32>) outs(%x : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @positions(%s: memref<2xi32>, %p: memref<1x4xi32>) {
  // expected-error @+1 {{expects start of shape [1], but got 'memref<2xi32>'}}
  tile.positions ins(%s : memref<2xi32>) outs(%p : memref<1x4xi32>)
  return
}

// -----

func.func @attention(%x: memref<1x1x2x8xf32>, %k: memref<1x1x16x8xf32>, %s: memref<1xi32>) {
  // expected-error @+1 {{expects start and count together, but got one of them}}
  tile.attention scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      start(%s : memref<1xi32>) outs(%x : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @partial_attention(%i: index, %x: memref<1x1x2x8xf32>, %k: memref<1x1x16x8xf32>, %s: memref<1xi32>) {
  // expected-error @+1 {{expects a destination of shape [1, 1, 2, 1, 10], but got 'memref<1x1x2x8xf32>'}}
  tile.partial_attention scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      first %i start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%x : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @partial_attention_element(%i: index, %x: memref<1x1x2x8xbf16>, %k: memref<1x1x16x8xbf16>, %s: memref<1xi32>,
    %o: memref<1x1x2x1x10xbf16>) {
  // expected-error @+1 {{expects parts of 'f32', but got 'memref<1x1x2x1x10xbf16>'}}
  tile.partial_attention scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xbf16>, memref<1x1x16x8xbf16>, memref<1x1x16x8xbf16>)
      first %i start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%o : memref<1x1x2x1x10xbf16>)
  return
}

// -----

func.func @combine_attention(%p: memref<1x1x2x3x8xf32>, %o: memref<1x1x2x8xf32>) {
  // expected-error @+1 {{expects parts of shape [1, 1, 2, 3, 10], but got 'memref<1x1x2x3x8xf32>'}}
  tile.combine_attention ins(%p : memref<1x1x2x3x8xf32>) outs(%o : memref<1x1x2x8xf32>)
  return
}

// -----

func.func @gather(%t: memref<4x8x16xf32>, %i: memref<1xi32>, %y: memref<1x16xf32>) {
  // expected-error @+1 {{expects a destination of shape [1, 8], but got 'memref<1x16xf32>'}}
  tile.gather panels ins(%t, %i : memref<4x8x16xf32>, memref<1xi32>) outs(%y : memref<1x16xf32>)
  return
}

// -----

func.func @scatter(%x: memref<1x1x2x8xf32>, %s: memref<1xi32>, %page: memref<1x2x1x2x16x8xf32>) {
  // expected-error @+1 {{expects a page of shape [1, 1, ...], but got 'memref<1x2x1x2x16x8xf32>'}}
  tile.scatter ins(%x : memref<1x1x2x8xf32>) start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%page : memref<1x2x1x2x16x8xf32>)
  return
}

// -----

func.func @weights(%l: memref<1x3x9xf32>, %i: memref<1xi32>, %n: memref<1x2x9xi32>, %f: memref<1xf32>, %w: memref<1x8xf32>) {
  // expected-error @+1 {{expects a destination of shape [1, 9], but got 'memref<1x8xf32>'}}
  tile.sample_weights ins(%l, %i, %n : memref<1x3x9xf32>, memref<1xi32>, memref<1x2x9xi32>)
      parameters(%f, %i, %f, %f, %f, %f : memref<1xf32>, memref<1xi32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>)
      outs(%w : memref<1x8xf32>)
  return
}

// -----

func.func @parameters(%l: memref<1x3x9xf32>, %i: memref<1xi32>, %n: memref<1x2x9xi32>, %f: memref<1xf32>, %w: memref<1x9xf32>) {
  // expected-error @+1 {{expects parameter 1 of 'i32', but got 'memref<1xf32>'}}
  tile.sample_weights ins(%l, %i, %n : memref<1x3x9xf32>, memref<1xi32>, memref<1x2x9xi32>)
      parameters(%f, %f, %f, %f, %f, %f : memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>)
      outs(%w : memref<1x9xf32>)
  return
}

// -----

func.func @seed(%w: memref<1x9xf32>, %i: memref<1xi32>, %y: memref<1xi32>) {
  // expected-error @+1 {{expects a seed of 'i64', but got 'memref<1xi32>'}}
  tile.draw ins(%w, %i, %i, %i : memref<1x9xf32>, memref<1xi32>, memref<1xi32>, memref<1xi32>) outs(%y : memref<1xi32>)
  return
}

// -----

func.func @counts(%t: memref<1x3xi32>, %i: memref<1xi32>, %n: memref<1x9xi32>) {
  // expected-error @+1 {{expects counts of rank 3, but got 'memref<1x9xi32>'}}
  tile.count_tokens ins(%t, %i, %i, %i : memref<1x3xi32>, memref<1xi32>, memref<1xi32>, memref<1xi32>) outs(%n : memref<1x9xi32>)
  return
}

// -----

func.func @updates(%u: memref<2x4x8xf32>, %i: memref<2x3xi32>, %t: memref<5x8xf32>) {
  // expected-error @+1 {{expects updates of shape [2, 3, 8], but got 'memref<2x4x8xf32>'}}
  tile.scatter_add ins(%u, %i : memref<2x4x8xf32>, memref<2x3xi32>) outs(%t : memref<5x8xf32>)
  return
}

// -----

func.func @updates(%u: memref<2x3x8xbf16>, %i: memref<2x3xi32>, %t: memref<5x8xf32>) {
  // expected-error @+1 {{expects updates of 'f32', but got 'memref<2x3x8xbf16>'}}
  tile.scatter_add ins(%u, %i : memref<2x3x8xbf16>, memref<2x3xi32>) outs(%t : memref<5x8xf32>)
  return
}

// -----

func.func @table(%u: memref<2x3xf32>, %i: memref<2x3xi32>, %t: memref<f32>) {
  // expected-error @+1 {{expects a table with at least one row, but got 'memref<f32>'}}
  tile.scatter_add ins(%u, %i : memref<2x3xf32>, memref<2x3xi32>) outs(%t : memref<f32>)
  return
}
