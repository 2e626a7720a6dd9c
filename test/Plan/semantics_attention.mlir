// Attention cut along rows, and along the keys of a long cache: every stage computes what the tensor program does, in
// any legal order of tasks.
// A sum in parts rounds differently, hence the tolerance.
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --entry=decode --random-inputs=2 --int-range=0,1023 --tolerance=1e-14 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=decode --random-inputs=3 --input=start=700 --input=count=1 --seed=1 --check-accesses --tolerance=1e-14 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=decode --random-inputs=4 --input=start=3 --input=count=1 --seed=2 --check-accesses --tolerance=1e-14 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=decode --random-inputs=4 --input=start=3 --input=count=0 --seed=3 --check-accesses --tolerance=1e-14 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=decode --random-inputs=5 --input=start=1023 --input=count=1 --mode=typed --seed=4 --tolerance=1e-6 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=biased --random-inputs=2 --input=start=300,900 --input=count=3,2 --seed=1 --check-accesses --tolerance=1e-14 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=prefill --random-inputs=2 --input=start=100 --input=count=96 --tolerance=1e-14 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=prefill --random-inputs=3 --input=start=0 --input=count=50 --seed=1 --check-accesses --tolerance=1e-14 --compare %t.task.mlir
// RUN: ingot-interpret %s --entry=sequence --random-inputs=2 --tolerance=1e-14 --compare %t.kernels.mlir
// RUN: ingot-interpret %s --entry=sequence --random-inputs=3 --seed=1 --check-accesses --tolerance=1e-14 --compare %t.task.mlir

ingot.state @kv init 0.0 : tensor<1x2x1x2x1024x8xf32>

func.func @decode(%q: tensor<1x1x4x8xf32> {ingot.input = "q"}, %k: tensor<1x1x2x8xf32> {ingot.input = "k"},
    %kv: tensor<1x2x1x2x1024x8xf32> {ingot.state = @kv}, %start: tensor<1xi32> {ingot.input = "start"},
    %count: tensor<1xi32> {ingot.input = "count"}, %old: tensor<1x2x1024x8xf32> {ingot.input = "old"})
    -> (tensor<1x1x4x8xf32> {ingot.output = "o"}, tensor<1x1x4x8xf32> {ingot.output = "p"},
        tensor<1x2x1x2x1024x8xf32> {ingot.state = @kv}) {
  %new = ingot.kv_append %k, %k into %kv layer 0 start %start count %count
      : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<1x2x1x2x1024x8xf32>, tensor<1xi32>, tensor<1xi32>
  %keys = tensor.extract_slice %new[0, 0, 0, 0, 0, 0] [1, 1, 1, 2, 1024, 8] [1, 1, 1, 1, 1, 1]
      : tensor<1x2x1x2x1024x8xf32> to tensor<1x2x1024x8xf32>
  %values = tensor.extract_slice %new[0, 1, 0, 0, 0, 0] [1, 1, 1, 2, 1024, 8] [1, 1, 1, 1, 1, 1]
      : tensor<1x2x1x2x1024x8xf32> to tensor<1x2x1024x8xf32>
  %o = ingot.attention %q, %keys, %values start %start count %count causal scale 0.35
      : (tensor<1x1x4x8xf32>, tensor<1x2x1024x8xf32>, tensor<1x2x1024x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x4x8xf32>
  // A cache whose keys are all different.
  %p = ingot.attention %q, %old, %old start %start count %count causal scale 0.35
      : (tensor<1x1x4x8xf32>, tensor<1x2x1024x8xf32>, tensor<1x2x1024x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x4x8xf32>
  return %o, %p, %new : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x2x1x2x1024x8xf32>
}

// Two sequences, three rows, a bias for each key, no causal mask.
func.func @biased(%q: tensor<2x3x2x8xf32> {ingot.input = "q"}, %k: tensor<2x1x1280x8xf32> {ingot.input = "k"},
    %v: tensor<2x1x1280x4xf32> {ingot.input = "v"}, %b: tensor<1x2x1x1280xf32> {ingot.input = "b"},
    %start: tensor<2xi32> {ingot.input = "start"}, %count: tensor<2xi32> {ingot.input = "count"})
    -> (tensor<2x3x2x4xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %v start %start count %count bias %b scale 0.35
      : (tensor<2x3x2x8xf32>, tensor<2x1x1280x8xf32>, tensor<2x1x1280x4xf32>, tensor<2xi32>, tensor<2xi32>,
         tensor<1x2x1x1280xf32>) -> tensor<2x3x2x4xf32>
  return %o : tensor<2x3x2x4xf32>
}

func.func @prefill(%q: tensor<1x96x2x8xf32> {ingot.input = "q"}, %k: tensor<1x1x256x8xf32> {ingot.input = "k"},
    %v: tensor<1x1x256x8xf32> {ingot.input = "v"}, %b: tensor<1x1x96x256xf32> {ingot.input = "b"},
    %start: tensor<1xi32> {ingot.input = "start"}, %count: tensor<1xi32> {ingot.input = "count"})
    -> (tensor<1x96x2x8xf32> {ingot.output = "o"}) {
  %o = ingot.attention %q, %k, %v start %start count %count bias %b causal scale 0.35
      : (tensor<1x96x2x8xf32>, tensor<1x1x256x8xf32>, tensor<1x1x256x8xf32>, tensor<1xi32>, tensor<1xi32>,
         tensor<1x1x96x256xf32>) -> tensor<1x96x2x8xf32>
  return %o : tensor<1x96x2x8xf32>
}

// No cache: causal with more keys than rows, and not causal.
func.func @sequence(%q: tensor<2x64x4x8xf32> {ingot.input = "q"}, %k: tensor<2x2x100x8xf32> {ingot.input = "k"})
    -> (tensor<2x64x4x8xf32> {ingot.output = "o"}, tensor<2x64x4x8xf32> {ingot.output = "p"}) {
  %o = ingot.attention %q, %k, %k causal scale 0.35
      : (tensor<2x64x4x8xf32>, tensor<2x2x100x8xf32>, tensor<2x2x100x8xf32>) -> tensor<2x64x4x8xf32>
  %p = ingot.attention %q, %k, %k scale 0.35
      : (tensor<2x64x4x8xf32>, tensor<2x2x100x8xf32>, tensor<2x2x100x8xf32>) -> tensor<2x64x4x8xf32>
  return %o, %p : tensor<2x64x4x8xf32>, tensor<2x64x4x8xf32>
}
