// Operations and shapes that no fused operation covers.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --entry=attention --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=attention --random-inputs=3 --seed=1 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=shapes --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=shapes --random-inputs=3 --seed=1 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=diamond --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=diamond --random-inputs=3 --seed=1 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=steps --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=steps --random-inputs=3 --seed=1 --check-accesses --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=outputs --random-inputs=2 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=outputs --random-inputs=3 --seed=1 --compare %t.task.mlir

// Attention before it is fused: batched contractions, a mask, a softmax.
func.func @attention(%q: tensor<2x6x4x8xf32> {ingot.input = "q"}, %k: tensor<2x6x4x8xf32> {ingot.input = "k"},
    %v: tensor<2x6x4x8xf32> {ingot.input = "v"}, %m: tensor<6x6xf32> {ingot.input = "m"})
    -> (tensor<2x6x4x8xf32> {ingot.output = "o"}) {
  %qh = ingot.transpose %q permutation [0, 2, 1, 3] : (tensor<2x6x4x8xf32>) -> tensor<2x4x6x8xf32>
  %kh = ingot.transpose %k permutation [0, 2, 3, 1] : (tensor<2x6x4x8xf32>) -> tensor<2x4x8x6xf32>
  %vh = ingot.transpose %v permutation [0, 2, 1, 3] : (tensor<2x6x4x8xf32>) -> tensor<2x4x6x8xf32>
  %s0 = ingot.dot %qh, %kh batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<2x4x6x8xf32>, tensor<2x4x8x6xf32>) -> tensor<2x4x6x6xf32>
  %c = arith.constant dense<0.353553> : tensor<2x4x6x6xf32>
  %s1 = arith.mulf %s0, %c : tensor<2x4x6x6xf32>
  %mb = ingot.broadcast %m dims [2, 3] : tensor<6x6xf32> -> tensor<2x4x6x6xf32>
  %s2 = arith.addf %s1, %mb : tensor<2x4x6x6xf32>
  %p = ingot.softmax %s2 : tensor<2x4x6x6xf32>
  %o0 = ingot.dot %p, %vh batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<2x4x6x6xf32>, tensor<2x4x6x8xf32>) -> tensor<2x4x6x8xf32>
  %o = ingot.transpose %o0 permutation [0, 2, 1, 3] : (tensor<2x4x6x8xf32>) -> tensor<2x6x4x8xf32>
  return %o : tensor<2x6x4x8xf32>
}

// Reshapes, slices, concatenation and reductions, several outputs, a value that is only a view.
func.func @shapes(%x: tensor<4x6x10xf32> {ingot.input = "x"}, %y: tensor<4x60xf32> {ingot.input = "y"})
    -> (tensor<4x120xf32> {ingot.output = "joined"}, tensor<6xf32> {ingot.output = "sums"},
        tensor<2x3x10xf32> {ingot.output = "part"}, tensor<10x24xf32> {ingot.output = "turned"},
        tensor<4x6xf32> {ingot.output = "max"}, tensor<2xf32> {ingot.output = "constant"}) {
  %flat = tensor.collapse_shape %x [[0], [1, 2]] : tensor<4x6x10xf32> into tensor<4x60xf32>
  %sum = arith.addf %flat, %y : tensor<4x60xf32>
  %joined = tensor.concat dim(1) %sum, %flat : (tensor<4x60xf32>, tensor<4x60xf32>) -> tensor<4x120xf32>
  %cube = tensor.expand_shape %sum [[0], [1, 2]] output_shape [4, 6, 10] : tensor<4x60xf32> into tensor<4x6x10xf32>
  %sums = ingot.reduce mean %cube dims [0, 2] : (tensor<4x6x10xf32>) -> tensor<6xf32>
  %max = ingot.reduce max %cube dims [2] : (tensor<4x6x10xf32>) -> tensor<4x6xf32>
  %part = tensor.extract_slice %cube[1, 2, 0] [2, 3, 10] [1, 1, 1] : tensor<4x6x10xf32> to tensor<2x3x10xf32>
  %rows = tensor.collapse_shape %cube [[0, 1], [2]] : tensor<4x6x10xf32> into tensor<24x10xf32>
  %turned = ingot.transpose %rows permutation [1, 0] : (tensor<24x10xf32>) -> tensor<10x24xf32>
  %constant = arith.constant dense<2.5> : tensor<2xf32>
  return %joined, %sums, %part, %turned, %max, %constant
      : tensor<4x120xf32>, tensor<6xf32>, tensor<2x3x10xf32>, tensor<10x24xf32>, tensor<4x6xf32>, tensor<2xf32>
}

