// Passes of the CPU target, in the order in which Pipeline.cpp runs them.
include "mlir/Pass/PassBase.td"

class CpuLowering<string name> : Pass<name> {
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "8", "float32 elements of a vector register">,
    Option<"registers", "registers", "int64_t", "16", "vector registers of the machine">,
  ];
  let statistics = [Statistic<"numLowered", "num-lowered", "operations lowered">];
}

def OutlineBodies : Pass<"ingot-cpu-outline-bodies", "::mlir::ModuleOp"> {
  let summary = "turn the bodies of task programs into functions";
  let description = [{
    Each `task.body` becomes a function of the body ABI (`ingot::program::BodyFunction`): arrays of task indices, buffer
    pointers and integers, and the worker's scratch memory. `memref.alloca` at the top of a body becomes a part of the
    scratch memory at a 64-byte aligned offset. The programs are removed.

    ```mlir
    task.program @decode target(#task.cpu<"avx2">) {
      task.body @scale(%i: index, %x: memref<4x8xf32>) { ... }
    }
    // becomes
    func.func @decode__scale(%indices: !llvm.ptr, %buffers: !llvm.ptr, %integers: !llvm.ptr, %scratch: !llvm.ptr) {
      %i = ... load of indices[0]
      %x = builtin.unrealized_conversion_cast ... : !llvm.struct<...> to memref<4x8xf32>
      ...
    }
    ```

    Errors: "expects private of at least 128 bytes, but got 64"; a `memref.alloca` that is not static or not at the top
    of its body; two bodies of one exported name.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
  let statistics = [Statistic<"numBodies", "num-bodies", "functions made">];
}

def LowerContract : CpuLowering<"ingot-cpu-lower-contract"> {
  let summary = "lower `tile.contract` to loops over registers of vectors";
  let description = [{
    One chain of multiply-adds per output element, in index order of the reduction dimensions. A dimension along which
    the output is contiguous and the operands are contiguous or constant is vectorised; odd extents are covered by
    narrower vectors (43 = 16 + 16 + 8 + 2 + 1). Several rows of another dimension share the vectors they have in common.
    Without such a dimension the loops are scalar.

    ```mlir
    tile.contract [(m, n, k) -> (m, k), (m, n, k) -> (k, n), (m, n, k) -> (m, n)]
        ins(%x, %w : memref<1x64xf32>, memref<64x16xf32>) outs(%y : memref<1x16xf32>)
    // becomes
    %sum = scf.for %k = %c0 to %c64 step %c1 iter_args(%acc = %zero) -> (vector<16xf32>) {
      %x0 = memref.load %xs[%k]
      %b = vector.broadcast %x0 : f32 to vector<16xf32>
      %w0 = vector.load %ws[%k16] : vector<16xf32>
      ... %acc + %b * %w0
    }
    vector.store %sum, %ys[%c0]
    ```

    Errors: "a contraction of i64 and i64 into i64 is not supported yet".
  }];
}

def LowerMap : CpuLowering<"ingot-cpu-lower-map"> {
  let summary = "lower `tile.map` to vector loops";
  let description = [{
    Loops over the destination; the dimension along which it is contiguous is vectorised when the inputs are contiguous
    or constant along it and the body has a vector form. The remainder uses narrower vectors.

    ```mlir
    tile.map [(n) -> (n)] ins(%x : memref<11xf32>) outs(%y : memref<11xf32>) {
    ^bb0(%a: f32):
      %b = arith.mulf %a, %a : f32
      tile.yield %b : f32
    }
    // becomes, with 8 lanes
    vector.load [0], arith.mulf : vector<8xf32>, vector.store [0]; vector<2xf32> at 8; scalar at 10
    ```
  }];
}

def LowerMoves : CpuLowering<"ingot-cpu-lower-moves"> {
  let summary = "lower `tile.gather`, `tile.scatter` and `tile.positions` to copies";
  let description = [{
    Indices are clamped to the table; rows that are not counted, or not inside the page, are not written.

    ```mlir
    tile.gather ins(%t, %i : memref<512x64xf32>, memref<1xi32>) outs(%y : memref<1x64xf32>)
    // becomes
    %row = arith.minsi(arith.maxsi(%i[0], 0), 511)
    scf.for %j = 0 to 64 step 8 { vector.load %t[%row * 64 + %j]; vector.store %y[%j] }
    ```
  }];
}
