
ingot.param @w1 : tensor<32x16xf32>
ingot.param @b1 : tensor<32xf32>
ingot.param @w2 : tensor<8x32xf32>
ingot.param @b2 : tensor<8xf32>

func.func @main(
    %x: tensor<4x16xf32> {ingot.input = "x"},
    %w1: tensor<32x16xf32> {ingot.param = @w1}, %b1: tensor<32xf32> {ingot.param = @b1},
    %w2: tensor<8x32xf32> {ingot.param = @w2}, %b2: tensor<8xf32> {ingot.param = @b2})
    -> (tensor<4x8xf32> {ingot.output = "y"}) {
  %h0 = ingot.dot %x, %w1 contract [1] x [1] : (tensor<4x16xf32>, tensor<32x16xf32>) -> tensor<4x32xf32>
  %b1_rows = ingot.broadcast %b1 dims [1] : tensor<32xf32> -> tensor<4x32xf32>
  %h1 = arith.addf %h0, %b1_rows : tensor<4x32xf32>
  %h = ingot.silu %h1 : tensor<4x32xf32>
  %y0 = ingot.dot %h, %w2 contract [1] x [1] : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %b2_rows = ingot.broadcast %b2 dims [1] : tensor<8xf32> -> tensor<4x8xf32>
  %y = arith.addf %y0, %b2_rows : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
