// RUN: ingot-opt --split-input-file --verify-diagnostics --ingot-add-optimizer %s
// RUN: not ingot-opt --ingot-add-optimizer=kind=lion %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not ingot-opt --ingot-add-optimizer=beta1=1 %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=BETA
// RUN: not ingot-opt --ingot-add-optimizer=clip-norm=-1 %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=CLIP
// RUN: not ingot-opt --ingot-add-optimizer=clip-norm=1e-60 %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=SMALL
// RUN: not ingot-opt --ingot-add-optimizer=eps=1e-60 %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=EPS
// RUN: not ingot-opt --ingot-add-optimizer=beta2=0.999999999 %S/add-optimizer.mlir 2>&1 | FileCheck %s --check-prefix=ONE

// SMALL: expects a clip norm that float32 tells from 0, but got 1.000000e-60
// EPS: expects an eps above 0
// ONE: expects betas and a momentum in [0, 1)
// KIND: expects an optimizer of sgd, adam or adamw, but got 'lion'
// BETA: expects betas and a momentum in [0, 1), but got 1.000000e+00, 9.500000e-01 and 9.000000e-01
// CLIP: expects an eps above 0, a weight decay and a clip norm of at least 0, all finite, but got {{.*}} and -1.000000e+00

// expected-error @+1 {{expects an entry 'gradients' of one block, but there is none}}
module {
}

// -----

ingot.param @w : tensor<3xf32>
// expected-error @+1 {{'gradients' has no parameter to train}}
func.func @gradients(%w: tensor<3xf32> {ingot.param = @w})
    -> (tensor<f32> {ingot.output = "loss"}, tensor<3xf32> {ingot.gradient = @w}) {
  %loss = arith.constant dense<1.0> : tensor<f32>
  %zeros = arith.constant dense<0.0> : tensor<3xf32>
  return %loss, %zeros : tensor<f32>, tensor<3xf32>
}

// -----

ingot.param @w : tensor<3xf32>
// expected-error @+1 {{'gradients' returns no loss}}
func.func @gradients(%w: tensor<3xf32> {ingot.param = @w}) -> (tensor<3xf32> {ingot.gradient = @w}) {
  return %w : tensor<3xf32>
}

// -----

// expected-error @+1 {{training parameter @w of type 'tensor<3xbf16>' is not supported yet: expects f32}}
ingot.param @w : tensor<3xbf16>
func.func @gradients(%w: tensor<3xbf16> {ingot.param = @w}, %loss: tensor<f32>)
    -> (tensor<f32>, tensor<3xbf16> {ingot.gradient = @w}) {
  return %loss, %w : tensor<f32>, tensor<3xbf16>
}

// -----

ingot.param @w : tensor<3xf32>
// expected-error @+1 {{'gradients' returns the gradient of @w, which is none of its parameters}}
func.func @gradients(%g: tensor<3xf32>, %loss: tensor<f32>) -> (tensor<f32>, tensor<3xf32> {ingot.gradient = @w}) {
  return %loss, %g : tensor<f32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{training parameter '@w' needs a state '@w.m', but that name is taken}}
ingot.param @w : tensor<3xf32>
ingot.state @w.m init 0.0 : tensor<3xf32>
func.func @gradients(%w: tensor<3xf32> {ingot.param = @w}, %loss: tensor<f32>)
    -> (tensor<f32>, tensor<3xf32> {ingot.gradient = @w}) {
  return %loss, %w : tensor<f32>, tensor<3xf32>
}

// -----

// expected-error @+1 {{has the name of the entry that is to be made}}
func.func @train_step() { return }
ingot.param @w : tensor<3xf32>
func.func @gradients(%w: tensor<3xf32> {ingot.param = @w}, %loss: tensor<f32>)
    -> (tensor<f32>, tensor<3xf32> {ingot.gradient = @w}) {
  return %loss, %w : tensor<f32>, tensor<3xf32>
}
