// RUN: ingot-opt %s --ingot-add-loss --split-input-file | FileCheck %s

// A decoder over whole sequences, as it is imported with a past of no positions.
ingot.param @w : tensor<8x8xf32>
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: %[[TOKENS:.*]]: tensor<2x4xi32> {ingot.input = "tokens", ingot.role = "tokens"},
// CHECK-SAME: %[[TARGETS:.*]]: tensor<2x4xi32> {ingot.input = "targets", ingot.role = "targets"},
// CHECK-SAME: %[[WEIGHTS:.*]]: tensor<2x4xf32> {ingot.input = "weights", ingot.role = "weights"},
// CHECK-SAME: %[[W:[^:]*]]: tensor<8x8xf32> {ingot.param = @w})
// CHECK-SAME: -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"})
// CHECK-DAG: %[[IDS:.*]] = arith.extsi %[[TOKENS]] : tensor<2x4xi32> to tensor<2x4xi64>
// CHECK-DAG: %[[POSITIONS:.*]] = arith.constant dense<{{\[\[}}0, 1, 2, 3], [0, 1, 2, 3]]> : tensor<2x4xi64>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<1> : tensor<2x4xi64>
// CHECK: %[[ROWS:.*]] = ingot.gather %[[W]], %[[IDS]]
// CHECK: %[[PLACES:.*]] = ingot.gather %[[W]], %[[POSITIONS]]
// CHECK: %[[MASKED:.*]] = ingot.gather %[[W]], %[[MASK]]
// CHECK-NOT: tensor.concat
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: %[[LOGITS:.*]] = arith.addf %[[SUM]], %[[MASKED]]
// CHECK: %[[LOSS:.*]], %{{.*}} = ingot.cross_entropy %[[LOGITS]], %[[TARGETS]] weights %[[WEIGHTS]] z_loss 0.0
// CHECK: return %[[LOSS]] : tensor<f32>
func.func @loss(%ids: tensor<2x4xi64> {ingot.input = "input_ids"},
    %positions: tensor<2x4xi64> {ingot.input = "position_ids"}, %mask: tensor<2x4xi64> {ingot.input = "attention_mask"},
    %past: tensor<2x1x0x8xf32> {ingot.input = "past_key_values.0.key"}, %w: tensor<8x8xf32> {ingot.param = @w})
    -> (tensor<2x4x8xf32> {ingot.output = "logits"}, tensor<2x1x4x8xf32> {ingot.output = "present.0.key"}) {
  %0 = ingot.gather %w, %ids : (tensor<8x8xf32>, tensor<2x4xi64>) -> tensor<2x4x8xf32>
  %1 = ingot.gather %w, %positions : (tensor<8x8xf32>, tensor<2x4xi64>) -> tensor<2x4x8xf32>
  %2 = ingot.gather %w, %mask : (tensor<8x8xf32>, tensor<2x4xi64>) -> tensor<2x4x8xf32>
  %new = tensor.expand_shape %1 [[0, 1], [2], [3]] output_shape [2, 1, 4, 8] : tensor<2x4x8xf32> into tensor<2x1x4x8xf32>
  %key = tensor.concat dim(2) %past, %new : (tensor<2x1x0x8xf32>, tensor<2x1x4x8xf32>) -> tensor<2x1x4x8xf32>
  %rows = tensor.collapse_shape %key [[0, 1], [2], [3]] : tensor<2x1x4x8xf32> into tensor<2x4x8xf32>
  %3 = arith.addf %0, %rows : tensor<2x4x8xf32>
  %4 = arith.addf %3, %2 : tensor<2x4x8xf32>
  return %4, %key : tensor<2x4x8xf32>, tensor<2x1x4x8xf32>
}

// -----

// What returns a loss is left alone.
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: %[[X:.*]]: tensor<f32>
// CHECK-NEXT: return %[[X]] : tensor<f32>
func.func @loss(%x: tensor<f32> {ingot.input = "x"}) -> (tensor<f32> {ingot.output = "y", ingot.role = "loss"}) {
  return %x : tensor<f32>
}
