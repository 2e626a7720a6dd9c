// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels --ingot-canonicalize-kernels %s -o %t.kernels.mlir
// RUN: FileCheck %s --input-file=%t.kernels.mlir
// RUN: ingot-interpret %s --entry=inputs --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=transposed --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=panels --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=small --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=odd --random-inputs=2 --compare %t.kernels.mlir

ingot.param @w : tensor<128x8xf32>
ingot.param @v : tensor<64x4xf32>

// 256 rows are two blocks; the columns that a task needs of an operand that is not a parameter are copied together.
// CHECK-LABEL: func @inputs
// CHECK: scf.forall {{.*}} in (2, 2)
// CHECK: %[[PACKED:.*]] = tile.map [#{{.*}}] ins(%{{.*}} : tensor<8x64xf32>)
// CHECK: tile.contract {{.*}} ins(%{{.*}}, %[[PACKED]] : tensor<128x8xf32>, tensor<8x64xf32>)
func.func @inputs(%x: tensor<256x8xf32> {ingot.input = "x"}, %y: tensor<8x128xf32> {ingot.input = "y"})
    -> (tensor<256x128xf32> {ingot.output = "z"}) {
  %z = ingot.dot %x, %y contract [1] x [0] : (tensor<256x8xf32>, tensor<8x128xf32>) -> tensor<256x128xf32>
  return %z : tensor<256x128xf32>
}

// Stored by rows, it is transposed on the way; pointwise operations stay in the task.
// CHECK-LABEL: func @transposed
// CHECK: scf.forall {{.*}} in (2, 2)
// CHECK: %[[PACKED:.*]] = tile.map {{.*}} ins(%{{.*}} : tensor<1x64x8xf32>) outs(%{{.*}} : tensor<1x8x64xf32>)
// CHECK: tile.contract {{.*}} ins(%{{.*}}, %[[PACKED]] : tensor<1x128x8xf32>, tensor<1x8x64xf32>)
// CHECK: tile.map
// CHECK: arith.negf
func.func @transposed(%x: tensor<1x256x8xf32> {ingot.input = "x"}, %y: tensor<1x128x8xf32> {ingot.input = "y"})
    -> (tensor<1x256x128xf32> {ingot.output = "z"}) {
  %d = ingot.dot %x, %y batch [0] x [0] contract [2] x [2]
      : (tensor<1x256x8xf32>, tensor<1x128x8xf32>) -> tensor<1x256x128xf32>
  %z = arith.negf %d : tensor<1x256x128xf32>
  return %z : tensor<1x256x128xf32>
}

// Parameters are in panels already.
// CHECK-LABEL: func @panels
// CHECK: scf.forall {{.*}} in (2, 4)
// CHECK-NOT: tile.map
// CHECK: tile.contract {{.*}} : tensor<1x96x8xf32>, tensor<8x32xf32>
func.func @panels(%x: tensor<1x192x8xf32> {ingot.input = "x"}, %w: tensor<128x8xf32> {ingot.param = @w})
    -> (tensor<1x192x128xf32> {ingot.output = "z"}) {
  %z = ingot.dot %x, %w contract [2] x [1] : (tensor<1x192x8xf32>, tensor<128x8xf32>) -> tensor<1x192x128xf32>
  return %z : tensor<1x192x128xf32>
}

// One row of four panels of 16 x 4 would be four tasks of 64 multiply-adds: one task takes all of them.
// CHECK-LABEL: func @small
// CHECK: scf.forall {{.*}} in (1)
// CHECK: tile.contract {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x4xf32>, tensor<4x4x16xf32>) outs(%{{.*}} : tensor<1x4x16xf32>)
func.func @small(%x: tensor<1x4xf32> {ingot.input = "x"}, %v: tensor<64x4xf32> {ingot.param = @v})
    -> (tensor<1x64xf32> {ingot.output = "z"}) {
  %z = ingot.dot %x, %v contract [1] x [1] : (tensor<1x4xf32>, tensor<64x4xf32>) -> tensor<1x64xf32>
  return %z : tensor<1x64xf32>
}

// Extents without a good divisor stay whole.
// CHECK-LABEL: func @odd
// CHECK: scf.forall {{.*}} in (1)
// CHECK: tile.contract {{.*}} : tensor<131x8xf32>, tensor<8x67xf32>
func.func @odd(%x: tensor<131x8xf32> {ingot.input = "x"}, %y: tensor<8x67xf32> {ingot.input = "y"})
    -> (tensor<131x67xf32> {ingot.output = "z"}) {
  %z = ingot.dot %x, %y contract [1] x [0] : (tensor<131x8xf32>, tensor<8x67xf32>) -> tensor<131x67xf32>
  return %z : tensor<131x67xf32>
}
