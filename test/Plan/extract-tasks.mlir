// Two layers share their bodies: the layer of the cache is an integer argument.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels --ingot-canonicalize-kernels --ingot-bufferize-kernels --cse --ingot-canonicalize-kernels --ingot-extract-tasks=isa=avx2 %s | FileCheck %s

ingot.param @w0 : tensor<16x16xf32>
ingot.param @w1 : tensor<16x16xf32>
ingot.state @kv init 0.0 : tensor<2x2x1x2x32x8xf32>

// CHECK: task.program @step target(#task.cpu<"avx2">)
// CHECK-DAG: task.buffer @x : memref<1x1x16xf32> input "x"{{$}}
// CHECK-DAG: task.buffer @start : memref<1xi32> input "start" {ingot.role = "start"}
// CHECK-DAG: task.buffer @w0 : memref<2x16x8xf32> param "w0"
// CHECK-DAG: task.buffer @kv : memref<2x2x1x2x32x8xf32> state "kv"
// CHECK-DAG: task.buffer @y : memref<1x1x16xf32> output "y"
// CHECK: task.body @dot_kv_append(%[[I:.*]]: index, {{.*}}, %[[LAYER:.*]]: index) private 64 {
// CHECK: memref.subview %{{.*}}[%[[LAYER]], 0, 0, %[[I]], 0, 0] [1, 2, 1, 1, 32, 8]
// CHECK: tile.contract
// CHECK: tile.scatter
// CHECK: task.launch @k0.dot_kv_append body @dot_kv_append grid [2] args(@kv, @w0, @x, @start, @count, 0 : index)
// CHECK-NEXT: reads [@x[0, 0, 0] [1, 1, 16], @w0[i, 0, 0] [1, 16, 8] stream, @start[0] [1], @count[0] [1], @kv[0, 0, 0, i, 0, 0] [1, 2, 1, 1, 32, 8]]
// CHECK-NEXT: writes [@kv[0, 0, 0, i, 0, 0] [1, 2, 1, 1, 32, 8]]
// CHECK-NEXT: must_write []
// CHECK-NOT: task.body
// CHECK: task.launch @k1.dot_kv_append body @dot_kv_append grid [2] args(@kv, @w1, @x, @start, @count, 1 : index)
// CHECK: task.body @attention
// CHECK: task.launch @k2.attention body @attention grid [1, 2]
// CHECK-NEXT: reads [{{.*}}@kv[0, 0, 0, j, 0, 0] [1, 1, 1, 1, 32, 8], @kv[0, 1, 0, j, 0, 0] [1, 1, 1, 1, 32, 8]
// CHECK-NEXT: writes [@t0[0, 0, j, 0] [1, 1, 1, 8]]
func.func @step(%x: tensor<1x1x16xf32> {ingot.input = "x"}, %w0: tensor<16x16xf32> {ingot.param = @w0},
    %w1: tensor<16x16xf32> {ingot.param = @w1}, %kv: tensor<2x2x1x2x32x8xf32> {ingot.state = @kv},
    %start: tensor<1xi32> {ingot.input = "start", ingot.role = "start"}, %count: tensor<1xi32> {ingot.input = "count"})
    -> (tensor<1x1x16xf32> {ingot.output = "y"}, tensor<2x2x1x2x32x8xf32> {ingot.state = @kv}) {
  %k0 = ingot.dot %x, %w0 contract [2] x [1] : (tensor<1x1x16xf32>, tensor<16x16xf32>) -> tensor<1x1x16xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [1, 1, 2, 8] : tensor<1x1x16xf32> into tensor<1x1x2x8xf32>
  %kv0 = ingot.kv_append %k1, %k1 into %kv layer 0 start %start count %count
      : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<2x2x1x2x32x8xf32>, tensor<1xi32>, tensor<1xi32>
  %v0 = ingot.dot %x, %w1 contract [2] x [1] : (tensor<1x1x16xf32>, tensor<16x16xf32>) -> tensor<1x1x16xf32>
  %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [1, 1, 2, 8] : tensor<1x1x16xf32> into tensor<1x1x2x8xf32>
  %kv1 = ingot.kv_append %v1, %v1 into %kv0 layer 1 start %start count %count
      : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<2x2x1x2x32x8xf32>, tensor<1xi32>, tensor<1xi32>
  %keys = tensor.extract_slice %kv1[0, 0, 0, 0, 0, 0] [1, 1, 1, 2, 32, 8] [1, 1, 1, 1, 1, 1] : tensor<2x2x1x2x32x8xf32> to tensor<1x2x32x8xf32>
  %values = tensor.extract_slice %kv1[0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 32, 8] [1, 1, 1, 1, 1, 1] : tensor<2x2x1x2x32x8xf32> to tensor<1x2x32x8xf32>
  %q = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 1, 2, 8] : tensor<1x1x16xf32> into tensor<1x1x2x8xf32>
  %o = ingot.attention %q, %keys, %values start %start count %count causal scale 0.35
      : (tensor<1x1x2x8xf32>, tensor<1x2x32x8xf32>, tensor<1x2x32x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x2x8xf32>
  %y = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<1x1x2x8xf32> into tensor<1x1x16xf32>
  return %y, %kv1 : tensor<1x1x16xf32>, tensor<2x2x1x2x32x8xf32>
}
