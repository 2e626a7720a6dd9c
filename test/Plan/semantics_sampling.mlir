// Sampling planned for a batch of 3: one task per sequence.
// RUN: ingot-opt --pass-pipeline='builtin.module(ingot-add-sampling)' %s -o %t.mlir
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %t.mlir -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %t.mlir -o %t.task.mlir
// RUN: FileCheck %s --input-file %t.task.mlir
// RUN: ingot-interpret %t.mlir --entry=decode --random-inputs=4 --compare %t.kernels.mlir
// RUN: ingot-interpret %t.mlir --entry=decode --random-inputs=5 --seed=1 --check-accesses --compare %t.task.mlir

// CHECK: task.launch @{{.*}}count_tokens body {{.*}} grid [3]
// CHECK: @token_counts[i, 0, 0] [1, 2, 16]
// CHECK: task.body @sample({{.*}}private 64
// CHECK: tile.sample_weights
// CHECK: tile.draw
// CHECK: task.launch @{{.*}}.sample body @sample grid [3]
// CHECK: reads [@logits[i, 0, 0] [1, 2, 16], @count[i] [1], @token_counts[i, 0, 0] [1, 2, 16]
// CHECK: writes [@next[i] [1]]
func.func @decode(%t: tensor<3x2xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %s: tensor<3xi32> {ingot.input = "start", ingot.role = "start"}, %c: tensor<3xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<16x16xf32> {ingot.input = "x"}) -> (tensor<3x2x16xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = ingot.gather %x, %t : (tensor<16x16xf32>, tensor<3x2xi32>) -> tensor<3x2x16xf32>
  return %0 : tensor<3x2x16xf32>
}
