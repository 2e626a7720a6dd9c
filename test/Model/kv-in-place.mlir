// RUN: ingot-opt %s --pass-pipeline='builtin.module(ingot-kv-in-place,ingot-simplify,cse)' --split-input-file | FileCheck %s

// Two entries of one model share one state. 4 positions of cache.
// CHECK: ingot.state @kv init 0.000000e+00 {ingot.from = ["past_key_values.0.key", "past_key_values.0.value", "present.0.key", "present.0.value"]} : tensor<1x2x1x1x4x8xf32>
// CHECK-NOT: ingot.state
// CHECK-LABEL: func @decode
// CHECK-SAME: %[[T:arg[0-9]+]]: tensor<1x1xi32> {ingot.input = "tokens", ingot.role = "tokens"}
// CHECK-SAME: %[[START:arg[0-9]+]]: tensor<1xi32> {ingot.input = "start", ingot.role = "start"}
// CHECK-SAME: %[[COUNT:arg[0-9]+]]: tensor<1xi32> {ingot.input = "count", ingot.role = "count"}
// CHECK-SAME: %[[KV:arg[0-9]+]]: tensor<1x2x1x1x4x8xf32> {ingot.state = @kv}
// CHECK-SAME: %[[E:arg[0-9]+]]: tensor<16x8xf32> {ingot.param = @e}
// CHECK-SAME: -> (tensor<1x1x8xf32> {ingot.output = "logits", ingot.role = "logits"}, tensor<1x2x1x1x4x8xf32> {ingot.state = @kv})
// CHECK: %[[P:.*]] = ingot.positions %[[START]] : tensor<1xi32> -> tensor<1x1xi32>
// CHECK: %[[X:.*]] = ingot.gather %[[E]], %[[T]] : (tensor<16x8xf32>, tensor<1x1xi32>)
// CHECK: %[[H:.*]] = tensor.expand_shape %[[X]] {{.*}} into tensor<1x1x1x8xf32>
// CHECK: %[[R:.*]] = ingot.rope %[[H]], %{{.*}}, %{{.*}} at %[[P]] : {{.*}}, tensor<1x1xi32>
// CHECK: %[[KV1:.*]] = ingot.kv_append %[[R]], %[[H]] into %[[KV]] layer 0 start %[[START]] count %[[COUNT]]
// CHECK: %[[KEYS:.*]] = tensor.extract_slice %[[KV1]][0, 0, 0, 0, 0, 0] [1, 1, 1, 1, 4, 8] [1, 1, 1, 1, 1, 1] : {{.*}} to tensor<1x1x4x8xf32>
// CHECK: %[[VALUES:.*]] = tensor.extract_slice %[[KV1]][0, 1, 0, 0, 0, 0]
// CHECK: ingot.attention %[[R]], %[[KEYS]], %[[VALUES]] start %[[START]] count %[[COUNT]] causal scale
// CHECK: return %{{.*}}, %[[KV1]]
// CHECK-LABEL: func @prefill
// CHECK-SAME: tensor<1x3xi32> {ingot.input = "tokens"
// CHECK: ingot.positions %{{.*}} : tensor<1xi32> -> tensor<1x3xi32>
// CHECK: ingot.kv_append
// CHECK: ingot.attention %{{.*}} causal
ingot.param @e : tensor<16x8xf32>
ingot.param @cos : tensor<4x4xf32>
func.func @decode(%ids: tensor<1x1xi64> {ingot.input = "input_ids"}, %pos: tensor<1x1xi64> {ingot.input = "position_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %e: tensor<16x8xf32> {ingot.param = @e}, %cos: tensor<4x4xf32> {ingot.param = @cos})
    -> (tensor<1x1x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %x = ingot.gather %e, %ids : (tensor<16x8xf32>, tensor<1x1xi64>) -> tensor<1x1x8xf32>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 1, 1, 8] : tensor<1x1x8xf32> into tensor<1x1x1x8xf32>
  %r = ingot.rope %h, %cos, %cos at %pos : tensor<1x1x1x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x1xi64>
  %rt = ingot.transpose %r permutation [0, 2, 1, 3] : (tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
  %ht = ingot.transpose %h permutation [0, 2, 1, 3] : (tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
  %k = tensor.concat dim(2) %pk, %rt : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %ht : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %r, %k, %v scale 0.25 : (tensor<1x1x1x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x1x8xf32>
  %y = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<1x1x1x8xf32> into tensor<1x1x8xf32>
  return %y, %k, %v : tensor<1x1x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}
func.func @prefill(%ids: tensor<1x3xi64> {ingot.input = "input_ids"}, %pos: tensor<1x3xi64> {ingot.input = "position_ids"},
    %pk: tensor<1x1x1x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x1x8xf32> {ingot.input = "past_key_values.0.value"},
    %e: tensor<16x8xf32> {ingot.param = @e}, %cos: tensor<4x4xf32> {ingot.param = @cos})
    -> (tensor<1x3x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %x = ingot.gather %e, %ids : (tensor<16x8xf32>, tensor<1x3xi64>) -> tensor<1x3x8xf32>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 3, 1, 8] : tensor<1x3x8xf32> into tensor<1x3x1x8xf32>
  %r = ingot.rope %h, %cos, %cos at %pos : tensor<1x3x1x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x3xi64>
  %rt = ingot.transpose %r permutation [0, 2, 1, 3] : (tensor<1x3x1x8xf32>) -> tensor<1x1x3x8xf32>
  %ht = ingot.transpose %h permutation [0, 2, 1, 3] : (tensor<1x3x1x8xf32>) -> tensor<1x1x3x8xf32>
  %k = tensor.concat dim(2) %pk, %rt : (tensor<1x1x1x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %ht : (tensor<1x1x1x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %r, %k, %v causal scale 0.25 : (tensor<1x3x1x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x3x1x8xf32>
  %y = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<1x3x1x8xf32> into tensor<1x3x8xf32>
  return %y, %k, %v : tensor<1x3x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// A mask made at run time from position_ids and attention_mask, as exporters of the Hugging Face library write it, is
// causal once positions are start + c and all that start and count show is there. Positions that are counted from the
// fixed past become run-time positions too.
// CHECK-LABEL: func @prefill
// CHECK-SAME: (%{{[a-z0-9]*}}: tensor<1x2xi32> {ingot.input = "tokens"
// CHECK-NOT: attention_mask
// CHECK: %[[P:.*]] = ingot.positions
// CHECK: ingot.rope {{.*}} at %[[P]]
// CHECK-NOT: arith.select
// CHECK: ingot.attention %{{[^:]*}} count %{{[a-z0-9]*}} causal scale
func.func @prefill(%ids: tensor<1x2xi64> {ingot.input = "input_ids"}, %pos: tensor<1x2xi64> {ingot.input = "position_ids"},
    %am: tensor<1x4xi64> {ingot.input = "attention_mask"},
    %pk: tensor<1x1x2x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x2x8xf32> {ingot.input = "past_key_values.0.value"},
    %e: tensor<16x8xf32>, %cos: tensor<4x4xf32>)
    -> (tensor<1x1x4x8xf32> {ingot.output = "present.0.key"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.value"},
        tensor<1x2x8xf32> {ingot.output = "logits"}) {
  %counted = arith.constant dense<[[2, 3]]> : tensor<1x2xi64>
  %iota = arith.constant dense<[0, 1, 2, 3]> : tensor<4xi64>
  %one = arith.constant dense<1> : tensor<1x1x2x4xi64>
  %hide = arith.constant dense<-3.40282347E+38> : tensor<1x1x2x4xf32>
  %show = arith.constant dense<0.0> : tensor<1x1x2x4xf32>
  %keys = ingot.broadcast %iota dims [3] : tensor<4xi64> -> tensor<1x1x2x4xi64>
  %rows = ingot.broadcast %pos dims [0, 2] : tensor<1x2xi64> -> tensor<1x1x2x4xi64>
  %pad = ingot.broadcast %am dims [0, 3] : tensor<1x4xi64> -> tensor<1x1x2x4xi64>
  %later = arith.cmpi sgt, %keys, %rows : tensor<1x1x2x4xi64>
  %padded = arith.cmpi ne, %pad, %one : tensor<1x1x2x4xi64>
  %hidden = arith.ori %later, %padded : tensor<1x1x2x4xi1>
  %mask = arith.select %hidden, %hide, %show : tensor<1x1x2x4xi1>, tensor<1x1x2x4xf32>
  %x = ingot.gather %e, %ids : (tensor<16x8xf32>, tensor<1x2xi64>) -> tensor<1x2x8xf32>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 2, 1, 8] : tensor<1x2x8xf32> into tensor<1x2x1x8xf32>
  %r = ingot.rope %h, %cos, %cos at %counted : tensor<1x2x1x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x2xi64>
  %rt = ingot.transpose %r permutation [0, 2, 1, 3] : (tensor<1x2x1x8xf32>) -> tensor<1x1x2x8xf32>
  %k = tensor.concat dim(2) %pk, %rt : (tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %rt : (tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %r, %k, %v bias %mask scale 0.25
      : (tensor<1x2x1x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x2x4xf32>) -> tensor<1x2x1x8xf32>
  %y = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<1x2x1x8xf32> into tensor<1x2x8xf32>
  return %k, %v, %y : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x2x8xf32>
}

// -----

// What has no past is left alone.
// CHECK-LABEL: func @main
// CHECK-SAME: ingot.input = "input_ids"
// CHECK-NOT: start
func.func @main(%ids: tensor<1x2xi64> {ingot.input = "input_ids"}, %e: tensor<16x8xf32>) -> (tensor<1x2x8xf32> {ingot.output = "logits"}) {
  %x = ingot.gather %e, %ids : (tensor<16x8xf32>, tensor<1x2xi64>) -> tensor<1x2x8xf32>
  return %x : tensor<1x2x8xf32>
}
