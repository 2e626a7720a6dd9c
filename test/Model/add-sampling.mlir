// RUN: ingot-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(ingot-add-sampling)' | FileCheck %s

// Two entries share the counts; the inputs stand behind all others, and a name that is taken gets a tail.
// CHECK: ingot.state @token_counts init 0.000000e+00 : tensor<2x2x16xi32>
// CHECK-NOT: ingot.state
// CHECK-LABEL: func @decode
// CHECK-SAME: %[[T:arg0]]: tensor<2x1xi32>
// CHECK-SAME: %[[S:arg1]]: tensor<2xi32>
// CHECK-SAME: %[[C:arg2]]: tensor<2xi32>
// CHECK-SAME: ingot.input = "seed"
// CHECK-SAME: %[[G:arg4]]: tensor<2xi32> {ingot.input = "sampled", ingot.role = "sampled"}
// CHECK-SAME: %[[TT:arg5]]: tensor<2xf32> {ingot.input = "temperature", ingot.role = "temperature"}
// CHECK-SAME: %[[TK:arg6]]: tensor<2xi32> {ingot.input = "top_k", ingot.role = "top_k"}
// CHECK-SAME: %[[TP:arg7]]: tensor<2xf32> {ingot.input = "top_p", ingot.role = "top_p"}
// CHECK-SAME: %[[PP:arg8]]: tensor<2xf32> {ingot.input = "presence_penalty", ingot.role = "presence_penalty"}
// CHECK-SAME: %[[FP:arg9]]: tensor<2xf32> {ingot.input = "frequency_penalty", ingot.role = "frequency_penalty"}
// CHECK-SAME: %[[RP:arg10]]: tensor<2xf32> {ingot.input = "repetition_penalty", ingot.role = "repetition_penalty"}
// CHECK-SAME: %[[SEED:arg11]]: tensor<2xi64> {ingot.input = "seed_", ingot.role = "seed"}
// CHECK-SAME: %[[N:arg12]]: tensor<2x2x16xi32> {ingot.state = @token_counts}
// CHECK-SAME: tensor<2xi32> {ingot.output = "next", ingot.role = "next"}, tensor<2x2x16xi32> {ingot.state = @token_counts})
// CHECK: %[[N1:.*]] = ingot.count_tokens %[[T]] into %[[N]] start %[[S]] count %[[C]] sampled %[[G]]
// CHECK: %[[NEXT:.*]] = ingot.sample %[[L:.*]] start %[[S]] count %[[C]] counts %[[N1]] temperature %[[TT]] top_k %[[TK]] top_p %[[TP]] presence %[[PP]] frequency %[[FP]] repetition %[[RP]] seed %[[SEED]]
// CHECK: return %[[L]], %[[NEXT]], %[[N1]]
func.func @decode(%t: tensor<2x1xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %s: tensor<2xi32> {ingot.input = "start", ingot.role = "start"}, %c: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<16x16xf32> {ingot.input = "seed"}) -> (tensor<2x1x16xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = ingot.gather %x, %t : (tensor<16x16xf32>, tensor<2x1xi32>) -> tensor<2x1x16xf32>
  return %0 : tensor<2x1x16xf32>
}
// CHECK-LABEL: func @prefill
// CHECK: ingot.count_tokens {{.*}} : tensor<2x4xi32>, tensor<2x2x16xi32>, tensor<2xi32>
// CHECK: ingot.sample
func.func @prefill(%t: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %s: tensor<2xi32> {ingot.input = "start", ingot.role = "start"}, %c: tensor<2xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<16x16xf32> {ingot.input = "x"}) -> (tensor<2x4x16xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = ingot.gather %x, %t : (tensor<16x16xf32>, tensor<2x4xi32>) -> tensor<2x4x16xf32>
  return %0 : tensor<2x4x16xf32>
}

// -----

// Other entries stay as they are.
// CHECK-LABEL: func @forward
// CHECK-NOT: ingot.sample
func.func @forward(%t: tensor<2x1xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %x: tensor<16x16xf32> {ingot.input = "x"})
    -> (tensor<2x1x16xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = ingot.gather %x, %t : (tensor<16x16xf32>, tensor<2x1xi32>) -> tensor<2x1x16xf32>
  return %0 : tensor<2x1x16xf32>
}

// -----

ingot.state @token_counts init 0.0 : tensor<3xf32>
// expected-error @+1 {{expects '@token_counts' to be a state of type 'tensor<1x2x16xi32>' that all decoder entries share}}
func.func @decode(%t: tensor<1x1xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %s: tensor<1xi32> {ingot.input = "start", ingot.role = "start"}, %c: tensor<1xi32> {ingot.input = "count", ingot.role = "count"},
    %x: tensor<16x16xf32> {ingot.input = "x"}) -> (tensor<1x1x16xf32> {ingot.output = "logits", ingot.role = "logits"}) {
  %0 = ingot.gather %x, %t : (tensor<16x16xf32>, tensor<1x1xi32>) -> tensor<1x1x16xf32>
  return %0 : tensor<1x1x16xf32>
}
