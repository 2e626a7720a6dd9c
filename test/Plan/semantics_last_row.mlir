// The choice of the last row planned for a batch of 3: one task per sequence, of any element type. The rows are in memory: its
// task does not compute them.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: FileCheck %s --input-file %t.task.mlir
// RUN: ingot-interpret %s --entry=rows --random-inputs=4 --int-range=-2,9 --tolerance=0 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=rows --random-inputs=5 --int-range=-2,9 --seed=1 --check-accesses --tolerance=0 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=stream --random-inputs=6 --int-range=-2,9 --tolerance=0 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=stream --random-inputs=7 --int-range=-2,9 --seed=1 --check-accesses --tolerance=0 --compare %t.task.mlir

// CHECK-LABEL: task.program @rows
// CHECK: task.body @last_row({{.*}}private 64
// CHECK: tile.gather ins(%{{.*}} : memref<5x2x4xf32{{.*}}>, memref<1x1xi32>) outs(%{{.*}} : memref<1x1x2x4xf32
// CHECK: task.launch @k0.last_row body @last_row grid [3]
// CHECK-NEXT: reads [@count[i] [1], @x[i, 0, 0, 0] [1, 5, 2, 4]]
// CHECK-NEXT: writes [@first[i, 0, 0, 0] [1, 1, 2, 4]]
func.func @rows(%x: tensor<3x5x2x4xf32> {ingot.input = "x"}, %t: tensor<3x5xi32> {ingot.input = "t"}, %n: tensor<3xi32> {ingot.input = "count"})
    -> (tensor<3x1x2x4xf32> {ingot.output = "first"}, tensor<3x1x2x4xf32> {ingot.output = "half"}, tensor<3x1xi32> {ingot.output = "token"}) {
  %0 = ingot.last_row %x count %n : (tensor<3x5x2x4xf32>, tensor<3xi32>) -> tensor<3x1x2x4xf32>
  %h = arith.truncf %x : tensor<3x5x2x4xf32> to tensor<3x5x2x4xbf16>
  %1 = ingot.last_row %h count %n : (tensor<3x5x2x4xbf16>, tensor<3xi32>) -> tensor<3x1x2x4xbf16>
  %2 = arith.extf %1 : tensor<3x1x2x4xbf16> to tensor<3x1x2x4xf32>
  %3 = ingot.last_row %t count %n : (tensor<3x5xi32>, tensor<3xi32>) -> tensor<3x1xi32>
  return %0, %2, %3 : tensor<3x1x2x4xf32>, tensor<3x1x2x4xf32>, tensor<3x1xi32>
}

// The rows of a sum of two tables, of a contraction, and of a view of one.
// CHECK-LABEL: task.program @stream
// CHECK: task.launch @k1.addf body @addf grid
// CHECK: task.launch @k2.last_row body @last_row grid [3] args(@sum, @{{.*}}, @count)
func.func @stream(%e: tensor<9x8xf32> {ingot.param = @e}, %p: tensor<5x8xf32> {ingot.param = @p}, %w: tensor<8x8xf32> {ingot.param = @w},
    %t: tensor<3x5xi32> {ingot.input = "t"}, %n: tensor<3xi32> {ingot.input = "count"})
    -> (tensor<3x1x8xf32> {ingot.output = "sum"}, tensor<3x1x2x4xf32> {ingot.output = "view"}, tensor<3x1x8xf32> {ingot.output = "next"}) {
  %0 = ingot.gather %e, %t : (tensor<9x8xf32>, tensor<3x5xi32>) -> tensor<3x5x8xf32>
  %1 = ingot.broadcast %p dims [1, 2] : tensor<5x8xf32> -> tensor<3x5x8xf32>
  %2 = arith.addf %0, %1 : tensor<3x5x8xf32>
  %3 = ingot.last_row %2 count %n : (tensor<3x5x8xf32>, tensor<3xi32>) -> tensor<3x1x8xf32>
  %4 = ingot.dot %2, %w contract [2] x [1] : (tensor<3x5x8xf32>, tensor<8x8xf32>) -> tensor<3x5x8xf32>
  %5 = tensor.expand_shape %4 [[0], [1], [2, 3]] output_shape [3, 5, 2, 4] : tensor<3x5x8xf32> into tensor<3x5x2x4xf32>
  %6 = ingot.last_row %5 count %n : (tensor<3x5x2x4xf32>, tensor<3xi32>) -> tensor<3x1x2x4xf32>
  %7 = ingot.dot %3, %w contract [2] x [1] : (tensor<3x1x8xf32>, tensor<8x8xf32>) -> tensor<3x1x8xf32>
  return %3, %6, %7 : tensor<3x1x8xf32>, tensor<3x1x2x4xf32>, tensor<3x1x8xf32>
}
ingot.param @e : tensor<9x8xf32>
ingot.param @p : tensor<5x8xf32>
ingot.param @w : tensor<8x8xf32>
