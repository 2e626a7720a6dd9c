// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --mlir-print-op-generic | ingot-opt | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>

// On tensors an op returns its destination.
// CHECK-LABEL: func @tensors
func.func @tensors(%x: tensor<2x8xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // CHECK: tile.contract [#{{.*}}, #{{.*}}, #{{.*}}] ins(%{{.*}}, %{{.*}} : tensor<2x8xf32>, tensor<8x4xf32>) outs(%{{.*}} : tensor<2x4xf32>) -> tensor<2x4xf32>
  %0 = tile.contract [#mk, #kn, #mn] ins(%x, %w : tensor<2x8xf32>, tensor<8x4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: tile.map [#{{.*}}, #{{.*}}] ins(%{{.*}}, %{{.*}} : tensor<2x4xf32>, tensor<4xf32>) outs(%{{.*}} : tensor<2x4xf32>) -> tensor<2x4xf32> {
  %1 = tile.map [#id, #row] ins(%0, %b : tensor<2x4xf32>, tensor<4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%v: f32, %u: f32):
    %s = arith.addf %v, %u : f32
    tile.yield %s : f32
  }
  // CHECK: tile.row softmax eps 0.000000e+00 ins(%{{.*}} : tensor<2x4xf32>) outs(%{{.*}} : tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = tile.row softmax eps 0.0 ins(%1 : tensor<2x4xf32>) outs(%y : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// On memrefs it writes it.
// CHECK-LABEL: func @memrefs
// CHECK-SAME: %[[I:[a-z0-9]*]]: index
func.func @memrefs(%x: memref<1x1x2x8xf32>, %t: memref<16x4xf32>, %p: memref<1x1xi32>, %s: memref<1xi32>, %k: memref<1x1x16x8xf32>,
    %e: memref<4x8x16xf32>, %g: memref<1x1x8xf32>, %page: memref<1x2x1x2x16x8xf32>, %r: memref<1x1x8xf32>, %i: index,
    %parts: memref<1x1x2x1x10xf32>) {
  // CHECK: tile.positions ins(%{{.*}} : memref<1xi32>) outs(%{{.*}} : memref<1x1xi32>)
  tile.positions ins(%s : memref<1xi32>) outs(%p : memref<1x1xi32>)
  // CHECK: tile.rope interleaved ins(
  tile.rope interleaved ins(%x, %t, %t, %p : memref<1x1x2x8xf32>, memref<16x4xf32>, memref<16x4xf32>, memref<1x1xi32>) outs(%x : memref<1x1x2x8xf32>)
  // CHECK: tile.attention causal scale 5.000000e-01 ins({{.*}}) start({{.*}}) count({{.*}}) outs(
  tile.attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%x : memref<1x1x2x8xf32>)
  // CHECK: tile.attention causal scale {{.*}} ins({{.*}}) row %[[I]] outs(
  tile.attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      row %i outs(%x : memref<1x1x2x8xf32>)
  // CHECK: tile.partial_attention causal scale {{.*}} ins({{.*}}) first %[[I]] start({{.*}}) count({{.*}}) outs(
  tile.partial_attention causal scale 0.5 ins(%x, %k, %k : memref<1x1x2x8xf32>, memref<1x1x16x8xf32>, memref<1x1x16x8xf32>)
      first %i start(%s : memref<1xi32>) count(%s : memref<1xi32>) outs(%parts : memref<1x1x2x1x10xf32>)
  // CHECK: tile.combine_attention ins(
  tile.combine_attention ins(%parts : memref<1x1x2x1x10xf32>) outs(%x : memref<1x1x2x8xf32>)
  // CHECK: tile.gather panels ins(
  tile.gather panels ins(%e, %p : memref<4x8x16xf32>, memref<1x1xi32>) outs(%g : memref<1x1x8xf32>)
  // CHECK: tile.scatter ins({{.*}}) start({{.*}}) count({{.*}}) outs(
  tile.scatter ins(%x, %x : memref<1x1x2x8xf32>, memref<1x1x2x8xf32>) start(%s : memref<1xi32>) count(%s : memref<1xi32>)
      outs(%page : memref<1x2x1x2x16x8xf32>)
  // CHECK: tile.reduce max dims [2] ins(
  tile.reduce max dims [2] ins(%x : memref<1x1x2x8xf32>) outs(%r : memref<1x1x8xf32>)
  return
}

// CHECK-LABEL: func @sampling
func.func @sampling(%t: memref<1x3xi32>, %n: memref<1x2x9xi32>, %i: memref<1xi32>, %l: memref<1x3x9xf32>,
    %f: memref<1xf32>, %seed: memref<1xi64>, %w: memref<1x9xf32>, %y: memref<1xi32>) {
  // CHECK: tile.count_tokens ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : memref<1x3xi32>, memref<1xi32>, memref<1xi32>, memref<1xi32>) outs(%{{.*}} : memref<1x2x9xi32>)
  tile.count_tokens ins(%t, %i, %i, %i : memref<1x3xi32>, memref<1xi32>, memref<1xi32>, memref<1xi32>)
      outs(%n : memref<1x2x9xi32>)
  // CHECK: tile.sample_weights ins(%{{.*}}, %{{.*}}, %{{.*}} : memref<1x3x9xf32>, memref<1xi32>, memref<1x2x9xi32>) parameters(%{{.*}} : memref<1xf32>, memref<1xi32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>) outs(%{{.*}} : memref<1x9xf32>)
  tile.sample_weights ins(%l, %i, %n : memref<1x3x9xf32>, memref<1xi32>, memref<1x2x9xi32>)
      parameters(%f, %i, %f, %f, %f, %f : memref<1xf32>, memref<1xi32>, memref<1xf32>, memref<1xf32>, memref<1xf32>, memref<1xf32>)
      outs(%w : memref<1x9xf32>)
  // CHECK: tile.draw ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : memref<1x9xf32>, memref<1xi32>, memref<1xi32>, memref<1xi64>) outs(%{{.*}} : memref<1xi32>)
  tile.draw ins(%w, %i, %i, %seed : memref<1x9xf32>, memref<1xi32>, memref<1xi32>, memref<1xi64>) outs(%y : memref<1xi32>)
  return
}

// CHECK-LABEL: func @training
func.func @training(%u: memref<2x3x8xf32>, %i: memref<2x3xi32>, %t: memref<5x8xf32>) {
  // CHECK: tile.scatter_add ins(%{{.*}}, %{{.*}} : memref<2x3x8xf32>, memref<2x3xi32>) outs(%{{.*}} : memref<5x8xf32>)
  tile.scatter_add ins(%u, %i : memref<2x3x8xf32>, memref<2x3xi32>) outs(%t : memref<5x8xf32>)
  return
}
