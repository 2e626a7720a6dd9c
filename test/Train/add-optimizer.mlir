// RUN: ingot-opt --ingot-add-optimizer='kind=sgd momentum=0' --canonicalize %s | FileCheck %s --check-prefixes=CHECK,SGD
// RUN: ingot-opt --ingot-add-optimizer='kind=adamw weight-decay=0.5 clip-norm=2' --canonicalize %s | FileCheck %s --check-prefixes=CHECK,ADAMW
// RUN: ingot-opt --ingot-add-optimizer='kind=adam weight-decay=0.5' --canonicalize %s | FileCheck %s --check-prefixes=CHECK,ADAM
// RUN: ingot-opt --ingot-add-optimizer='kind=sgd momentum=0.5' --canonicalize %s | FileCheck %s --check-prefixes=CHECK,MOMENTUM

// CHECK: ingot.param @w : tensor<2x3xf32>
// CHECK-NEXT: ingot.state @w.trained from @w : tensor<2x3xf32>
// ADAMW-NEXT: ingot.state @w.m init 0.000000e+00 : tensor<2x3xf32>
// ADAMW-NEXT: ingot.state @w.v init 0.000000e+00 : tensor<2x3xf32>
// ADAM-NEXT: ingot.state @w.m init 0.000000e+00 : tensor<2x3xf32>
// ADAM-NEXT: ingot.state @w.v init 0.000000e+00 : tensor<2x3xf32>
// MOMENTUM-NEXT: ingot.state @w.m init 0.000000e+00 : tensor<2x3xf32>
// CHECK-NEXT: ingot.param @table
ingot.param @w : tensor<2x3xf32>
// SGD-NEXT: ingot.state @table.trained from @table : tensor<5x3xf32>
ingot.param @table : tensor<5x3xf32>
// CHECK: ingot.param @still : tensor<3xf32>
// CHECK-NOT: @still.trained
ingot.param @still : tensor<3xf32>

// CHECK-LABEL: func @train_step
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32> {ingot.input = "x"}
// CHECK-SAME: %[[I:.*]]: tensor<2xi32>
// CHECK-SAME: %[[W:.*]]: tensor<2x3xf32> {ingot.state = @w.trained}
// CHECK-SAME: %[[T:.*]]: tensor<5x3xf32> {ingot.state = @table.trained}
// CHECK-SAME: %{{.*}}: tensor<3xf32> {ingot.param = @still}
// CHECK-SAME: %[[LR:.*]]: tensor<f32> {ingot.input = "lr", ingot.role = "lr"}
// CHECK-SAME: %[[STEP:.*]]: tensor<i32> {ingot.input = "step", ingot.role = "step"}
// MOMENTUM-SAME: %[[M:.*]]: tensor<2x3xf32> {ingot.state = @w.m}
// ADAM-SAME: %[[M:.*]]: tensor<2x3xf32> {ingot.state = @w.m}, %[[V:.*]]: tensor<2x3xf32> {ingot.state = @w.v}
// ADAMW-SAME: %[[M:.*]]: tensor<2x3xf32> {ingot.state = @w.m}, %[[V:.*]]: tensor<2x3xf32> {ingot.state = @w.v}
// CHECK-SAME: -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}, tensor<f32> {ingot.output = "grad_norm", ingot.role = "grad_norm"}, tensor<2x3xf32> {ingot.state = @w.trained}
// CHECK: %[[ROWS:.*]] = ingot.gather %[[T]], %[[I]]
// CHECK: %[[SQUARES:.*]] = arith.mulf %[[X]], %[[X]]
// CHECK: %[[ROW:.*]] = ingot.reduce sum %[[SQUARES]] dims [1]
// CHECK: %[[SUM:.*]] = ingot.reduce sum %[[ROW]] dims [0]
// CHECK: %[[TOTAL:.*]] = arith.addf %[[SUM]]
// CHECK: %[[NORM:.*]] = math.sqrt %[[TOTAL]]

