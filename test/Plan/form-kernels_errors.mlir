// RUN: ingot-opt --ingot-form-kernels --split-input-file --verify-diagnostics %s

func.func @calls(%x: tensor<4xf32> {ingot.input = "x"}) -> (tensor<4xi32> {ingot.output = "y"}) {
  // expected-error @+1 {{'func.call' op is not supported in kernels yet}}
  %y = func.call @other(%x) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{'tensor.bitcast' op is not supported in kernels yet}}
  %s = tensor.bitcast %y : tensor<4xf32> to tensor<4xi32>
  return %s : tensor<4xi32>
}
func.func private @other(tensor<4xf32>) -> tensor<4xf32>

// -----

func.func @dynamic(%x: tensor<?xf32> {ingot.input = "x"}) -> (tensor<?xf32> {ingot.output = "y"}) {
  // expected-error @+1 {{expects tensors of static shape in kernels, but got 'tensor<?xf32>'}}
  %y = math.exp %x : tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

func.func @constants(%x: tensor<2xf32> {ingot.input = "x"}) -> (tensor<2xf32> {ingot.output = "y"}) {
  // A constant that is no splat must be a parameter (ingot-hoist-constants).
  // expected-error @+1 {{'arith.constant' op is not supported in kernels yet}}
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = arith.addf %x, %c : tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

func.func @empty(%x: tensor<0x4xf32> {ingot.input = "x"}) -> (tensor<0x4xf32> {ingot.output = "y"}) {
  // expected-error @+1 {{tensors without elements are not supported yet, but got 'tensor<0x4xf32>'}}
  %y = math.exp %x : tensor<0x4xf32>
  return %y : tensor<0x4xf32>
}

// -----

// expected-error @+1 {{tensors without elements are not supported yet, but got 'tensor<4x0xf32>'}}
func.func @empty_and_not_computed(%x: tensor<4x0xf32> {ingot.input = "x"}) -> (tensor<4x0xf32> {ingot.output = "y"}) {
  return %x : tensor<4x0xf32>
}
