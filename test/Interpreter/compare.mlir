// A pass keeps the meaning: before == after; a changed program is told apart.
// RUN: ingot-opt %s --canonicalize --cse > %t.same.mlir
// RUN: ingot-interpret %s --compare %t.same.mlir --steps=3 | FileCheck %s --check-prefix=SAME
// RUN: sed 's/arith.addf %h/arith.subf %h/' %s > %t.other.mlir
// RUN: not ingot-interpret %s --compare %t.other.mlir > %t.out 2> %t.err
// RUN: FileCheck %s --check-prefix=OTHER < %t.out
// RUN: FileCheck %s --check-prefix=DIFFER < %t.err
// RUN: ingot-interpret %s --compare %t.other.mlir --tolerance=10
// RUN: sed 's/"y"/"z"/' %s > %t.renamed.mlir
// RUN: not ingot-interpret %s --compare %t.renamed.mlir 2>&1 | FileCheck %s --check-prefix=RENAMED

// SAME-COUNT-3: output y: max abs difference 0{{$}}
// OTHER: output y: max abs difference {{[1-9]}}
// DIFFER: the programs differ
// RENAMED-DAG: output y: only in the first program
// RENAMED-DAG: output z: only in the second program
ingot.param @w : tensor<8x4xf32>
func.func @main(%x: tensor<2x4xf32> {ingot.input = "x"}, %w: tensor<8x4xf32> {ingot.param = @w})
    -> (tensor<2x8xf32> {ingot.output = "y"}) {
  %wt = ingot.transpose %w permutation [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %h = ingot.dot %x, %wt contract [1] x [0] : (tensor<2x4xf32>, tensor<4x8xf32>) -> tensor<2x8xf32>
  %one = arith.constant dense<1.0> : tensor<2x8xf32>
  %y = arith.addf %h, %one : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
