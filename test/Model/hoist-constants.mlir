// RUN: ingot-opt %s --ingot-hoist-constants | FileCheck %s

// CHECK: ingot.param @const.0 : tensor<1xf32>{{$}}
ingot.param @const.0 : tensor<1xf32>
// CHECK: ingot.param @const.1 = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> {ingot.constant}
// CHECK: ingot.param @const.2 = dense<[3, 4]> : tensor<2xi32> {ingot.constant}

// CHECK-LABEL: func @a(
// CHECK-SAME: %{{.*}}: tensor<2xf32> {ingot.input = "x"}, %[[C:.*]]: tensor<2xf32> {ingot.param = @const.1})
func.func @a(%x: tensor<2xf32> {ingot.input = "x"}) -> tensor<2xf32> {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  // A splat stays.
  // CHECK: %[[S:.*]] = arith.constant dense<5.000000e+00> : tensor<2xf32>
  %s = arith.constant dense<5.0> : tensor<2xf32>
  // CHECK: arith.addf %{{.*}}, %[[C]]
  %0 = arith.addf %x, %c : tensor<2xf32>
  // CHECK: arith.addf %{{.*}}, %[[S]]
  %1 = arith.addf %0, %s : tensor<2xf32>
  // CHECK: arith.mulf %{{.*}}, %[[C]]
  %d = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %2 = arith.mulf %1, %d : tensor<2xf32>
  return %2 : tensor<2xf32>
}

// The other entry shares the parameter; an unused constant becomes none.
// CHECK-LABEL: func @b(
// CHECK-SAME: %{{.*}}: tensor<2xf32> {ingot.input = "x"}, %{{.*}}: tensor<2xf32> {ingot.param = @const.1}, %{{.*}}: tensor<2xi32> {ingot.param = @const.2})
func.func @b(%x: tensor<2xf32> {ingot.input = "x"}) -> (tensor<2xf32>, tensor<2xi32>) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %u = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  %0 = arith.addf %x, %c : tensor<2xf32>
  %i = arith.constant dense<[3, 4]> : tensor<2xi32>
  return %0, %i : tensor<2xf32>, tensor<2xi32>
}

// What is no entry keeps its constants.
// CHECK-LABEL: func private @c()
// CHECK: arith.constant dense<[1.000000e+00, 2.000000e+00]>
func.func private @c() -> tensor<2xf32> {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %c : tensor<2xf32>
}
