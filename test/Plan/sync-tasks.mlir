// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=4},ingot-schedule-tasks{workers=4},ingot-verify-program))' %s | FileCheck %s --check-prefix=CHOSEN
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=2 events=parts},ingot-schedule-tasks{workers=3},ingot-verify-program))' %s | FileCheck %s --check-prefix=PARTS
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=4 events=whole},ingot-schedule-tasks{workers=4},ingot-verify-program))' %s | FileCheck %s --check-prefix=WHOLE
// Two workers share six tasks evenly; and counters that cost a millisecond do not pay.
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=2},ingot-schedule-tasks{workers=2},ingot-verify-program))' %s | FileCheck %s --check-prefix=WHOLE
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{workers=4 counter-seconds=1e-3},ingot-schedule-tasks{workers=4},ingot-verify-program))' %s | FileCheck %s --check-prefix=WHOLE
// What it made before is replaced, schedule and all.
// RUN: ingot-opt --pass-pipeline='builtin.module(task.program(ingot-place-buffers,ingot-sync-tasks{events=parts},ingot-schedule-tasks,ingot-sync-tasks{events=whole},ingot-schedule-tasks,ingot-verify-program))' %s | FileCheck %s --check-prefix=WHOLE

// Twelve rows squared, two rows in each of six tasks; sums of two rows each; and sums of two of these in three tasks. On
// four workers each launch of six tasks takes two rounds, unless the next one begins meanwhile. The three last tasks
// gain nothing from counters of their own: nobody is free for them before.
// CHOSEN: task.event @squares.parts [6] signals 1
// CHOSEN: task.event @sums.done signals 6
// CHOSEN: task.launch @squares {{.*}} signals [@squares.parts[i]]
// CHOSEN: task.launch @sums {{.*}} waits [@squares.parts[i]] signals [@sums.done]
// CHOSEN: task.launch @pairs {{.*}} waits [@sums.done]
// PARTS: task.event @squares.parts [6] signals 1
// PARTS: task.event @sums.parts [3] signals 2
// PARTS: task.launch @squares {{.*}} signals [@squares.parts[i]]
// PARTS: task.launch @sums {{.*}} waits [@squares.parts[i]] signals [@sums.parts[i floordiv 2]]
// PARTS: task.launch @pairs {{.*}} waits [@sums.parts[i]]
// WHOLE: task.event @squares.done signals 6
// WHOLE: task.event @sums.done signals 6
// WHOLE-NOT: task.event
// WHOLE: task.launch @squares {{.*}} signals [@squares.done]
// WHOLE: task.launch @sums {{.*}} waits [@squares.done] signals [@sums.done]
// WHOLE: task.launch @pairs {{.*}} waits [@sums.done]
// WHOLE: task.schedule
task.program @rows target(#task.cpu<"generic">) {
  task.buffer @x : memref<12x8xf32> input "x"
  task.buffer @t : memref<12x8xf32> scratch
  task.buffer @s : memref<6x8xf32> scratch
  task.buffer @y : memref<3x8xf32> output "y"
  task.body @square(%i: index, %x: memref<12x8xf32>, %y: memref<12x8xf32>) {
    %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
    %xs = memref.subview %x[%o, 0] [2, 8] [1, 1] : memref<12x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
    %ys = memref.subview %y[%o, 0] [2, 8] [1, 1] : memref<12x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
    tile.map [affine_map<(m, n) -> (m, n)>] ins(%xs : memref<2x8xf32, strided<[8, 1], offset: ?>>)
        outs(%ys : memref<2x8xf32, strided<[8, 1], offset: ?>>) {
    ^bb0(%v: f32):
      %p = arith.mulf %v, %v : f32
      tile.yield %p : f32
    }
  }
  task.body @sum(%i: index, %x: memref<12x8xf32>, %y: memref<6x8xf32>) {
    %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
    %xs = memref.subview %x[%o, 0] [2, 8] [1, 1] : memref<12x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
    %ys = memref.subview %y[%i, 0] [1, 8] [1, 1] : memref<6x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    tile.reduce sum dims [0] ins(%xs : memref<2x8xf32, strided<[8, 1], offset: ?>>)
        outs(%ys : memref<8xf32, strided<[1], offset: ?>>)
  }
  task.body @pair(%i: index, %x: memref<6x8xf32>, %y: memref<3x8xf32>) {
    %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
    %xs = memref.subview %x[%o, 0] [2, 8] [1, 1] : memref<6x8xf32> to memref<2x8xf32, strided<[8, 1], offset: ?>>
    %ys = memref.subview %y[%i, 0] [1, 8] [1, 1] : memref<3x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    tile.reduce sum dims [0] ins(%xs : memref<2x8xf32, strided<[8, 1], offset: ?>>)
        outs(%ys : memref<8xf32, strided<[1], offset: ?>>)
  }
  task.launch @squares body @square grid [6] args(@x, @t)
      reads [@x[i * 2, 0] [2, 8]] writes [@t[i * 2, 0] [2, 8]] cost 50000000 flops 64 bytes
  task.launch @sums body @sum grid [6] args(@t, @s)
      reads [@t[i * 2, 0] [2, 8]] writes [@s[i, 0] [1, 8]] cost 50000000 flops 64 bytes
  task.launch @pairs body @pair grid [3] args(@s, @y)
      reads [@s[i * 2, 0] [2, 8]] writes [@y[i, 0] [1, 8]] cost 50000000 flops 64 bytes
}
