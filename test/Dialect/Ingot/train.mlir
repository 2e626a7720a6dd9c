// RUN: ingot-opt %s | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --mlir-print-op-generic | ingot-opt | FileCheck %s
// RUN: ingot-opt %s --canonicalize --cse | FileCheck %s --check-prefix=KEPT

ingot.param @w : tensor<3x8xf32>
ingot.param @packed : tensor<4x8xf32, #ingot.panels<axis = 0, width = 2>>
// CHECK: ingot.state @w.trained from @w : tensor<3x8xf32>
ingot.state @w.trained from @w : tensor<3x8xf32>
// CHECK: ingot.state @logical from @packed : tensor<4x8xf32>
ingot.state @logical from @packed : tensor<4x8xf32>
// CHECK: ingot.state @m init 0.000000e+00 : tensor<3x8xf32>
ingot.state @m init 0.0 : tensor<3x8xf32>

// CHECK-LABEL: func @loss
func.func @loss(%x: tensor<2x3x9xf32>, %t: tensor<2x3xi32>, %w: tensor<2x3xf32>)
    -> (tensor<2x3x9xf32>, tensor<f32>, tensor<2x3x9xf32>) {
  // A canonicalization must not take it away: gradients must not pass.
  // KEPT: ingot.stop_gradient
  // CHECK: ingot.stop_gradient %{{.*}} : tensor<2x3x9xf32>
  %0 = ingot.stop_gradient %x : tensor<2x3x9xf32>
  // CHECK: %[[LOSS:.*]], %[[LSE:.*]] = ingot.cross_entropy %{{.*}}, %{{.*}} weights %{{.*}} z_loss 1.000000e-04 : (tensor<2x3x9xf32>, tensor<2x3xi32>, tensor<2x3xf32>) -> (tensor<f32>, tensor<2x3xf32>)
  %loss, %lse = ingot.cross_entropy %0, %t weights %w z_loss 1.0e-4
      : (tensor<2x3x9xf32>, tensor<2x3xi32>, tensor<2x3xf32>) -> (tensor<f32>, tensor<2x3xf32>)
  // CHECK: ingot.cross_entropy %{{.*}}, %{{.*}} z_loss 0.000000e+00 :
  %mean, %other = ingot.cross_entropy %x, %t z_loss 0.0
      : (tensor<2x3x9xf32>, tensor<2x3xi32>) -> (tensor<f32>, tensor<2x3xf32>)
  // CHECK: ingot.cross_entropy_grad %{{.*}}, %{{.*}}, %[[LSE]], %[[LOSS]] weights %{{.*}} z_loss 1.000000e-04 :
  %1 = ingot.cross_entropy_grad %0, %t, %lse, %loss weights %w z_loss 1.0e-4
      : (tensor<2x3x9xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<f32>, tensor<2x3xf32>) -> tensor<2x3x9xf32>
  // CHECK: ingot.cross_entropy_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} z_loss 0.000000e+00 :
  %2 = ingot.cross_entropy_grad %x, %t, %other, %mean z_loss 0.0
      : (tensor<2x3x9xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<f32>) -> tensor<2x3x9xf32>
  return %1, %loss, %2 : tensor<2x3x9xf32>, tensor<f32>, tensor<2x3x9xf32>
}

// CHECK-LABEL: func @gradients
func.func @gradients(%u: tensor<2x3x8xf32>, %i: tensor<2x3xi32>, %table: tensor<9x8xf32>, %q: tensor<2x3x4x8xf32>,
    %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %o: tensor<2x3x4x6xf32>, %lse: tensor<2x3x4xf32>,
    %bias: tensor<1x4x1x5xf32>) -> (tensor<9x8xf32>, tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>) {
  // CHECK: ingot.scatter_add %{{.*}}, %{{.*}} into %{{.*}} : (tensor<2x3x8xf32>, tensor<2x3xi32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  %0 = ingot.scatter_add %u, %i into %table : (tensor<2x3x8xf32>, tensor<2x3xi32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  // CHECK: ingot.attention_grad %{{.*}}, %{{.*}}, %{{.*}} out %{{.*}} lse %{{.*}} upstream %{{.*}} causal scale 5.000000e-01 :
  %dq, %dk, %dv = ingot.attention_grad %q, %k, %v out %o lse %lse upstream %o causal scale 0.5
      : (tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<2x3x4x6xf32>, tensor<2x3x4xf32>,
         tensor<2x3x4x6xf32>) -> (tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>)
  // CHECK: ingot.attention_grad %{{.*}} upstream %{{.*}} bias %{{.*}} scale 5.000000e-01 :
  %dq1, %dk1, %dv1 = ingot.attention_grad %q, %k, %v out %o lse %lse upstream %o bias %bias scale 0.5
      : (tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<2x3x4x6xf32>, tensor<2x3x4xf32>,
         tensor<2x3x4x6xf32>, tensor<1x4x1x5xf32>) -> (tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>)
  return %0, %dq, %dk1 : tensor<9x8xf32>, tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>
}
