
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>

func.func @tensors(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = tile.contract [#mk, #kn, #mn] ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = tile.map [#id, #row] ins(%0, %b : tensor<2x4xf32>, tensor<4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%v: f32, %u: f32):
    %s = arith.addf %v, %u : f32
    tile.yield %s : f32
  }
  %2 = tile.row softmax eps 0.0 ins(%1 : tensor<2x4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

func.func @memrefs(%x: memref<1x1x2x8xf32>, %t: memref<16x4xf32>, %p: memref<1x1xi32>, %s: memref<1xi32>, %k: memref<1x1x16x8xf32>,
    %e: memref<4x8x16xf32>, %g: memref<1x1x8xf32>, %page: memref<1x2x1x2x16x8xf32>, %r: memref<1x1x8xf32>, %i: index,
    %parts: memref<1x1x2x1x10xf32>) {
  tile.positions ins(%s : memref<1xi32>) outs(%p : memref<1x1xi32>)
  tile.rope interleaved ins(%x, %t, %t, %p : memref<1x1x2x8xf32>, memref<16x4xf32>, memref<16x4xf32>, memref<1x1xi32>) outs(%x : memref<1x1x2x8xf32>)
  tile.attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%x : memref<1x1x2x8xf32>)
  tile.attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      row %i outs(%x : memref<1x1x2x8xf32>)
  tile.partial_attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      first %i start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%parts : memref<1x1x2x1x10xf32>)
  tile.combine_attention ins(%parts : memref<1x1x2x1x10xf32>) outs(%x : memref<1x1x2x8xf32>)
  tile.gather panels ins(%e, %p : memref<4x8x16xf32>, memref<1x1xi32>) outs(%g : memref<1x1x8xf32>)
  tile.scatter ins(%x, %x : memref<1x1x2x8xf32>, memref<1x1x2x8xf32>) start(%s : memref<1xi32>) count(%s : memref<1xi32>)
      outs(%page : memref<1x2x1x2x16x8xf32>)
  tile.reduce max dims [2] ins(%x : memref<1x1x2x8xf32>) outs(%r : memref<1x1x8xf32>)
  return
}

func.func @sampling(%t: memref<1x3xi32>, %n: memref<1x2x9xi32>, %i: memref<1xi32>, %l: memref<1x3x9xf32>,
    %f: memref<1xf32>, %seed: memref<1xi64>, %w: memref<1x9xf32>, %y: memref<1xi32>) {
  tile.count_tokens ins(%t, %i, %i, %i : memref<1x3xi32>, memref<1xi32>, memref<1xi32>, memref<1xi32>)
      outs(%n : memref<1x2x9xi32>)
  tile.sample_weights ins(%l, %i, %n : memref<1x3x9xf32>, memref<1xi32>, memref<1x2x9xi32>)
      parameters(%f, %i, %f, %f, %f, %f : memref<1xf32>, memref<1xi32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>)
      outs(%w : memref<1x9xf32>)
  tile.draw ins(%w, %i, %i, %seed : memref<1x9xf32>, memref<1xi32>, memref<1xi32>, memref<1xi64>) outs(%y : memref<1xi32>)
  return
}
