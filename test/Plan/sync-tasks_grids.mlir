// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=3 events=parts},ingot-schedule-tasks{workers=3},ingot-verify-program))' --split-input-file %s -o %t
// RUN: FileCheck %s < %t
// What it wrote is read again.
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-verify-program))' --split-input-file %t | FileCheck %s

// Groups of tasks that are rows of a grid are named by the row.
// CHECK: task.event @a.parts [2] signals 4
// CHECK: task.launch @a {{.*}} signals [@a.parts[i]]
// CHECK: task.launch @b {{.*}} waits [@a.parts[i]]
task.program @rows target(#task.cpu<"generic">) {
  task.buffer @x : memref<2x4x8xf32> input "x"
  task.buffer @t : memref<2x4x8xf32> scratch
  task.buffer @y : memref<2x4x8xf32> output "y"
  task.body @f(%i: index, %j: index, %x: memref<2x4x8xf32>, %y: memref<2x4x8xf32>) {
  }
  task.launch @a body @f grid [2, 4] args(@x, @t) reads [@x[i, j, 0] [1, 1, 8]] writes [@t[i, j, 0] [1, 1, 8]] cost 50000000 flops 64 bytes
  task.launch @b body @f grid [2, 4] args(@t, @y) reads [@t[i, 0, 0] [1, 4, 8]] writes [@y[i, j, 0] [1, 1, 8]] cost 50000000 flops 64 bytes
}

// -----

// Halves of rows: (i * 4 + j) floordiv 2, as MLIR simplifies it.
// CHECK: task.event @a.parts [4] signals 2
// CHECK: task.launch @a {{.*}} signals [@a.parts[i * 2 + j floordiv 2]]
// CHECK: task.launch @b {{.*}} waits [@a.parts[i * 2 + j]]
task.program @halves target(#task.cpu<"generic">) {
  task.buffer @x : memref<2x4xf32> input "x"
  task.buffer @t : memref<2x4xf32> scratch
  task.buffer @y : memref<2x2xf32> output "y"
  task.body @f(%i: index, %j: index, %x: memref<2x4xf32>, %y: memref<2x4xf32>) {
  }
  task.body @g(%i: index, %j: index, %x: memref<2x4xf32>, %y: memref<2x2xf32>) {
  }
  task.launch @a body @f grid [2, 4] args(@x, @t) reads [@x[i, j] [1, 1]] writes [@t[i, j] [1, 1]] cost 50000000 flops 64 bytes
  task.launch @b body @g grid [2, 2] args(@t, @y) reads [@t[i, j * 2] [1, 2]] writes [@y[i, j] [1, 1]] cost 50000000 flops 64 bytes
}

// -----

// Rows of a grid of three dimensions, which no single dimension names.
// CHECK: task.event @a.parts [6] signals 4
// CHECK: task.launch @a {{.*}} signals [@a.parts[i * 3 + j + k floordiv 4]]
// CHECK: task.launch @b {{.*}} waits [@a.parts[i * 3 + j]]
task.program @planes target(#task.cpu<"generic">) {
  task.buffer @x : memref<2x3x4xf32> input "x"
  task.buffer @t : memref<2x3x4xf32> scratch
  task.buffer @y : memref<2x3xf32> output "y"
  task.body @f(%i: index, %j: index, %k: index, %x: memref<2x3x4xf32>, %y: memref<2x3x4xf32>) {
  }
  task.body @g(%i: index, %j: index, %x: memref<2x3x4xf32>, %y: memref<2x3xf32>) {
  }
  task.launch @a body @f grid [2, 3, 4] args(@x, @t) reads [@x[i, j, k] [1, 1, 1]] writes [@t[i, j, k] [1, 1, 1]] cost 50000000 flops 64 bytes
  task.launch @b body @g grid [2, 3] args(@t, @y) reads [@t[i, j, 0] [1, 1, 4]] writes [@y[i, j] [1, 1]] cost 50000000 flops 64 bytes
}

// -----

// Boxes of tensors may be given in the same form.
// CHECK: reads [@x[i * 2 + j floordiv 2] [1]]
task.program @sums target(#task.cpu<"generic">) {
  task.buffer @x : memref<4xf32> input "x"
  task.buffer @t : memref<4xf32> state "t"
  task.body @f(%i: index, %j: index, %x: memref<4xf32>, %y: memref<4xf32>) {
  }
  task.launch @a body @f grid [2, 4] args(@x, @t) reads [@x[i * 2 + j floordiv 2] [1]] cost 1 flops 1 bytes
}