// SGD-NOT: arith.cmpf
// SGD: %[[RATE:.*]] = ingot.broadcast %[[LR]] dims [] : tensor<f32> -> tensor<2x3xf32>
// SGD: %[[CHANGE:.*]] = arith.mulf %[[X]], %[[RATE]]
// SGD: %[[NEW:.*]] = arith.subf %[[W]], %[[CHANGE]]
// SGD: return %{{.*}}, %[[NORM]], %[[NEW]], %{{[^,]*}} :

// MOMENTUM: %[[KEPT:.*]] = arith.mulf %[[M]], %{{.*}} : tensor<2x3xf32>
// MOMENTUM: %[[NEWM:.*]] = arith.addf %[[KEPT]], %[[X]]
// MOMENTUM: return %{{.*}}, %[[NORM]], %{{.*}}, %[[NEWM]], %{{[^,]*}}, %{{[^,]*}} :

// The matrix decays before the update, the table does not; only the norm's comparison makes the factor other than 1.
// ADAMW: %[[ABOVE:.*]] = arith.cmpf ogt, %[[NORM]], %[[CLIP:.*]] :
// ADAMW: %[[RATIO:.*]] = arith.divf %[[CLIP]], %[[NORM]]
// ADAMW: %[[FACTOR:.*]] = arith.select %[[ABOVE]], %[[RATIO]], %[[ONE:.*]] :
// ADAMW: %[[LOST:.*]] = arith.mulf %[[LR]]
// ADAMW: %[[KEEP:.*]] = arith.subf %[[ONE]], %[[LOST]]
// ADAMW: math.expm1
// ADAMW: math.expm1
// ADAMW: %[[FULL:.*]] = ingot.broadcast %[[FACTOR]] dims [] : tensor<f32> -> tensor<2x3xf32>
// ADAMW: %[[G:.*]] = arith.mulf %[[X]], %[[FULL]]
// ADAMW: %[[KEEPS:.*]] = ingot.broadcast %[[KEEP]] dims [] : tensor<f32> -> tensor<2x3xf32>
// ADAMW: %[[DECAYED:.*]] = arith.mulf %[[W]], %[[KEEPS]]
// ADAMW: arith.subf %[[DECAYED]]
// ADAMW-NOT: ingot.broadcast %[[KEEP]]
// ADAMW: return

// ADAM-NOT: arith.cmpf
// ADAM: %[[PULL:.*]] = arith.mulf %[[W]], %{{.*}} : tensor<2x3xf32>
// ADAM: %[[G:.*]] = arith.addf %[[X]], %[[PULL]]
// ADAM: %[[SECOND:.*]] = arith.mulf %[[G]], %[[G]]
// ADAM-NOT: arith.mulf %[[T]]
// ADAM: return
// CHECK-NOT: @gradients
func.func @gradients(%x: tensor<2x3xf32> {ingot.input = "x"}, %i: tensor<2xi32> {ingot.input = "i"},
    %w: tensor<2x3xf32> {ingot.param = @w}, %t: tensor<5x3xf32> {ingot.param = @table},
    %s: tensor<3xf32> {ingot.param = @still})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}, tensor<2x3xf32> {ingot.gradient = @w},
        tensor<5x3xf32> {ingot.gradient = @table}, tensor<3xf32> {ingot.gradient = @still}) {
  %0 = ingot.gather %t, %i : (tensor<5x3xf32>, tensor<2xi32>) -> tensor<2x3xf32>
  %1 = ingot.reduce sum %0 dims [0, 1] : (tensor<2x3xf32>) -> tensor<f32>
  %2 = arith.addf %t, %t : tensor<5x3xf32>
  %zeros = arith.constant dense<0.0> : tensor<3xf32>
  return %1, %x, %2, %zeros : tensor<f32>, tensor<2x3xf32>, tensor<5x3xf32>, tensor<3xf32>
}
