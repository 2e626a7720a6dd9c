// Functions by entry, modes, fixed and random inputs, states over steps.
// RUN: ingot-interpret %s --input x=1,2,3 | FileCheck %s --check-prefix=EXACT
// RUN: ingot-interpret %s --input x=1,2,3 --mode=typed | FileCheck %s --check-prefix=TYPED
// RUN: ingot-interpret %s --entry=count --input by=2 --steps=3 --print-states | FileCheck %s --check-prefix=COUNT
// RUN: ingot-interpret %s --random-inputs=1 --input x=1,2,3 > %t.1
// RUN: ingot-interpret %s --random-inputs=1 --input x=1,2,3 | diff - %t.1
// RUN: ingot-interpret %s --random-inputs=2 --input x=1,2,3 | not diff - %t.1
// RUN: ingot-interpret %s --entry=ints --int-range=5,6 | FileCheck %s --check-prefix=INTS

ingot.param @third = dense<0.333333343> : tensor<3xf32>
ingot.param @random : tensor<2xbf16>
ingot.state @total init 1.0 : tensor<1xf32>

// EXACT: random: bf16 [2] {{-?[0-9.e-]+ -?[0-9.e-]+$}}
// EXACT-NEXT: y: bf16 [3] 0.333333343 0.666666687 1.00000003
// TYPED: y: bf16 [3] 0.333984375 0.66796875 1
func.func @main(%x: tensor<3xf32> {ingot.input = "x"}, %w: tensor<3xf32> {ingot.param = @third},
    %r: tensor<2xbf16> {ingot.param = @random})
    -> (tensor<3xbf16> {ingot.output = "y"}, tensor<2xbf16> {ingot.output = "random"}) {
  %0 = arith.mulf %x, %w : tensor<3xf32>
  %1 = arith.truncf %0 : tensor<3xf32> to tensor<3xbf16>
  return %1, %r : tensor<3xbf16>, tensor<2xbf16>
}

// COUNT: old: f32 [1] 1
// COUNT-NEXT: total: f32 [1] 3
// COUNT-NEXT: old: f32 [1] 3
// COUNT-NEXT: total: f32 [1] 5
// COUNT-NEXT: old: f32 [1] 5
// COUNT-NEXT: total: f32 [1] 7
func.func @count(%by: tensor<1xf32> {ingot.input = "by"}, %s: tensor<1xf32> {ingot.state = @total})
    -> (tensor<1xf32> {ingot.output = "old"}, tensor<1xf32> {ingot.state = @total}) {
  %0 = arith.addf %s, %by : tensor<1xf32>
  return %s, %0 : tensor<1xf32>, tensor<1xf32>
}

// INTS: result0: i32 [2, 2] 5 5 5 5
func.func @ints(%x: tensor<2x2xi32>) -> tensor<2x2xi32> {
  return %x : tensor<2x2xi32>
}