// A contraction with several pointwise uses, some in one kernel, some in others; integer and boolean values.
func.func @diamond(%x: tensor<5x7xf32> {ingot.input = "x"}, %w: tensor<7x12xf32> {ingot.input = "w"},
    %i: tensor<5xi32> {ingot.input = "i"})
    -> (tensor<5x12xf32> {ingot.output = "a"}, tensor<5x12xf32> {ingot.output = "b"}, tensor<5xi32> {ingot.output = "j"}) {
  %d = ingot.dot %x, %w contract [1] x [0] : (tensor<5x7xf32>, tensor<7x12xf32>) -> tensor<5x12xf32>
  %t = math.tanh %d : tensor<5x12xf32>
  %u = arith.mulf %d, %t : tensor<5x12xf32>
  %zero = arith.constant dense<0.0> : tensor<5x12xf32>
  %positive = arith.cmpf ogt, %u, %zero : tensor<5x12xf32>
  %a = arith.select %positive, %u, %t : tensor<5x12xi1>, tensor<5x12xf32>
  %b = arith.subf %zero, %d : tensor<5x12xf32>
  %one = arith.constant dense<1> : tensor<5xi32>
  %j = arith.addi %i, %one : tensor<5xi32>
  return %a, %b, %j : tensor<5x12xf32>, tensor<5x12xf32>, tensor<5xi32>
}

// Steps other than 1 take every step-th element, of memory and of what is computed here.
func.func @steps(%x: tensor<7x9xf32> {ingot.input = "x"}, %w: tensor<5x6xf32> {ingot.input = "w"})
    -> (tensor<3x3xf32> {ingot.output = "a"}, tensor<4x5xf32> {ingot.output = "b"}, tensor<3x6xf32> {ingot.output = "c"},
        tensor<5xf32> {ingot.output = "d"}) {
  %a = tensor.extract_slice %x[1, 2] [3, 3] [2, 3] : tensor<7x9xf32> to tensor<3x3xf32>
  %e = math.exp %x : tensor<7x9xf32>
  %b = tensor.extract_slice %e[0, 0] [4, 5] [2, 2] : tensor<7x9xf32> to tensor<4x5xf32>
  %m = tensor.extract_slice %x[0, 0] [3, 5] [3, 2] : tensor<7x9xf32> to tensor<3x5xf32>
  %c = ingot.dot %m, %w contract [1] x [0] : (tensor<3x5xf32>, tensor<5x6xf32>) -> tensor<3x6xf32>
  %d = tensor.extract_slice %x[3, 0] [1, 5] [1, 2] : tensor<7x9xf32> to tensor<5xf32>
  return %a, %b, %c, %d : tensor<3x3xf32>, tensor<4x5xf32>, tensor<3x6xf32>, tensor<5xf32>
}

// Outputs that are an input, a constant, the same value twice; a scalar under another shape.
func.func @outputs(%x: tensor<2x3xf32> {ingot.input = "x"}, %s: tensor<f32> {ingot.input = "s"})
    -> (tensor<2x3xf32> {ingot.output = "same"}, tensor<2x3xf32> {ingot.output = "once"},
        tensor<2x3xf32> {ingot.output = "twice"}, tensor<1x1xf32> {ingot.output = "scalar"}) {
  %n = arith.negf %x : tensor<2x3xf32>
  %t = tensor.expand_shape %s [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
  %u = math.tanh %t : tensor<1x1xf32>
  return %x, %n, %n, %u : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<1x1xf32>
}
