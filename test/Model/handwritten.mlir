// The handwritten examples parse, verify, and say what they promise.
// RUN: ingot-opt %S/../../examples/handwritten/mlp.mlir | FileCheck %s --check-prefix=MLP
// RUN: ingot-opt %S/../../examples/handwritten/llama.mlir | FileCheck %s --check-prefix=LLAMA

// MLP: func @main(%{{.*}}: tensor<4x16xf32> {ingot.input = "x"}
// MLP: ingot.silu

// LLAMA: ingot.state @kv init 0.000000e+00 : tensor<5x2x1x4x512x8xf32>
// LLAMA-LABEL: func @decode
// LLAMA-COUNT-5: ingot.kv_append
// LLAMA-NOT: ingot.kv_append
// LLAMA-LABEL: func @prefill
// LLAMA-COUNT-5: ingot.kv_append
// LLAMA-NOT: ingot.kv_append
