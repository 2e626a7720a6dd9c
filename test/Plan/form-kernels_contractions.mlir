// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels --ingot-canonicalize-kernels %s -o %t.kernels.mlir
// RUN: FileCheck %s --input-file=%t.kernels.mlir
// RUN: ingot-interpret %s --entry=inputs --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=transposed --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=panels --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=small --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=odd --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=repeated --random-inputs=1 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=repeated_right --random-inputs=1 --compare %t.kernels.mlir

ingot.param @w : tensor<128x8xf32>
ingot.param @v : tensor<64x4xf32>
ingot.param @wide : tensor<1024x64xbf16>

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

// 16 tasks for each block of rows would round the left operand: it is rounded once, by a kernel of its own.
// CHECK-LABEL: func @repeated(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<128x64xf32>
// CHECK: %[[ROUNDED:.*]] = scf.forall {{.*}} in (2) {{.*}} -> (tensor<128x64xbf16>)
// CHECK: arith.truncf
// CHECK: ingot.kernel = "truncf"
// CHECK: scf.forall {{.*}} in (16)
// CHECK-NOT: truncf
// CHECK: tile.contract {{.*}} ins(%[[ROUNDED]], %{{.*}} : tensor<128x64xbf16>, tensor<64x64xbf16>)
// CHECK: ingot.kernel = "dot"
func.func @repeated(%x: tensor<128x64xf32> {ingot.input = "x"}, %w: tensor<1024x64xbf16> {ingot.param = @wide})
    -> (tensor<128x1024xf32> {ingot.output = "z"}) {
  %n = arith.truncf %x : tensor<128x64xf32> to tensor<128x64xbf16>
  %z = ingot.dot %n, %w contract [1] x [1] : (tensor<128x64xbf16>, tensor<1024x64xbf16>) -> tensor<128x1024xf32>
  return %z : tensor<128x1024xf32>
}

// The same on the right, where blocks of rows are what repeats it; seen through a transposition.
// CHECK-LABEL: func @repeated_right(
// CHECK: ingot.kernel = "negf"
// CHECK: ingot.kernel = "dot"
func.func @repeated_right(%x: tensor<1152x64xf32> {ingot.input = "x"}, %y: tensor<64x128xf32> {ingot.input = "y"})
    -> (tensor<1152x128xf32> {ingot.output = "z"}) {
  %n = arith.negf %y : tensor<64x128xf32>
  %t = ingot.transpose %n permutation [1, 0] : (tensor<64x128xf32>) -> tensor<128x64xf32>
  %z = ingot.dot %x, %t contract [1] x [1] : (tensor<1152x64xf32>, tensor<128x64xf32>) -> tensor<1152x128xf32>
  return %z : tensor<1152x128xf32>
}
