// RUN: ingot-opt %s --split-input-file --ingot-differentiate --verify-diagnostics

// expected-error @+1 {{expects an entry 'loss' that returns a loss, but there is none}}
module {
  func.func @main(%x: tensor<f32>) -> tensor<f32> {
    return %x : tensor<f32>
  }
}

// -----

// expected-error @+1 {{expects an entry 'loss' that returns a loss, but there is none}}
module {
  func.func private @loss(%x: tensor<f32>) -> tensor<f32>
}

// -----

// expected-error @+1 {{'func.func' op expects one result, the loss, but has 2}}
func.func @loss(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %x, %x : tensor<f32>, tensor<f32>
}

// -----

// expected-error @+1 {{'func.func' op expects a loss that is a scalar float, but got 'tensor<1xf32>'}}
func.func @loss(%x: tensor<1xf32>) -> tensor<1xf32> {
  return %x : tensor<1xf32>
}

// -----

// expected-error @+1 {{'func.func' op expects a loss that is a scalar float, but got 'tensor<i32>'}}
func.func @loss(%x: tensor<i32>) -> tensor<i32> {
  return %x : tensor<i32>
}

// -----

func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
// expected-error @+1 {{'func.func' op has the name of the entry that is to be made}}
func.func @gradients(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

// expected-error @+1 {{'func.func' op expects one block, but has several}}
func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  cf.br ^next
^next:
  return %x : tensor<f32>
}

// -----

ingot.param @w : tensor<f32>
func.func @loss(%w: tensor<f32> {ingot.param = @w}) -> tensor<f32> {
  // expected-error @+1 {{'math.floor' op is not differentiable, but the loss depends on parameters through it}}
  %0 = math.floor %w : tensor<f32>
  %1 = arith.mulf %0, %0 : tensor<f32>
  return %1 : tensor<f32>
}

// -----

// What is inside an operation counts as its operands.
ingot.param @w : tensor<f32>
func.func @loss(%w: tensor<f32> {ingot.param = @w}, %c: i1) -> tensor<f32> {
  // expected-error @+1 {{'scf.if' op is not differentiable, but the loss depends on parameters through it}}
  %0 = scf.if %c -> tensor<f32> {
    %1 = arith.mulf %w, %w : tensor<f32>
    scf.yield %1 : tensor<f32>
  } else {
    scf.yield %w : tensor<f32>
  }
  return %0 : tensor<f32>
}

// -----

ingot.param @w : tensor<2xf32>
func.func @loss(%w: tensor<2xf32> {ingot.param = @w}) -> tensor<f32> {
  %0 = tensor.cast %w : tensor<2xf32> to tensor<?xf32>
  // expected-error @+2 {{'tensor.extract_slice' op expects static tensors and scalars where the loss depends on parameters, but got 'tensor<?xf32>'}}
  %1 = math.absf %0 : tensor<?xf32>
  %2 = tensor.extract_slice %1[0] [2] [1] : tensor<?xf32> to tensor<2xf32>
  %3 = ingot.reduce sum %2 dims [0] : (tensor<2xf32>) -> tensor<f32>
  return %3 : tensor<f32>
}

// -----

ingot.param @w : tensor<1x1x1x2xf32>
func.func @loss(%w: tensor<1x1x1x2xf32> {ingot.param = @w}, %n: tensor<1xi32>) -> tensor<f32> {
  // expected-error @+1 {{'ingot.attention' op reads a cache, and the gradient of that is not supported yet}}
  %0 = ingot.attention %w, %w, %w start %n count %n scale 1.0
      : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x1x2xf32>
  %1 = ingot.reduce sum %0 dims [0, 1, 2, 3] : (tensor<1x1x1x2xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

ingot.param @w : tensor<1x1x1x2xf32>
ingot.param @b : tensor<1x1x1x1xf32>
func.func @loss(%w: tensor<1x1x1x2xf32> {ingot.param = @w}, %b: tensor<1x1x1x1xf32> {ingot.param = @b}) -> tensor<f32> {
  // expected-error @+1 {{'ingot.attention' op has a bias that depends on parameters, and its gradient is not supported yet}}
  %0 = ingot.attention %w, %w, %w bias %b scale 1.0
      : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x1x2xf32>
  %1 = ingot.reduce sum %0 dims [0, 1, 2, 3] : (tensor<1x1x1x2xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

ingot.param @w : tensor<1x1x1x2xf32>
func.func @loss(%w: tensor<1x1x1x2xf32> {ingot.param = @w}) -> tensor<f32> {
  // expected-error @+1 {{'ingot.attention' op has a log-sum-exp that the loss depends on, and its gradient is not supported yet}}
  %0, %l = ingot.attention %w, %w, %w scale 1.0
      : (tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>, tensor<1x1x1x2xf32>) -> (tensor<1x1x1x2xf32>, tensor<1x1x1xf32>)
  %1 = ingot.reduce sum %l dims [0, 1, 2] : (tensor<1x1x1xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

ingot.param @c : tensor<2x1xf32>
func.func @loss(%x: tensor<1x1x1x2xf32>, %p: tensor<1x1xi32>, %c: tensor<2x1xf32> {ingot.param = @c}) -> tensor<f32> {
  %s = math.sin %c : tensor<2x1xf32>
  // expected-error @+1 {{'ingot.rope' op has tables that depend on parameters, and their gradient is not supported yet}}
  %0 = ingot.rope %x, %c, %s at %p : tensor<1x1x1x2xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<1x1xi32>
  %1 = ingot.reduce sum %0 dims [0, 1, 2, 3] : (tensor<1x1x1x2xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

ingot.param @w : tensor<2xf32>
// expected-error @+1 {{expects the value of @w to have type 'tensor<2xf32>', but got 'tensor<f32>'}}
func.func @f(%x: tensor<f32>) -> (tensor<f32> {ingot.gradient = @w}) {
  return %x : tensor<f32>
}
