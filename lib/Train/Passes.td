// Passes of Train, in the order in which a training step is made.
include "mlir/Pass/PassBase.td"

def AddLoss : Pass<"ingot-add-loss", "::mlir::ModuleOp"> {
  let summary = "turn the logits of a decoder into the loss of its predictions";
  let description = [{
    An entry that returns logits [batch, rows, vocabulary] returns instead the loss of predicting `targets`, an input
    [batch, rows] that it gets, each row weighed by another one, `weights` (see `ingot.cross_entropy`). Its tokens, the
    input `input_ids` or the one with the role `tokens`, become i32; an entry that returns a loss already is left alone.

    The sequences are read from their beginning: `past_key_values.*` of no elements disappear, with the concatenations
    that they are part of, `position_ids` become 0, 1, ... and `attention_mask` ones; other results are dropped.

    Errors: no logits; no tokens of their shape; any other input.

    ```mlir
    func.func @loss(%ids: tensor<2x4xi64> {ingot.input = "input_ids"}, %w: tensor<8x8xf32> {ingot.param = @w})
        -> (tensor<2x4x8xf32> {ingot.output = "logits"}) {
      %0 = ingot.gather %w, %ids : (tensor<8x8xf32>, tensor<2x4xi64>) -> tensor<2x4x8xf32>
      return %0 : tensor<2x4x8xf32>
    }
    // becomes
    func.func @loss(%tokens: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"},
        %targets: tensor<2x4xi32> {ingot.input = "targets", ingot.role = "targets"},
        %weights: tensor<2x4xf32> {ingot.input = "weights", ingot.role = "weights"},
        %w: tensor<8x8xf32> {ingot.param = @w})
        -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
      %ids = arith.extsi %tokens : tensor<2x4xi32> to tensor<2x4xi64>
      %0 = ingot.gather %w, %ids : (tensor<8x8xf32>, tensor<2x4xi64>) -> tensor<2x4x8xf32>
      %loss, %lse = ingot.cross_entropy %0, %targets weights %weights z_loss 0.0
          : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<f32>, tensor<2x4xf32>)
      return %loss : tensor<f32>
    }
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect"];
  let options = [
    Option<"entry", "entry", "std::string", "\"loss\"", "name of the entry that returns logits">,
    Option<"zLoss", "z-loss", "double", "0.0", "weight of the squared log-sum-exp in the loss">,
  ];
}

def Differentiate : Pass<"ingot-differentiate", "::mlir::ModuleOp"> {
  let summary = "add the gradients of an entry's loss";
  let description = [{
    Adds the entry `@gradients` beside an entry that returns a loss, one scalar float: it has the same arguments and
    returns the loss and the gradient of every floating-point parameter `@w`, in the order of the arguments, as
    outputs `w.grad`. Reverse mode over the `Differentiable` interface; what it builds are operations of the same
    dialects. A value with several uses sums their gradients from the last use to the first; so does a parameter
    with several uses. A parameter from which the loss gets no gradient has a constant of zeros as its gradient. No
    gradient flows through integers, i1, `ingot.stop_gradient` (which is gone afterwards) and the tables of
    `ingot.rope`.

    Errors: an operation without `Differentiable`, or a dynamic shape, between a parameter and the loss; no such entry; a
    loss that is not a scalar float.

    ```mlir
    ingot.param @w : tensor<4xf32>
    func.func @loss(%x: tensor<4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.param = @w})
        -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
      %0 = arith.mulf %x, %w : tensor<4xf32>
      %1 = ingot.reduce sum %0 dims [0] : (tensor<4xf32>) -> tensor<f32>
      return %1 : tensor<f32>
    }
    // gets beside it
    func.func @gradients(%x: tensor<4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.param = @w})
        -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"},
            tensor<4xf32> {ingot.gradient = @w, ingot.output = "w.grad"}) {
      %0 = arith.mulf %x, %w : tensor<4xf32>
      %1 = ingot.reduce sum %0 dims [0] : (tensor<4xf32>) -> tensor<f32>
      %one = arith.constant dense<1.0> : tensor<f32>
      %2 = ingot.broadcast %one dims [] : tensor<f32> -> tensor<4xf32>
      %3 = arith.mulf %2, %x : tensor<4xf32>
      return %1, %3 : tensor<f32>, tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
      "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let options = [Option<"entry", "entry", "std::string", "\"loss\"", "name of the entry that returns the loss">];
}

