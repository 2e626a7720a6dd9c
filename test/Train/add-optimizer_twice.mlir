// Two arguments that are bound to one parameter become one, bound to its state.
// RUN: ingot-opt --ingot-differentiate --ingot-add-optimizer='kind=sgd momentum=0' --canonicalize %s | FileCheck %s

ingot.param @w : tensor<4xf32>
// CHECK-LABEL: func @train_step(%{{[^:]*}}: tensor<4xf32> {ingot.state = @w.trained}, %{{[^:]*}}: tensor<f32> {ingot.input = "lr"
// CHECK-NOT: @w}
// CHECK: arith.subf
// CHECK-NOT: arith.subf
func.func @loss(%a: tensor<4xf32> {ingot.param = @w}, %b: tensor<4xf32> {ingot.param = @w})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  %1 = ingot.reduce sum %0 dims [0] : (tensor<4xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}
