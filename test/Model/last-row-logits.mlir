// RUN: ingot-opt %s --pass-pipeline='builtin.module(ingot-last-row-logits)' -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: ingot-opt %t.mlir --pass-pipeline='builtin.module(ingot-last-row-logits)' | diff - %t.mlir

// The same by hand: lines behind //LAST instead of those that end with // ALL. Counts of 0 and beyond the rows are there.
// RUN: sed -e '/\/\/ ALL$/d' -e 's|^//LAST||' %s > %t.want.mlir
// RUN: ingot-interpret %t.want.mlir --entry tail --compare %t.mlir --mode exact --random-inputs 1 --int-range=0,8 | FileCheck %s --check-prefix=SAME
// RUN: ingot-interpret %t.want.mlir --entry tail --compare %t.mlir --mode typed --random-inputs 2 --int-range=0,8 | FileCheck %s --check-prefix=SAME
// RUN: ingot-interpret %t.want.mlir --entry shapes --compare %t.mlir --mode exact --random-inputs 3 --int-range=0,6 | FileCheck %s --check-prefix=SAME
// RUN: ingot-interpret %t.want.mlir --entry mixing --compare %t.mlir --mode exact --random-inputs 4 --int-range=0,6 | FileCheck %s --check-prefix=SAME
// RUN: ingot-interpret %t.want.mlir --entry several_uses --compare %t.mlir --mode exact --random-inputs 5 --int-range=0,6 | FileCheck %s --check-prefix=SAME
// SAME: output logits: max abs difference 0{{$}}

// Down to what mixes rows and to the residual stream, of which the keys need every row: all between is on one row.
// CHECK-LABEL: func @tail
// CHECK-SAME: -> (tensor<2x1x11xf32> {{.*}}role = "logits"
// CHECK: %[[STREAM:.*]] = ingot.gather
// CHECK: %[[O:.*]] = ingot.attention
// CHECK: %[[OL:.*]] = ingot.last_row %[[O]] count %arg1 : (tensor<2x6x2x4xf32>, tensor<2xi32>) -> tensor<2x1x2x4xf32>
// CHECK: tensor.collapse_shape %[[OL]] {{.*}} into tensor<2x1x8xf32>
// CHECK: ingot.dot {{.*}} -> tensor<2x1x8xf32>
// CHECK: %[[SL:.*]] = ingot.last_row %[[STREAM]] count %arg1
// CHECK: %[[X:.*]] = arith.addf %[[SL]], {{.*}} : tensor<2x1x8xf32>
// CHECK: ingot.rms_norm %[[X]],
// CHECK: ingot.dot {{.*}} -> tensor<2x1x12xf32>
// CHECK: ingot.silu
// CHECK: arith.addf %[[X]], {{.*}} : tensor<2x1x8xf32>
// CHECK: ingot.dot {{.*}} -> tensor<2x1x11xf32>
// CHECK-NOT: ingot.last_row
// CHECK: return {{.*}} : tensor<2x1x11xf32>, tensor<2x2x6x4xf32>
func.func @tail(%t: tensor<2x6xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %s: tensor<2xi32> {ingot.input = "start", ingot.role = "start"}, %e: tensor<11x8xf32> {ingot.param = @e}, %w: tensor<8xf32> {ingot.param = @w},
    %wk: tensor<8x8xf32> {ingot.param = @wk}, %wo: tensor<8x8xf32> {ingot.param = @wo}, %up: tensor<12x8xf32> {ingot.param = @up},
    %down: tensor<8x12xf32> {ingot.param = @down})
