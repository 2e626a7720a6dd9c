// The operations of training: loss, sums into a table, gradients of attention. Every stage computes what the tensor
// program does, in any legal order of tasks. Sums over rows of logits are trees, hence the tolerance.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --entry=loss --random-inputs=2 --int-range=-2,210 --tolerance=1e-13 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=loss --random-inputs=3 --int-range=-2,210 --seed=1 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=loss --random-inputs=3 --int-range=-2,210 --seed=2 --input=w=0,0,0,0,0,0 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=loss --random-inputs=3 --int-range=-2,210 --seed=2 --input=w=0,2,0,1,0,0 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=mean --random-inputs=2 --int-range=0,10 --tolerance=1e-13 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=mean --random-inputs=3 --int-range=0,10 --seed=1 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=table --random-inputs=2 --int-range=-2,9 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=table --random-inputs=3 --int-range=-2,9 --seed=1 --check-accesses --compare %t.task.mlir
// Scores of all rows and keys are in no buffer.
// RUN: not grep "task.buffer.*128x128" %t.task.mlir
// RUN: ingot-interpret %s --entry=attention --random-inputs=2 --tolerance=1e-13 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=attention --random-inputs=3 --seed=1 --check-accesses --tolerance=1e-13 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=biased --random-inputs=2 --tolerance=1e-13 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=biased --random-inputs=3 --seed=1 --check-accesses --tolerance=1e-13 --compare %t.task.mlir

// Targets outside the vocabulary are clamped; a scalar is the gradient of the loss.
func.func @loss(%x: tensor<2x3x200xf32> {ingot.input = "x"}, %t: tensor<2x3xi32> {ingot.input = "t"},
    %w: tensor<2x3xf32> {ingot.input = "w"}, %u: tensor<f32> {ingot.input = "u"})
    -> (tensor<f32> {ingot.output = "loss"}, tensor<2x3xf32> {ingot.output = "lse"}, tensor<2x3x200xf32> {ingot.output = "grad"}) {
  %loss, %lse = ingot.cross_entropy %x, %t weights %w z_loss 0.25
      : (tensor<2x3x200xf32>, tensor<2x3xi32>, tensor<2x3xf32>) -> (tensor<f32>, tensor<2x3xf32>)
  %grad = ingot.cross_entropy_grad %x, %t, %lse, %u weights %w z_loss 0.25
      : (tensor<2x3x200xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<f32>, tensor<2x3xf32>) -> tensor<2x3x200xf32>
  return %loss, %lse, %grad : tensor<f32>, tensor<2x3xf32>, tensor<2x3x200xf32>
}

// No weights, logits from a contraction, a scale that is no constant of derivatives.
func.func @mean(%x: tensor<64x8xf32> {ingot.input = "x"}, %e: tensor<300x8xf32> {ingot.input = "e"},
    %t: tensor<64xi32> {ingot.input = "t"}, %u: tensor<f32> {ingot.input = "u"})
    -> (tensor<f32> {ingot.output = "loss"}, tensor<64x300xf32> {ingot.output = "grad"}) {
  %logits = ingot.dot %x, %e contract [1] x [1] : (tensor<64x8xf32>, tensor<300x8xf32>) -> tensor<64x300xf32>
  %stopped = ingot.stop_gradient %u : tensor<f32>
  %loss, %lse = ingot.cross_entropy %logits, %t z_loss 0.0
      : (tensor<64x300xf32>, tensor<64xi32>) -> (tensor<f32>, tensor<64xf32>)
  %scaled = arith.mulf %loss, %stopped : tensor<f32>
  %grad = ingot.cross_entropy_grad %logits, %t, %lse, %stopped z_loss 0.0
      : (tensor<64x300xf32>, tensor<64xi32>, tensor<64xf32>, tensor<f32>) -> tensor<64x300xf32>
  return %scaled, %grad : tensor<f32>, tensor<64x300xf32>
}

