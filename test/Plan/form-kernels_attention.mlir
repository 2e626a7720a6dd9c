// How attention is cut into tasks: by shape alone.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels --ingot-canonicalize-kernels %s | FileCheck %s
// RUN: ingot-opt --ingot-plan-pipeline="isa=avx2" %s | FileCheck %s --check-prefix=TASK

// A long cache and few heads: tasks compute parts, one launch combines them.
// CHECK-LABEL: func @split
// CHECK: scf.forall (%{{.*}}, %[[G:.*]], %[[I:.*]]) in (1, 2, 8)
// CHECK:   %[[FIRST:.*]] = affine.apply {{.*}}(%[[I]])
// CHECK:   tensor.extract_slice %{{.*}}[0, %[[G]], %[[FIRST]], 0] [1, 1, 256, 8]
// CHECK:   tile.partial_attention causal {{.*}} first %[[FIRST]]
// CHECK:   ingot.kernel = "attention_parts"
// CHECK: scf.forall (%{{.*}}) in (1)
// CHECK:   tile.combine_attention ins(%{{.*}} : tensor<1x1x4x8x10xf32>)
// CHECK:   ingot.kernel = "attention"
// TASK-LABEL: task.program @split
// TASK: task.launch @k0.attention_parts body @attention_parts grid [1, 2, 8]
// TASK-SAME: signals [@k0.attention_parts.done]
// TASK-NEXT: reads [{{.*}}@k[0, j, k * 256, 0] [1, 1, 256, 8], @v[0, j, k * 256, 0] [1, 1, 256, 8]
// TASK-NEXT: writes [@t0[0, 0, j * 2, k, 0] [1, 1, 2, 1, 10]]
// TASK: task.launch @k1.attention body @attention grid [1]
// TASK-SAME: waits [@k0.attention_parts.done]
func.func @split(%q: tensor<1x1x4x8xf32> {ingot.input = "q"}, %k: tensor<1x2x2048x8xf32> {ingot.input = "k"},
    %v: tensor<1x2x2048x8xf32> {ingot.input = "v"}, %s: tensor<1xi32> {ingot.input = "s"}, %n: tensor<1xi32> {ingot.input = "n"})
    -> (tensor<1x1x4x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %v start %s count %n causal scale 0.35
      : (tensor<1x1x4x8xf32>, tensor<1x2x2048x8xf32>, tensor<1x2x2048x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x4x8xf32>
  return %o : tensor<1x1x4x8xf32>
}

// A short cache: one task per kv head.
// CHECK-LABEL: func @short
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (1, 2)
// CHECK:   tile.attention causal
// CHECK-NOT: tile.combine_attention
func.func @short(%q: tensor<1x1x4x8xf32> {ingot.input = "q"}, %k: tensor<1x2x512x8xf32> {ingot.input = "k"},
    %s: tensor<1xi32> {ingot.input = "s"}, %n: tensor<1xi32> {ingot.input = "n"})
    -> (tensor<1x1x4x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %k start %s count %n causal scale 0.35
      : (tensor<1x1x4x8xf32>, tensor<1x2x512x8xf32>, tensor<1x2x512x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x4x8xf32>
  return %o : tensor<1x1x4x8xf32>
}

// As many tasks as are wanted already: 2 sequences of 16 kv heads.
// CHECK-LABEL: func @wide
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (2, 16)
// CHECK-NOT: tile.combine_attention
func.func @wide(%q: tensor<2x1x16x8xf32> {ingot.input = "q"}, %k: tensor<2x16x4096x8xf32> {ingot.input = "k"},
    %s: tensor<2xi32> {ingot.input = "s"}, %n: tensor<2xi32> {ingot.input = "n"})
    -> (tensor<2x1x16x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %k start %s count %n causal scale 0.35
      : (tensor<2x1x16x8xf32>, tensor<2x16x4096x8xf32>, tensor<2x16x4096x8xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x1x16x8xf32>
  return %o : tensor<2x1x16x8xf32>
}

// A prompt: blocks of 64 rows, counted over the heads that share a kv head.
// CHECK-LABEL: func @prompt
// CHECK: scf.forall (%{{.*}}, %[[G:.*]], %[[I:.*]]) in (1, 2, 4)
// CHECK:   tensor.extract_slice %{{.*}} [1, 32, 2, 8]
// CHECK:   tile.attention causal
func.func @prompt(%q: tensor<1x128x4x8xf32> {ingot.input = "q"}, %k: tensor<1x2x2048x8xf32> {ingot.input = "k"},
    %s: tensor<1xi32> {ingot.input = "s"}, %n: tensor<1xi32> {ingot.input = "n"})
    -> (tensor<1x128x4x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %k start %s count %n causal scale 0.35
      : (tensor<1x128x4x8xf32>, tensor<1x2x2048x8xf32>, tensor<1x2x2048x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x128x4x8xf32>
  return %o : tensor<1x128x4x8xf32>
}

// 127 rows have no divisor: they stay together.
// CHECK-LABEL: func @prime
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (1, 4)
func.func @prime(%q: tensor<1x127x4x8xf32> {ingot.input = "q"}, %k: tensor<1x4x128x8xf32> {ingot.input = "k"})
    -> (tensor<1x127x4x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %k causal scale 0.35
      : (tensor<1x127x4x8xf32>, tensor<1x4x128x8xf32>, tensor<1x4x128x8xf32>) -> tensor<1x127x4x8xf32>
  return %o : tensor<1x127x4x8xf32>
}