def AddOptimizer : Pass<"ingot-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "turn gradients into a step of training";
  let description = [{
    Turns the entry `@gradients` that `ingot-differentiate` has made into the entry `@train_step`. Each parameter `@w`
    whose gradient is not a constant of zeros becomes the state `@w.trained`, which starts as `@w`, and gets its moments
    as states `@w.m` and `@w.v`, which start as 0. The entry has two more inputs, `lr` (tensor<f32>) and `step`
    (tensor<i32>, counted from 1), and returns the loss, the norm of all gradients together and the new states.

    With `g` the gradient, after clipping, and `t` the step:

    - `sgd`: `m = momentum * m + g`, `w = w - lr * m`; no `m` where the momentum is 0.
    - `adam` (Kingma and Ba, 2014, arXiv:1412.6980): `m = beta1 * m + (1 - beta1) * g`,
      `v = beta2 * v + (1 - beta2) * g^2`,
      `w = w - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)`.
    - `adamw` (Loshchilov and Hutter, 2017, arXiv:1711.05101): `w = w * (1 - lr * weight-decay)` before that. For the
      other two, `weight-decay * w` is added to `g`.

    Decay is for parameters of rank 2 and more that no `ingot.gather` takes rows from: none on biases, norms and
    embeddings. `clip-norm` > 0 multiplies all gradients by `clip-norm / norm` where the norm is larger than that, and
    by exactly 1 where it is not. The norm adds squares up in float32, dimension by dimension from the last one on, then
    in the order of the parameters. Options are rounded to float32.

    Errors: "expects an optimizer of sgd, adam or adamw, but got 'lion'"; parameters that are not f32; no gradient that
    is not a constant of zeros.

    ```mlir
    func.func @gradients(%x: tensor<4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.param = @w})
        -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"},
            tensor<4xf32> {ingot.gradient = @w, ingot.output = "w.grad"})
    // becomes, with kind=sgd momentum=0
    ingot.state @w.trained from @w : tensor<4xf32>
    func.func @train_step(%x: tensor<4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.state = @w.trained},
        %lr: tensor<f32> {ingot.input = "lr", ingot.role = "lr"},
        %step: tensor<i32> {ingot.input = "step", ingot.role = "step"})
        -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"},
            tensor<f32> {ingot.output = "grad_norm", ingot.role = "grad_norm"},
            tensor<4xf32> {ingot.state = @w.trained}) {
      ... // %loss and the gradient %g
      %squares = arith.mulf %g, %g : tensor<4xf32>
      %sum = ingot.reduce sum %squares dims [0] : (tensor<4xf32>) -> tensor<f32>
      %norm = math.sqrt %sum : tensor<f32>
      %rate = ingot.broadcast %lr dims [] : tensor<f32> -> tensor<4xf32>
      %change = arith.mulf %g, %rate : tensor<4xf32>
      %new = arith.subf %w, %change : tensor<4xf32>
      return %loss, %norm, %new : tensor<f32>, tensor<f32>, tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::ingot::IngotDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let options = [
    Option<"kind", "kind", "std::string", "\"adamw\"", "sgd, adam or adamw">,
    Option<"beta1", "beta1", "double", "0.9", "share of the first moment that a step keeps">,
    Option<"beta2", "beta2", "double", "0.95", "share of the second moment that a step keeps">,
    Option<"eps", "eps", "double", "1e-8", "added to the root of the second moment">,
    Option<"momentum", "momentum", "double", "0.9", "of sgd">,
    Option<"weightDecay", "weight-decay", "double", "0.0", "of matrices that are no embeddings">,
    Option<"clipNorm", "clip-norm", "double", "0.0", "largest norm of all gradients together; 0: any">,
  ];
}
