// Contractions whose result is cut into heads, after a bias and out of slices: a panel never crosses a head, at whatever
// width one would be best.
// RUN: ingot-opt --ingot-assign-layouts %s | FileCheck %s
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --random-inputs=3 --seed=1 --check-accesses --compare %t.task.mlir

// CHECK: ingot.param @w : tensor<96x96xf32, #ingot.panels<axis = 0, width = 8>>
ingot.param @w : tensor<96x96xf32>
ingot.param @b : tensor<96xf32>
// CHECK: ingot.param @fused : tensor<144x96xf32, #ingot.panels<axis = 0, width = 12>>
ingot.param @fused : tensor<144x96xf32>

func.func @main(%x: tensor<4x96xf32> {ingot.input = "x"}, %w: tensor<96x96xf32> {ingot.param = @w},
    %b: tensor<96xf32> {ingot.param = @b}, %fused: tensor<144x96xf32> {ingot.param = @fused})
    -> (tensor<4x12x8xf32> {ingot.output = "heads"}, tensor<4x4x12xf32> {ingot.output = "slice"}) {
  %0 = ingot.dot %x, %w contract [1] x [1] : (tensor<4x96xf32>, tensor<96x96xf32>) -> tensor<4x96xf32>
  %1 = ingot.broadcast %b dims [1] : tensor<96xf32> -> tensor<4x96xf32>
  %2 = arith.addf %0, %1 : tensor<4x96xf32>
  %3 = tensor.expand_shape %2 [[0], [1, 2]] output_shape [4, 12, 8] : tensor<4x96xf32> into tensor<4x12x8xf32>
  %4 = ingot.dot %x, %fused contract [1] x [1] : (tensor<4x96xf32>, tensor<144x96xf32>) -> tensor<4x144xf32>
  %5 = tensor.extract_slice %4[0, 48] [4, 48] [1, 1] : tensor<4x144xf32> to tensor<4x48xf32>
  %6 = tensor.expand_shape %5 [[0], [1, 2]] output_shape [4, 4, 12] : tensor<4x48xf32> into tensor<4x4x12xf32>
  return %3, %6 : tensor<4x12x8xf32>, tensor<4x4x12xf32>
}
