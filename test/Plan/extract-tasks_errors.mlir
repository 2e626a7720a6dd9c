// What is not updated in place, or has no role, is an error that names the value.
// RUN: ingot-opt --ingot-plan-pipeline --split-input-file --verify-diagnostics %s

ingot.state @a init 0.0 : tensor<1x2x1x1x4x8xf32>
ingot.state @b init 0.0 : tensor<1x2x1x1x4x8xf32>
func.func @exchanged(%k: tensor<1x1x1x8xf32> {ingot.input = "k"}, %a: tensor<1x2x1x1x4x8xf32> {ingot.state = @a},
    %b: tensor<1x2x1x1x4x8xf32> {ingot.state = @b}, %start: tensor<1xi32> {ingot.input = "start"})
    -> (tensor<1x2x1x1x4x8xf32> {ingot.state = @b}, tensor<1x2x1x1x4x8xf32> {ingot.state = @a}) {
  %newa = ingot.kv_append %k, %k into %a layer 0 start %start count %start
      : tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x2x1x1x4x8xf32>, tensor<1xi32>, tensor<1xi32>
  %newb = ingot.kv_append %k, %k into %b layer 0 start %start count %start
      : tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x2x1x1x4x8xf32>, tensor<1xi32>, tensor<1xi32>
  // expected-error @+1 {{expects the new value of state @b to be its argument, updated in place, but got another argument}}
  return %newa, %newb : tensor<1x2x1x1x4x8xf32>, tensor<1x2x1x1x4x8xf32>
}

// -----

func.func @nameless(%x: tensor<4xf32> {ingot.input = "x"}) -> tensor<4xf32> {
  %n = math.exp %x : tensor<4xf32>
  // expected-error @+1 {{expects result 0 to be a state or an output, but got no such attribute}}
  return %n : tensor<4xf32>
}

// -----

// expected-error @+1 {{expects argument 0 to be a parameter, a state or an input, but got no such attribute}}
func.func @nameless(%x: tensor<4xf32>) -> (tensor<4xf32> {ingot.output = "y"}) {
  %n = math.exp %x : tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

// The old cache is read after the new one was made: it would have to be copied.
ingot.state @kv init 0.0 : tensor<1x2x1x1x4x8xf32>
func.func @stale(%k: tensor<1x1x1x8xf32> {ingot.input = "k"}, %kv: tensor<1x2x1x1x4x8xf32> {ingot.state = @kv},
    %start: tensor<1xi32> {ingot.input = "start"})
    -> (tensor<1x2x1x1x4x8xf32> {ingot.output = "old"}, tensor<1x2x1x1x4x8xf32> {ingot.state = @kv}) {
  // expected-error @+1 {{expects every value to be updated in place}}
  %new = ingot.kv_append %k, %k into %kv layer 0 start %start count %start
      : tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x2x1x1x4x8xf32>, tensor<1xi32>, tensor<1xi32>
  %old = math.exp %kv : tensor<1x2x1x1x4x8xf32>
  return %old, %new : tensor<1x2x1x1x4x8xf32>, tensor<1x2x1x1x4x8xf32>
}
