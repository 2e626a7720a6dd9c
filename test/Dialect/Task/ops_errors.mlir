// RUN: ingot-opt --split-input-file --verify-diagnostics %s

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects a static shape with identity layout, but got 'memref<?xf32>'}}
  task.buffer @x : memref<?xf32> input "x"
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects a name for a buffer that is not scratch}}
  task.buffer @x : memref<4xf32> input
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects a name only for buffers that are not scratch}}
  task.buffer @x : memref<4xf32> scratch "x"
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects a non-negative offset that is a multiple of 64, but got 8}}
  task.buffer @x : memref<4xf32> scratch offset 8
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects an offset only for scratch buffers, but got 64}}
  task.buffer @x : memref<4xf32> param "x" offset 64
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects at least one counter and one signal, but got 1 and 0}}
  task.event @e signals 0
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects at most 2^31 - 1 signals, but got 2147483648}}
  task.event @e signals 2147483648
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects arguments of type index or memref, but got 'f32'}}
  task.body @b(%i: index, %x: f32) {
  }
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects indices, then memrefs, then integers, but got a memref after an integer}}
  task.body @b(%i: index, %x: memref<4xf32>, %n: index, %y: memref<4xf32>) {
  }
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index) {
  }
  // expected-error @+1 {{expects a grid of rank 1 to 3, but got 4}}
  task.launch @l body @b grid [1, 1, 1, 1] args()
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index) {
  }
  // expected-error @+1 {{expects grid extents >= 1, but got 0}}
  task.launch @l body @b grid [0] args()
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{runs @b, which is not a body of the program}}
  task.launch @l body @b grid [1] args()
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.buffer @x : memref<4xf32> input "x"
  task.body @b(%i: index, %x: memref<5xf32>) {
  }
  // expected-error @+1 {{expects arguments of types 'index', 'memref<5xf32>', but got 'index', 'memref<4xf32>'}}
  task.launch @l body @b grid [1] args(@x)
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index, %x: memref<5xf32>) {
  }
  // expected-error @+1 {{passes @x, which is not a buffer of the program}}
  task.launch @l body @b grid [1] args(@x)
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.buffer @x : memref<3x4xf32> input "x"
  task.body @b(%i: index, %x: memref<4xf32>) {
  }
  // expected-error @+1 {{expects a leading index of @x in [0, 3), but got 3}}
  task.launch @l body @b grid [1] args(@x[3])
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.buffer @x : memref<4xf32> input "x"
  task.body @b(%i: index, %x: memref<4xf32>) {
  }
  // expected-error @+1 {{expects a box of rank 1 for @x, but got 2 offsets and 2 sizes}}
  task.launch @l body @b grid [1] args(@x) reads [@x[0, 0] [1, 1]]
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index) {
  }
  // expected-error @+1 {{accesses @x, which is not a buffer of the program}}
  task.launch @l body @b grid [1] args() reads [@x[0] [1]]
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.event @e [2] signals 1
  task.body @b(%i: index) {
  }
  // expected-error @+1 {{expects an index for @e exactly if it has several counters, but it has 2}}
  task.launch @l body @b grid [1] args() signals [@e]
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index) {
  }
  // expected-error @+1 {{names @e, which is not an event of the program}}
  task.launch @l body @b grid [1] args() waits [@e]
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{names @l, which is not a launch of the program}}
  task.schedule workers 1 { queue 0 [@l[0]] }
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  task.body @b(%i: index) {
  }
  task.launch @l body @b grid [2] args()
  // expected-error @+1 {{expects a range of tasks in [0, 2) of @l, but got 1 to 3}}
  task.schedule workers 1 { queue 0 [@l[1 to 3]] }
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects one queue per worker, but got 1 for 2}}
  task.schedule workers 2 { queue 0 [] }
}

// -----

task.program @p target(#task.cpu<"avx2">) {
  // expected-error @+1 {{expects queues in order, but got 1 after 0 queues}}
  task.schedule workers 1 { queue 1 [] }
}
