// All dimensions in one, which becomes two again: the inner one is cut in units of what was collapsed.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --random-inputs=3 --seed=1 --check-accesses --compare %t.task.mlir

func.func @main(%x: tensor<5x4x3x2xf32> {ingot.input = "x"}) -> (tensor<1x120xf32> {ingot.output = "y"}) {
  %0 = math.exp %x : tensor<5x4x3x2xf32>
  %1 = tensor.collapse_shape %0 [[0, 1, 2, 3]] : tensor<5x4x3x2xf32> into tensor<120xf32>
  %2 = tensor.expand_shape %1 [[0, 1]] output_shape [1, 120] : tensor<120xf32> into tensor<1x120xf32>
  return %2 : tensor<1x120xf32>
}
