// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --mlir-print-op-generic | ingot-opt | FileCheck %s

// CHECK: ingot.param @wq : tensor<64x64xf32>
ingot.param @wq : tensor<64x64xf32>
// CHECK: ingot.param @packed : tensor<64x64xf32, #ingot.panels<axis = 0, width = 16>>
ingot.param @packed : tensor<64x64xf32, #ingot.panels<axis = 0, width = 16>>
// CHECK: ingot.param @table = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
ingot.param @table = dense<[1.0, 2.0]> : tensor<2xf32>
// CHECK: ingot.state @kv init 0.000000e+00 : tensor<5x2x1x4x512x8xf32>
ingot.state @kv init 0.0 : tensor<5x2x1x4x512x8xf32>

// CHECK-LABEL: func @decode
func.func @decode(%x: tensor<1x1x64xf32> {ingot.input = "x"}, %w: tensor<64x64xf32> {ingot.param = @wq},
    %kv: tensor<5x2x1x4x512x8xf32> {ingot.state = @kv}, %start: tensor<1xi32> {ingot.input = "start", ingot.role = "start"},
    %count: tensor<1xi32> {ingot.input = "count", ingot.role = "count"},
    %cos: tensor<512x4xf32> {ingot.input = "cos"}, %scale: tensor<64xf32> {ingot.input = "scale"})
    -> (tensor<1x1x8x8xf32> {ingot.output = "y"}, tensor<5x2x1x4x512x8xf32> {ingot.state = @kv}) {
  // CHECK: ingot.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<1x1x64xf32>, tensor<64xf32>
  %n = ingot.rms_norm %x, %scale eps 1.0e-5 : tensor<1x1x64xf32>, tensor<64xf32>
  // CHECK: ingot.dot %{{.*}}, %{{.*}} contract [2] x [1] : (tensor<1x1x64xf32>, tensor<64x64xf32>) -> tensor<1x1x64xf32>
  %q0 = ingot.dot %n, %w contract [2] x [1] : (tensor<1x1x64xf32>, tensor<64x64xf32>) -> tensor<1x1x64xf32>
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : tensor<1x1x64xf32> into tensor<1x1x8x8xf32>
  // CHECK: ingot.positions %{{.*}} : tensor<1xi32> -> tensor<1x1xi32>
  %p = ingot.positions %start : tensor<1xi32> -> tensor<1x1xi32>
  // CHECK: ingot.last_row %{{.*}} count %{{.*}} : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  %last = ingot.last_row %p count %start : (tensor<1x1xi32>, tensor<1xi32>) -> tensor<1x1xi32>
  // CHECK: ingot.rope %{{.*}}, %{{.*}}, %{{.*}} at %{{.*}} interleaved : tensor<1x1x8x8xf32>, tensor<512x4xf32>, tensor<512x4xf32>, tensor<1x1xi32>
  %q = ingot.rope %q1, %cos, %cos at %p interleaved : tensor<1x1x8x8xf32>, tensor<512x4xf32>, tensor<512x4xf32>, tensor<1x1xi32>
  %k = tensor.extract_slice %q[0, 0, 0, 0] [1, 1, 4, 8] [1, 1, 1, 1] : tensor<1x1x8x8xf32> to tensor<1x1x4x8xf32>
  // CHECK: ingot.kv_append %{{.*}}, %{{.*}} into %{{.*}} layer 3 start %{{.*}} count %{{.*}} : tensor<1x1x4x8xf32>
  %kv1 = ingot.kv_append %k, %k into %kv layer 3 start %start count %count
      : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<5x2x1x4x512x8xf32>, tensor<1xi32>, tensor<1xi32>
  %keys = tensor.extract_slice %kv1[3, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1]
      : tensor<5x2x1x4x512x8xf32> to tensor<1x4x512x8xf32>
  // CHECK: ingot.attention %{{.*}}, %{{.*}}, %{{.*}} start %{{.*}} count %{{.*}} causal scale 3.500000e-01 : (tensor<1x1x8x8xf32>
  %o = ingot.attention %q, %keys, %keys start %start count %count causal scale 0.35
      : (tensor<1x1x8x8xf32>, tensor<1x4x512x8xf32>, tensor<1x4x512x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x8x8xf32>
  // CHECK: ingot.silu
  %s = ingot.silu %o : tensor<1x1x8x8xf32>
  return %s, %kv1 : tensor<1x1x8x8xf32>, tensor<5x2x1x4x512x8xf32>
}

// CHECK-LABEL: func @others
func.func @others(%x: tensor<2x4x8xf32>, %b: tensor<8xf32>, %t: tensor<512x64xf32>, %i: tensor<1x3xi32>) -> tensor<1x3x64xf32> {
  // CHECK: ingot.layer_norm %{{.*}}, %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>
  %0 = ingot.layer_norm %x, %b, %b eps 1.0e-5 : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>
  // CHECK: ingot.reduce sum %{{.*}} dims [0, 2] : (tensor<2x4x8xf32>) -> tensor<4xf32>
  %1 = ingot.reduce sum %0 dims [0, 2] : (tensor<2x4x8xf32>) -> tensor<4xf32>
  // CHECK: ingot.broadcast %{{.*}} dims [1] : tensor<4xf32> -> tensor<2x4x8xf32>
  %2 = ingot.broadcast %1 dims [1] : tensor<4xf32> -> tensor<2x4x8xf32>
  // CHECK: ingot.transpose %{{.*}} permutation [0, 2, 1] : (tensor<2x4x8xf32>) -> tensor<2x8x4xf32>
  %3 = ingot.transpose %2 permutation [0, 2, 1] : (tensor<2x4x8xf32>) -> tensor<2x8x4xf32>
  // CHECK: ingot.dot %{{.*}}, %{{.*}} batch [0] x [0] contract [1] x [2]
  %4 = ingot.dot %3, %2 batch [0] x [0] contract [1] x [2] : (tensor<2x8x4xf32>, tensor<2x4x8xf32>) -> tensor<2x4x4xf32>
  // CHECK: ingot.softmax
  %5 = ingot.softmax %4 : tensor<2x4x4xf32>
  // CHECK: ingot.gelu tanh
  %6 = ingot.gelu tanh %5 : tensor<2x4x4xf32>
  // CHECK: ingot.gather %{{.*}}, %{{.*}} : (tensor<512x64xf32>, tensor<1x3xi32>) -> tensor<1x3x64xf32>
  %7 = ingot.gather %t, %i : (tensor<512x64xf32>, tensor<1x3xi32>) -> tensor<1x3x64xf32>
  return %7 : tensor<1x3x64xf32>
}

// CHECK-LABEL: func @sampling
func.func @sampling(%t: tensor<2x3xi32>, %n: tensor<2x2x9xi32>, %i: tensor<2xi32>, %l: tensor<2x3x9xf32>,
    %f: tensor<2xf32>, %seed: tensor<2xi64>) -> (tensor<2xi32>, tensor<2x2x9xi32>) {
  // CHECK: ingot.count_tokens %{{.*}} into %{{.*}} start %{{.*}} count %{{.*}} sampled %{{.*}} : tensor<2x3xi32>, tensor<2x2x9xi32>, tensor<2xi32>
  %0 = ingot.count_tokens %t into %n start %i count %i sampled %i : tensor<2x3xi32>, tensor<2x2x9xi32>, tensor<2xi32>
  // CHECK: ingot.sample %{{.*}} start %{{.*}} count %{{.*}} counts %{{.*}} temperature %{{.*}} top_k %{{.*}} top_p %{{.*}} presence %{{.*}} frequency %{{.*}} repetition %{{.*}} seed %{{.*}} : {{.*}} -> tensor<2xi32>
  %1 = ingot.sample %l start %i count %i counts %0 temperature %f top_k %i top_p %f presence %f frequency %f
      repetition %f seed %seed : (tensor<2x3x9xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2x9xi32>, tensor<2xf32>,
      tensor<2xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi64>) -> tensor<2xi32>
  return %1, %0 : tensor<2xi32>, tensor<2x2x9xi32>
}