//LAST -> (tensor<2x1x11xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x2x6x4xf32> {ingot.output = "keys"}) {
    -> (tensor<2x6x11xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x2x6x4xf32> {ingot.output = "keys"}) { // ALL
  %x = ingot.gather %e, %t : (tensor<11x8xf32>, tensor<2x6xi32>) -> tensor<2x6x8xf32>
  %k = ingot.dot %x, %wk contract [2] x [1] : (tensor<2x6x8xf32>, tensor<8x8xf32>) -> tensor<2x6x8xf32>
  %q = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 6, 2, 4] : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
  %keys = ingot.transpose %q permutation [0, 2, 1, 3] : (tensor<2x6x2x4xf32>) -> tensor<2x2x6x4xf32>
  %o = ingot.attention %q, %keys, %keys causal scale 0.5 : (tensor<2x6x2x4xf32>, tensor<2x2x6x4xf32>, tensor<2x2x6x4xf32>) -> tensor<2x6x2x4xf32>
  %oc = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<2x6x2x4xf32> into tensor<2x6x8xf32>
  %p = ingot.dot %oc, %wo contract [2] x [1] : (tensor<2x6x8xf32>, tensor<8x8xf32>) -> tensor<2x6x8xf32>
  %x1 = arith.addf %x, %p : tensor<2x6x8xf32>
  %h = ingot.rms_norm %x1, %w eps 1.0e-5 : tensor<2x6x8xf32>, tensor<8xf32>
  %u = ingot.dot %h, %up contract [2] x [1] : (tensor<2x6x8xf32>, tensor<12x8xf32>) -> tensor<2x6x12xf32>
  %a = ingot.silu %u : tensor<2x6x12xf32>
  %d = ingot.dot %a, %down contract [2] x [1] : (tensor<2x6x12xf32>, tensor<8x12xf32>) -> tensor<2x6x8xf32>
  %x2 = arith.addf %x1, %d : tensor<2x6x8xf32>
  %f = ingot.layer_norm %x2, %w eps 1.0e-5 : tensor<2x6x8xf32>, tensor<8xf32>
  %logits = ingot.dot %f, %e contract [2] x [1] : (tensor<2x6x8xf32>, tensor<11x8xf32>) -> tensor<2x6x11xf32>
//LAST %last = ingot.last_row %logits count %n : (tensor<2x6x11xf32>, tensor<2xi32>) -> tensor<2x1x11xf32>
//LAST return %last, %keys : tensor<2x1x11xf32>, tensor<2x2x6x4xf32>
  return %logits, %keys : tensor<2x6x11xf32>, tensor<2x2x6x4xf32> // ALL
}
ingot.param @e : tensor<11x8xf32>
ingot.param @w : tensor<8xf32>
ingot.param @wk : tensor<8x8xf32>
ingot.param @wo : tensor<8x8xf32>
ingot.param @up : tensor<12x8xf32>
ingot.param @down : tensor<8x12xf32>

