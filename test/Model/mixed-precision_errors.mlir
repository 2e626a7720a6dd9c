// RUN: ingot-opt %s --ingot-mixed-precision --split-input-file --verify-diagnostics
// RUN: not ingot-opt %S/mixed-precision.mlir --ingot-mixed-precision=compute=fp8 2>&1 | FileCheck %s
// CHECK: expects a compute type of bf16, but got 'fp8'

func.func @region(%x: tensor<4xf32> {ingot.input = "x"}) -> (tensor<4xf32> {ingot.output = "y"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' op in mixed precision is not supported yet}}
  %y = scf.for %i = %c0 to %c1 step %c1 iter_args(%a = %x) -> (tensor<4xf32>) {
    scf.yield %a : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{expects straight-line code, but got several blocks}}
func.func @blocks(%x: tensor<4xf32> {ingot.input = "x"}) -> (tensor<4xf32> {ingot.output = "y"}) {
  cf.br ^next
^next:
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{expects a value in dense form in mixed precision, but got dense_resource<w>}}
ingot.param @w = dense_resource<w> : tensor<1x2xf32>
func.func @resource(%x: tensor<1x2xf32> {ingot.input = "x"}, %w: tensor<1x2xf32> {ingot.param = @w})
    -> (tensor<1x1xf32> {ingot.output = "y"}) {
  %y = ingot.dot %x, %w contract [1] x [1] : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}

{-#
  dialect_resources: { builtin: { w: "0x040000000000803F00000040" } }
#-}
