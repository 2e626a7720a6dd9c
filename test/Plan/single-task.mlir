// A grid of one task, as one key/value head gives: its temporaries are private to the task, as those of larger grids, also
// where an equal `tensor.empty` outside could be shared.
// RUN: ingot-opt --ingot-plan-pipeline="workers=2" %s -o %t.task.mlir
// RUN: FileCheck %s --input-file %t.task.mlir
// RUN: ingot-interpret %s --entry=main --random-inputs=1 --int-range=0,8 --tolerance=1e-12 --compare %t.task.mlir

ingot.param @table : tensor<8x16xf32>
ingot.param @scale : tensor<16xf32>
ingot.param @w : tensor<8x16xf32>

// CHECK: task.buffer @[[ROW:.*]] : memref<1x1x16xf32> scratch
// CHECK-NOT: scratch
// CHECK: task.body @gather
// CHECK: task.launch {{.*}} grid [1] args(@table, @tokens, @[[ROW]])
// CHECK: task.body @rms_norm_dot({{.*}}) private 64 {
// CHECK: task.launch {{.*}} grid [1]
// CHECK-NEXT: reads [@[[ROW]][0, 0, 0] [1, 1, 16], @scale[0] [16], @w[0, 0, 0] [1, 16, 8] stream]
// CHECK-NEXT: writes [@y[0, 0, 0] [1, 1, 8]]
func.func @main(%tokens: tensor<1x1xi32> {ingot.input = "tokens"}, %table: tensor<8x16xf32> {ingot.param = @table},
    %scale: tensor<16xf32> {ingot.param = @scale}, %w: tensor<8x16xf32> {ingot.param = @w})
    -> (tensor<1x1x8xf32> {ingot.output = "y"}) {
  %x = ingot.gather %table, %tokens : (tensor<8x16xf32>, tensor<1x1xi32>) -> tensor<1x1x16xf32>
  %n = ingot.rms_norm %x, %scale eps 1.0e-5 : tensor<1x1x16xf32>, tensor<16xf32>
  %y = ingot.dot %n, %w contract [2] x [1] : (tensor<1x1x16xf32>, tensor<8x16xf32>) -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}
