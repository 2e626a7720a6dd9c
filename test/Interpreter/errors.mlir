// What cannot run says so and exits 1; wrong flags exit 2.
// RUN: not ingot-interpret %s --entry=nowhere 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: has no entry 'nowhere'
// RUN: not ingot-interpret %s --entry=unknown 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: errors.mlir:[[# @LINE + 21]]:{{[0-9]+}}: error: 'tensor.rank' op cannot be interpreted
// RUN: not ingot-interpret %s --entry=narrow 2>&1 | FileCheck %s --check-prefix=NARROW
// NARROW: 'arith.constant' op of type 'tensor<2xi4>' cannot be interpreted
// RUN: not ingot-interpret %s --entry=large 2>&1 | FileCheck %s --check-prefix=LARGE
// LARGE: 'tensor.empty' op of type 'tensor<1048576x1048576xf32>' is too large to be interpreted
// RUN: not ingot-interpret %s --entry=deadlock 2>&1 | FileCheck %s --check-prefix=DEADLOCK
// DEADLOCK: error: deadlock in @deadlock: 2 tasks are left and none can run
// DEADLOCK: note: worker 0: @a[0] waits for @e, which has 0 of 1 signals
// DEADLOCK: note: worker 1: @b[0] waits for @f, which has 0 of 1 signals
// RUN: not ingot-interpret %s --entry=shape --input x=1,2 2>&1 | FileCheck %s --check-prefix=INPUT
// INPUT: --input=x=1,2 does not fit an input of the entry
// RUN: not ingot-interpret %s --entry=shape --params %t.none 2>&1 | FileCheck %s --check-prefix=PARAMS
// PARAMS: cannot read '{{.*}}.none': No such file or directory
// RUN: not ingot-interpret %s --entry=shape --generate=1 --tokens=1 2>&1 | FileCheck %s --check-prefix=DECODER
// DECODER: entry 'shape' is no decoder
// RUN: not ingot-interpret %t.missing.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: could not open input file
// RUN: sh -c 'ingot-interpret %s --mode=fast; test $? = 2'
// RUN: sh -c 'ingot-interpret %s --int-range=1; test $? = 2'

func.func @unknown(%x: tensor<2xf32>) -> index {
  %0 = tensor.rank %x : tensor<2xf32>
  return %0 : index
}

func.func @narrow() -> tensor<2xi4> {
  %0 = arith.constant dense<1> : tensor<2xi4>
  return %0 : tensor<2xi4>
}

func.func @large() -> tensor<1048576x1048576xf32> {
  %0 = tensor.empty() : tensor<1048576x1048576xf32>
  return %0 : tensor<1048576x1048576xf32>
}

func.func @shape(%x: tensor<3xf32> {ingot.input = "x"}) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

task.program @deadlock target(#task.cpu<"generic">) {
  task.buffer @x : memref<1xf32> scratch
  task.event @e signals 1
  task.event @f signals 1
  task.body @nothing(%i: index, %m: memref<1xf32>) {
  }
  task.launch @a body @nothing grid [1] args(@x) waits [@e] signals [@f]
  task.launch @b body @nothing grid [1] args(@x) waits [@f] signals [@e]
  task.schedule workers 2 { queue 0 [@a[0]] queue 1 [@b[0]] }
}
