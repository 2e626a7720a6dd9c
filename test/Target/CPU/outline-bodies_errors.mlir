// RUN: ingot-opt %s --ingot-cpu-outline-bodies --split-input-file --verify-diagnostics

task.program @t target(#task.cpu<"avx2">) {
  // expected-error @below {{expects private of at least 128 bytes, but got 76}}
  task.body @b(%i: index, %x: memref<4xf32>) private 76 {
    %a = memref.alloca() : memref<3xf32>
    %b = memref.alloca() : memref<16xf32>
  }
}

// -----

task.program @t target(#task.cpu<"avx2">) {
  task.body @b(%i: index, %x: memref<4xf32>) private 64 {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %j = %c0 to %i step %c1 {
      // expected-error @below {{expects to stand at the top of its body, but is nested in 'scf.for'}}
      %a = memref.alloca() : memref<3xf32>
    }
  }
}

// -----

task.program @t target(#task.cpu<"avx2">) {
  task.body @b(%i: index, %x: memref<4xf32>) private 64 {
    // expected-error @below {{expects a static shape with identity layout, but got 'memref<?xf32>'}}
    %a = memref.alloca(%i) : memref<?xf32>
  }
}

// -----

task.program @t target(#task.cpu<"avx2">) {
  task.body @b(%i: index, %x: memref<4xf32>, %y: memref<4xf32>) {
    // expected-error @below {{'memref.copy' op in a body is not supported yet on the CPU}}
    memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  }
}

// -----

task.program @t target(#task.cpu<"avx2">) {
  // expected-error @below {{expects arguments of static shape and identity layout, but got 'memref<4xf32, strided<[2]>>'}}
  task.body @b(%i: index, %x: memref<4xf32, strided<[2]>>) {
  }
}

// -----

task.program @t target(#task.cpu<"avx2">) {
  task.body @a.b(%i: index, %x: memref<4xf32>) {
  }
  // expected-error @below {{expects an exported name of its own, but 't__a_b' is also that of another body}}
  task.body @a_b(%i: index, %x: memref<4xf32>) {
  }
}