// Everything that keeps rows apart; what has equal rows is made again, even if others use all of them.
// CHECK-LABEL: func @shapes
// CHECK-SAME: -> (tensor<2x1x6xf32>
// CHECK: arith.constant dense<1.000000e+00> : tensor<2x1x6xf32>
// CHECK: arith.constant dense<1.000000e+00> : tensor<2x4x6xf32>
// CHECK: %[[T:.*]] = ingot.last_row %arg0 count %arg1 : (tensor<2x4xi32>, tensor<2xi32>) -> tensor<2x1xi32>
// CHECK: ingot.gather {{.*}} -> tensor<2x1x6xf32>
// CHECK: arith.truncf {{.*}} : tensor<2x1x6xf32> to tensor<2x1x6xbf16>
// CHECK: ingot.broadcast {{.*}} -> tensor<2x1x6xf32>
// CHECK: arith.select {{.*}} : tensor<2x1x6xi1>, tensor<2x1x6xf32>
// CHECK: ingot.reduce mean {{.*}} : (tensor<2x1x6xf32>) -> tensor<2x1xf32>
// CHECK: ingot.broadcast {{.*}} dims [0, 1] : tensor<2x1xf32> -> tensor<2x1x6xf32>
// CHECK: tensor.expand_shape {{.*}} output_shape [2, 1, 2, 3]
// CHECK: ingot.transpose {{.*}} -> tensor<2x1x3x2xf32>
// CHECK: tensor.collapse_shape
// CHECK: tensor.extract_slice {{.*}}[0, 0, 2] [2, 1, 4] [1, 1, 1]
// CHECK: tensor.concat dim(2) {{.*}} -> tensor<2x1x6xf32>
// CHECK: ingot.dot {{.*}} batch [0, 1] x [0, 1] {{.*}} -> tensor<2x1x6xf32>
// CHECK: ingot.softmax {{.*}} : tensor<2x1x6xf32>
// CHECK-NOT: tensor<2x4x6xbf16>
// CHECK: return {{.*}}, %[[ONE:.*]] : tensor<2x1x6xf32>, tensor<2x4x6xf32>
func.func @shapes(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %e: tensor<6x6xf32> {ingot.input = "e"}, %b: tensor<6xf32> {ingot.input = "b"}, %m: tensor<2x4x6x2xf32> {ingot.input = "m"})
//LAST -> (tensor<2x1x6xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x4x6xf32> {ingot.output = "one"}) {
    -> (tensor<2x4x6xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x4x6xf32> {ingot.output = "one"}) { // ALL
  %one = arith.constant dense<1.0> : tensor<2x4x6xf32>
  %x = ingot.gather %e, %t : (tensor<6x6xf32>, tensor<2x4xi32>) -> tensor<2x4x6xf32>
  %half = arith.truncf %x : tensor<2x4x6xf32> to tensor<2x4x6xbf16>
  %wide = arith.extf %half : tensor<2x4x6xbf16> to tensor<2x4x6xf32>
  %bias = ingot.broadcast %b dims [2] : tensor<6xf32> -> tensor<2x4x6xf32>
  %y = arith.addf %wide, %bias : tensor<2x4x6xf32>
  %c = arith.cmpf olt, %y, %one : tensor<2x4x6xf32>
  %z = arith.select %c, %y, %one : tensor<2x4x6xi1>, tensor<2x4x6xf32>
  %mean = ingot.reduce mean %z dims [2] : (tensor<2x4x6xf32>) -> tensor<2x4xf32>
  %means = ingot.broadcast %mean dims [0, 1] : tensor<2x4xf32> -> tensor<2x4x6xf32>
  %u = arith.subf %z, %means : tensor<2x4x6xf32>
  %heads = tensor.expand_shape %u [[0], [1], [2, 3]] output_shape [2, 4, 2, 3] : tensor<2x4x6xf32> into tensor<2x4x2x3xf32>
  %turned = ingot.transpose %heads permutation [0, 1, 3, 2] : (tensor<2x4x2x3xf32>) -> tensor<2x4x3x2xf32>
  %flat = tensor.collapse_shape %turned [[0], [1], [2, 3]] : tensor<2x4x3x2xf32> into tensor<2x4x6xf32>
  %low = tensor.extract_slice %flat[0, 0, 0] [2, 4, 2] [1, 1, 1] : tensor<2x4x6xf32> to tensor<2x4x2xf32>
  %high = tensor.extract_slice %flat[0, 0, 2] [2, 4, 4] [1, 1, 1] : tensor<2x4x6xf32> to tensor<2x4x4xf32>
  %swapped = tensor.concat dim(2) %high, %low : (tensor<2x4x4xf32>, tensor<2x4x2xf32>) -> tensor<2x4x6xf32>
  %pair = tensor.extract_slice %swapped[0, 0, 0] [2, 4, 2] [1, 1, 1] : tensor<2x4x6xf32> to tensor<2x4x2xf32>
  %d = ingot.dot %pair, %m batch [0, 1] x [0, 1] contract [2] x [3] : (tensor<2x4x2xf32>, tensor<2x4x6x2xf32>) -> tensor<2x4x6xf32>
  %logits = ingot.softmax %d : tensor<2x4x6xf32>
//LAST %last = ingot.last_row %logits count %n : (tensor<2x4x6xf32>, tensor<2xi32>) -> tensor<2x1x6xf32>
//LAST return %last, %one : tensor<2x1x6xf32>, tensor<2x4x6xf32>
  return %logits, %one : tensor<2x4x6xf32>, tensor<2x4x6xf32> // ALL
}