// Indices more than once and outside the table; columns in several tasks; a table of numbers, and of integers.
func.func @table(%u: tensor<2x5x48xf32> {ingot.input = "u"}, %i: tensor<2x5xi32> {ingot.input = "i"},
    %t: tensor<7x48xf32> {ingot.input = "t"}, %s: tensor<9xf32> {ingot.input = "s"}, %k: tensor<9xi32> {ingot.input = "k"})
    -> (tensor<7x48xf32> {ingot.output = "zero"}, tensor<7x48xf32> {ingot.output = "sum"}, tensor<7xf32> {ingot.output = "one"},
        tensor<7xi32> {ingot.output = "count"}) {
  %zeros = arith.constant dense<0.0> : tensor<7x48xf32>
  %g = arith.negf %u : tensor<2x5x48xf32>
  %zero = ingot.scatter_add %g, %i into %zeros : (tensor<2x5x48xf32>, tensor<2x5xi32>, tensor<7x48xf32>) -> tensor<7x48xf32>
  %sum = ingot.scatter_add %u, %i into %t : (tensor<2x5x48xf32>, tensor<2x5xi32>, tensor<7x48xf32>) -> tensor<7x48xf32>
  %none = arith.constant dense<0.0> : tensor<7xf32>
  %one = ingot.scatter_add %s, %k into %none : (tensor<9xf32>, tensor<9xi32>, tensor<7xf32>) -> tensor<7xf32>
  %ones = arith.constant dense<1> : tensor<9xi32>
  %nothing = arith.constant dense<0> : tensor<7xi32>
  %count = ingot.scatter_add %ones, %k into %nothing : (tensor<9xi32>, tensor<9xi32>, tensor<7xi32>) -> tensor<7xi32>
  return %zero, %sum, %one, %count : tensor<7x48xf32>, tensor<7x48xf32>, tensor<7xf32>, tensor<7xi32>
}

// Grouped heads, causal, blocks of rows and of keys in several tasks.
func.func @attention(%q: tensor<1x128x4x8xf32> {ingot.input = "q"}, %k: tensor<1x2x128x8xf32> {ingot.input = "k"},
    %v: tensor<1x2x128x12xf32> {ingot.input = "v"}, %u: tensor<1x128x4x12xf32> {ingot.input = "u"})
    -> (tensor<1x128x4x12xf32> {ingot.output = "o"}, tensor<1x128x4xf32> {ingot.output = "lse"}, tensor<1x128x4x8xf32> {ingot.output = "dq"},
        tensor<1x2x128x8xf32> {ingot.output = "dk"}, tensor<1x2x128x12xf32> {ingot.output = "dv"}) {
  %o, %l = ingot.attention %q, %k, %v causal scale 0.375
      : (tensor<1x128x4x8xf32>, tensor<1x2x128x8xf32>, tensor<1x2x128x12xf32>) -> (tensor<1x128x4x12xf32>, tensor<1x128x4xf32>)
  %dq, %dk, %dv = ingot.attention_grad %q, %k, %v out %o lse %l upstream %u causal scale 0.375
      : (tensor<1x128x4x8xf32>, tensor<1x2x128x8xf32>, tensor<1x2x128x12xf32>, tensor<1x128x4x12xf32>, tensor<1x128x4xf32>,
         tensor<1x128x4x12xf32>) -> (tensor<1x128x4x8xf32>, tensor<1x2x128x8xf32>, tensor<1x2x128x12xf32>)
  return %o, %l, %dq, %dk, %dv : tensor<1x128x4x12xf32>, tensor<1x128x4xf32>, tensor<1x128x4x8xf32>, tensor<1x2x128x8xf32>,
      tensor<1x2x128x12xf32>
}

// Two sequences, more keys than rows, a bias that is the same for all heads; not causal; keys from another layout.
func.func @biased(%q: tensor<2x6x2x8xf32> {ingot.input = "q"}, %k: tensor<2x10x2x8xf32> {ingot.input = "k"},
    %v: tensor<2x2x10x8xf32> {ingot.input = "v"}, %b: tensor<2x1x6x10xf32> {ingot.input = "b"}, %u: tensor<2x6x2x8xf32> {ingot.input = "u"})
    -> (tensor<2x6x2x8xf32> {ingot.output = "o"}, tensor<2x6x2x8xf32> {ingot.output = "dq"}, tensor<2x2x10x8xf32> {ingot.output = "dk"}) {
  %kt = ingot.transpose %k permutation [0, 2, 1, 3] : (tensor<2x10x2x8xf32>) -> tensor<2x2x10x8xf32>
  %o, %l = ingot.attention %q, %kt, %v bias %b scale 0.375
      : (tensor<2x6x2x8xf32>, tensor<2x2x10x8xf32>, tensor<2x2x10x8xf32>, tensor<2x1x6x10xf32>) -> (tensor<2x6x2x8xf32>, tensor<2x6x2xf32>)
  %dq, %dk, %dv = ingot.attention_grad %q, %kt, %v out %o lse %l upstream %u bias %b scale 0.375
      : (tensor<2x6x2x8xf32>, tensor<2x2x10x8xf32>, tensor<2x2x10x8xf32>, tensor<2x6x2x8xf32>, tensor<2x6x2xf32>,
         tensor<2x6x2x8xf32>, tensor<2x1x6x10xf32>) -> (tensor<2x6x2x8xf32>, tensor<2x2x10x8xf32>, tensor<2x2x10x8xf32>)
  return %o, %dq, %dk : tensor<2x6x2x8xf32>, tensor<2x6x2x8xf32>, tensor<2x2x10x8xf32>
}
