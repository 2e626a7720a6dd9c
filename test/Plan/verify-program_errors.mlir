// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-verify-program))' --split-input-file --verify-diagnostics %s

// expected-error @+1 {{is not accepted}}
task.program @race target(#task.cpu<"generic">) {
  task.buffer @x : memref<1xf32> input "x"
  task.buffer @t : memref<1xf32> scratch offset 0
  task.buffer @y : memref<1xf32> output "y"
  task.body @copy(%i: index, %from: memref<1xf32>, %to: memref<1xf32>) {
    tile.map [affine_map<(i) -> (i)>] ins(%from : memref<1xf32>) outs(%to : memref<1xf32>) {
    ^bb0(%v: f32):
      tile.yield %v : f32
    }
  }
  task.launch @a body @copy grid [1] args(@x, @t) reads [@x[0] [1]] writes [@t[0] [1]]
  task.launch @b body @copy grid [1] args(@t, @y) reads [@t[0] [1]] writes [@y[0] [1]]
  task.schedule workers 2 { queue 0 [@a[0]] queue 1 [@b[0]] }
}

// -----

task.program @unplaced target(#task.cpu<"generic">) {
  // expected-error @+1 {{expects an offset in the arena: run ingot-place-buffers first}}
  task.buffer @t : memref<1xf32> scratch
}

// -----

task.program @nonlinear target(#task.cpu<"generic">) {
  task.buffer @t : memref<16xf32> output "t"
  task.body @b(%i: index, %t: memref<16xf32>) {
  }
  // expected-error @+1 {{parts of tensors at other indices than linear ones, or a linear one divided by a constant, are not supported yet, but got affine_map<(d0) -> (d0 mod 4)>}}
  task.launch @a body @b grid [8] args(@t) writes [@t[i mod 4] [1]]
}