// A contraction over rows needs them all, and so does what turns them into another dimension: the choice stays behind it.
// CHECK-LABEL: func @mixing
// CHECK: ingot.dot {{.*}} -> tensor<2x4x4xf32>
// CHECK: %[[S:.*]] = ingot.softmax {{.*}} : tensor<2x4x4xf32>
// CHECK: %[[BACK:.*]] = ingot.transpose %[[S]] permutation [0, 2, 1]
// CHECK: %[[L:.*]] = ingot.last_row %[[BACK]] count %arg1 : (tensor<2x4x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
// CHECK: %[[N:.*]] = arith.negf %[[L]] : tensor<2x1x4xf32>
// CHECK: return %[[N]]
func.func @mixing(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<2x4x4xf32> {ingot.input = "x"})
//LAST -> (tensor<2x1x4xf32> {ingot.output = "logits", ingot.role = "logits"}) {
    -> (tensor<2x4x4xf32> {ingot.output = "logits", ingot.role = "logits"}) { // ALL
  %d = ingot.dot %x, %x batch [0] x [0] contract [1] x [1] : (tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %s = ingot.softmax %d : tensor<2x4x4xf32>
  %back = ingot.transpose %s permutation [0, 2, 1] : (tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %logits = arith.negf %back : tensor<2x4x4xf32>
//LAST %last = ingot.last_row %logits count %n : (tensor<2x4x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
//LAST return %last : tensor<2x1x4xf32>
  return %logits : tensor<2x4x4xf32> // ALL
}

// Rows that somebody else needs are computed once, and the last one is chosen from them. A dot with itself needs both: one
// row of its left operand, all of its right one.
// CHECK-LABEL: func @several_uses
// CHECK: %[[N:.*]] = arith.negf %arg2 : tensor<2x4x4xf32>
// CHECK: %[[L:.*]] = ingot.last_row %[[N]] count %arg1
// CHECK: %[[D:.*]] = ingot.dot %[[L]], %[[N]] batch [0] x [0] contract [2] x [1] : (tensor<2x1x4xf32>, tensor<2x4x4xf32>) -> tensor<2x1x4xf32>
// CHECK: return %[[D]], %[[N]]
func.func @several_uses(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<2x4x4xf32> {ingot.input = "x"})
//LAST -> (tensor<2x1x4xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x4x4xf32> {ingot.output = "negative"}) {
    -> (tensor<2x4x4xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2x4x4xf32> {ingot.output = "negative"}) { // ALL
  %neg = arith.negf %x : tensor<2x4x4xf32>
  %logits = ingot.dot %neg, %neg batch [0] x [0] contract [2] x [1] : (tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
//LAST %last = ingot.last_row %logits count %n : (tensor<2x4x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
//LAST return %last, %neg : tensor<2x1x4xf32>, tensor<2x4x4xf32>
  return %logits, %neg : tensor<2x4x4xf32>, tensor<2x4x4xf32> // ALL
}

// One row, an entry without counts, one that has chosen its token already, and one that is not about tokens: untouched.
// CHECK-LABEL: func @decode
// CHECK-NOT: ingot.last_row
// CHECK-LABEL: func @no_count
// CHECK-SAME: -> (tensor<2x4x4xf32>
// CHECK-NOT: ingot.last_row
// CHECK-LABEL: func @chosen
// CHECK-SAME: -> (tensor<2x4x4xf32>
// CHECK-NOT: ingot.last_row
// CHECK-LABEL: func @other
// CHECK-SAME: -> (tensor<2x4x4xf32>
// CHECK-NOT: ingot.last_row
// CHECK: return
func.func @decode(%t: tensor<2x1xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<2x1x4xf32> {ingot.input = "x"}) -> (tensor<2x1x4xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = arith.negf %x : tensor<2x1x4xf32>
  return %0 : tensor<2x1x4xf32>
}
func.func @no_count(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %x: tensor<2x4x4xf32> {ingot.input = "x"})
    -> (tensor<2x4x4xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = arith.negf %x : tensor<2x4x4xf32>
  return %0 : tensor<2x4x4xf32>
}
func.func @chosen(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<2x4x4xf32> {ingot.input = "x"})
    -> (tensor<2x4x4xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<2xi32> {ingot.output = "next", ingot.role = "next"}) {
  %0 = arith.negf %x : tensor<2x4x4xf32>
  return %0, %n : tensor<2x4x4xf32>, tensor<2xi32>
}
func.func @other(%n: tensor<2xi32> {ingot.input = "count", ingot.role = "count"}, %x: tensor<2x4x4xf32> {ingot.input = "x"})
    -> (tensor<2x4x4xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = arith.negf %x : tensor<2x4x4xf32>
  return %0 : tensor<2x4x4xf32>
}
