// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{events=whole},ingot-schedule-tasks{workers=2},ingot-verify-program))' %s | FileCheck %s

// A chain a -> b -> c -> d: `@b` may not overwrite `@a` while it is read, but `@c` may take its place, and then must wait
// for the readers of `@a`, which the chain already implies.
// CHECK-LABEL: task.program @chain
// CHECK: task.buffer @a : memref<32xf32> scratch offset 0
// CHECK: task.buffer @b : memref<32xf32> scratch offset 128
// CHECK: task.buffer @c : memref<32xf32> scratch offset 0
// CHECK: task.event @ka.done signals 2
// CHECK: task.launch @ka {{.*}} signals [@ka.done]
// CHECK: task.launch @kb {{.*}} waits [@ka.done] signals [@kb.done]
// CHECK: task.launch @kc {{.*}} waits [@kb.done] signals [@kc.done]
// CHECK: task.launch @kd {{.*}} waits [@kc.done]
// CHECK-NOT: signals
// CHECK: task.schedule workers 2
task.program @chain target(#task.cpu<"generic">) {
  task.buffer @x : memref<32xf32> input "x"
  task.buffer @a : memref<32xf32> scratch
  task.buffer @b : memref<32xf32> scratch
  task.buffer @c : memref<32xf32> scratch
  task.buffer @y : memref<32xf32> output "y"
  task.body @copy(%i: index, %from: memref<32xf32>, %to: memref<32xf32>) {
    %o = affine.apply affine_map<(i) -> (i * 16)>(%i)
    %f = memref.subview %from[%o] [16] [1] : memref<32xf32> to memref<16xf32, strided<[1], offset: ?>>
    %t = memref.subview %to[%o] [16] [1] : memref<32xf32> to memref<16xf32, strided<[1], offset: ?>>
    tile.map [affine_map<(i) -> (i)>] ins(%f : memref<16xf32, strided<[1], offset: ?>>) outs(%t : memref<16xf32, strided<[1], offset: ?>>) {
    ^bb0(%v: f32):
      tile.yield %v : f32
    }
  }
  task.launch @ka body @copy grid [2] args(@x, @a) reads [@x[i * 16] [16]] writes [@a[i * 16] [16]]
  task.launch @kb body @copy grid [2] args(@a, @b) reads [@a[i * 16] [16]] writes [@b[i * 16] [16]]
  task.launch @kc body @copy grid [2] args(@b, @c) reads [@b[i * 16] [16]] writes [@c[i * 16] [16]]
  task.launch @kd body @copy grid [2] args(@c, @y) reads [@c[i * 16] [16]] writes [@y[i * 16] [16]]
}

// Launches that touch different layers of a state need no event.
// CHECK-LABEL: task.program @layers
// CHECK-NOT: task.event
// CHECK: task.launch @l0
// CHECK-NOT: waits
// CHECK: task.schedule
task.program @layers target(#task.cpu<"generic">) {
  task.buffer @s : memref<2x8xf32> state "s"
  task.body @neg(%i: index, %s: memref<2x8xf32>, %layer: index) {
    %v = memref.subview %s[%layer, 0] [1, 8] [1, 1] : memref<2x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    tile.map [affine_map<(i) -> (i)>] ins(%v : memref<8xf32, strided<[1], offset: ?>>) outs(%v : memref<8xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32):
      %n = arith.negf %a : f32
      tile.yield %n : f32
    }
  }
  task.launch @l0 body @neg grid [1] args(@s, 0 : index) reads [@s[0, 0] [1, 8]] writes [@s[0, 0] [1, 8]]
  task.launch @l1 body @neg grid [1] args(@s, 1 : index) reads [@s[1, 0] [1, 8]] writes [@s[1, 0] [1, 8]]
}
