// RUN: ingot-opt %s --ingot-add-loss --split-input-file --verify-diagnostics

// expected-error @below {{expects an entry 'loss' of one block, but there is none}}
module {
  func.func @main() {
    return
  }
}

// -----

// expected-error @below {{'loss' expects an output 'logits' of type [batch, rows, vocabulary], but got none}}
func.func @loss(%x: tensor<2x4xi32> {ingot.input = "input_ids"}) -> (tensor<2x4xi32> {ingot.output = "y"}) {
  return %x : tensor<2x4xi32>
}

// -----

// expected-error @below {{'loss' expects an output 'logits' of type [batch, rows, vocabulary], but got another type}}
func.func @loss(%x: tensor<2x4xf32> {ingot.input = "x"}) -> (tensor<2x4xf32> {ingot.output = "logits"}) {
  return %x : tensor<2x4xf32>
}

// -----

// expected-error @below {{'loss' expects an integer input 'input_ids' with as many rows as 'logits', but got none}}
func.func @loss(%x: tensor<2x4x8xf32> {ingot.input = "x"}) -> (tensor<2x4x8xf32> {ingot.output = "logits"}) {
  return %x : tensor<2x4x8xf32>
}

// -----

// expected-error @below {{'loss' expects an integer input 'input_ids' with as many rows as 'logits', but got another type}}
func.func @loss(%ids: tensor<2x3xi64> {ingot.input = "input_ids"}, %x: tensor<2x4x8xf32> {ingot.input = "x"})
    -> (tensor<2x4x8xf32> {ingot.output = "logits"}) {
  return %x : tensor<2x4x8xf32>
}

// -----

// expected-error @below {{'loss' has an input 'x' of type 'tensor<2x4x8xf32>', and adding a loss to such a model is not supported yet}}
func.func @loss(%ids: tensor<2x4xi64> {ingot.input = "input_ids"}, %x: tensor<2x4x8xf32> {ingot.input = "x"})
    -> (tensor<2x4x8xf32> {ingot.output = "logits"}) {
  return %x : tensor<2x4x8xf32>
}
