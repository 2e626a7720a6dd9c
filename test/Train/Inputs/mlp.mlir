// A classifier of one hidden layer.
ingot.param @w1 : tensor<5x12xf32>
ingot.param @b1 : tensor<12xf32>
ingot.param @w2 : tensor<12x7xf32>
ingot.param @b2 : tensor<7xf32>

func.func @loss(%x: tensor<8x5xf32> {ingot.input = "x"},
    %targets: tensor<8xi32> {ingot.input = "targets"},
    %weights: tensor<8xf32> {ingot.input = "weights"},
    %w1: tensor<5x12xf32> {ingot.param = @w1}, %b1: tensor<12xf32> {ingot.param = @b1},
    %w2: tensor<12x7xf32> {ingot.param = @w2}, %b2: tensor<7xf32> {ingot.param = @b2})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %0 = ingot.dot %x, %w1 contract [1] x [0] : (tensor<8x5xf32>, tensor<5x12xf32>) -> tensor<8x12xf32>
  %1 = ingot.broadcast %b1 dims [1] : tensor<12xf32> -> tensor<8x12xf32>
  %2 = arith.addf %0, %1 : tensor<8x12xf32>
  %3 = math.tanh %2 : tensor<8x12xf32>
  %4 = ingot.dot %3, %w2 contract [1] x [0] : (tensor<8x12xf32>, tensor<12x7xf32>) -> tensor<8x7xf32>
  %5 = ingot.broadcast %b2 dims [1] : tensor<7xf32> -> tensor<8x7xf32>
  %6 = arith.addf %4, %5 : tensor<8x7xf32>
  %loss, %lse = ingot.cross_entropy %6, %targets weights %weights z_loss 1.0e-3
      : (tensor<8x7xf32>, tensor<8xi32>, tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>)
  return %loss : tensor<f32>
}
