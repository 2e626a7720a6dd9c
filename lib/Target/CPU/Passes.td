// Passes of the CPU target, in the order in which Pipeline.cpp runs them.
include "mlir/Pass/PassBase.td"

class CpuLowering<string name> : Pass<name> {
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
      "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "8", "float32 elements of a vector register">,
    Option<"registers", "registers", "int64_t", "16", "vector registers of the machine">,
  ];
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

    Errors: "'memref.copy' op in a body is not supported yet on the CPU", and so for each operation that is not `tile`,
    `affine`, `arith`, `math`, `vector`, a structured loop or a view; "expects private of at least 128 bytes, but got 64"; a
    `memref.alloca` that is not static or not at the top of its body; two bodies of one exported name.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerContract : CpuLowering<"ingot-cpu-lower-contract"> {
  let summary = "lower `tile.contract` to micro-kernels or to loops over registers of vectors";
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

    With `kernels`, contractions of float32 and bfloat16 whose columns are contiguous in one operand and the result
    become calls of micro-kernels (lib/Target/CPU/kernels) instead, one per block of registers, with constant shapes:
    addresses, strides, steps, rows, panels, whole registers of columns, lanes of one more. They are linked in and
    inlined after translation to LLVM IR; the order of each chain is the same.

    ```mlir
    func.call @ingot_contract_f32(%x0, %c64, %c1, %w0, %c0, %c16, %y0, %c16, %c0, %c64, %c1, %c1, %c1, %c0)
    ```

    Errors: "a contraction of i64 and i64 into i64 is not supported yet".
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
      "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "8", "float32 elements of a vector register">,
    Option<"registers", "registers", "int64_t", "16", "vector registers of the machine">,
    Option<"kernels", "kernels", "std::string", "\"\"", "ISA level of the micro-kernels; empty: none">,
  ];
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

def LowerRow : CpuLowering<"ingot-cpu-lower-row"> {
  let summary = "lower `tile.row` to walks over each row";
  let description = [{
    Sums and maxima of a row are kept in the lanes of wide vectors and folded by a fixed tree; their order depends on
    the row's extent alone. Statistics are float32. Softmax subtracts the maximum; layer normalisation takes the variance
    about the mean in a walk of its own.

    ```mlir
    tile.row rms_norm eps 1.0e-5 ins(%x, %w : memref<1x64xf32>, memref<64xf32>) outs(%y : memref<1x64xf32>)
    // becomes, with 16 lanes
    %x0 = vector.load %xs[%c0] : vector<64xf32>
    %squares = arith.mulf %x0, %x0
    ... halves added down to a scalar, math.rsqrt ...
    scf.for %i = 0 to 64 step 16 { ... vector.store %normal * %scale }
    ```
  }];
}

def LowerReduce : CpuLowering<"ingot-cpu-lower-reduce"> {
  let summary = "lower `tile.reduce` to loops";
  let description = [{
    One chain of combinations per element of the destination, in index order of the reduced dimensions; neighbouring
    elements share vectors where the input is contiguous along a dimension that stays.

    ```mlir
    tile.reduce sum dims [0] ins(%x : memref<4x8xf32>) outs(%y : memref<8xf32>)
    // becomes
    %sum = scf.for %i = 0 to 4 step 1 iter_args(%acc = %zero) { ... arith.addf %acc, vector.load %xs[%i * 8] }
    vector.store %sum, %ys[%c0]
    ```

    Errors: "a reduction of i1 is not supported yet".
  }];
}

def LowerRope : CpuLowering<"ingot-cpu-lower-rope"> {
  let summary = "lower `tile.rope` to rotations of vectors of pairs";
  let description = [{
    Positions are clamped to the tables. Interleaved pairs are taken apart and put together again in registers.

    ```mlir
    tile.rope interleaved ins(%x, %cos, %sin, %p : ...) outs(%y : memref<1x1x1x8xf32>)
    // becomes
    %first, %second = vector.deinterleave %x0 : vector<8xf32> -> vector<4xf32>
    ... %first * %c - %second * %s, %first * %s + %second * %c ...
    vector.store (vector.interleave ...)
    ```
  }];
}

def LowerAttention : CpuLowering<"ingot-cpu-lower-attention"> {
  let summary = "lower `tile.attention`, `tile.partial_attention` and `tile.combine_attention` to walks over the keys";
  let description = [{
    Keys are taken in blocks with a running maximum; sum and output are rescaled when it grows. Keys beyond the visible
    ones are not read. Rows that are not counted, or see no key, become zeros.

    With at least as many rows (over all heads of a kv head) as a vector has lanes, rows lie across the lanes: queries
    are transposed once, then scores and output are products of broadcast elements of keys and values with vectors of
    rows, and nothing is ever summed across lanes. 16-bit keys and values are widened once per block. With fewer rows,
    keys lie across the lanes of the scores, and a block of keys serves one row after the other.

    ```mlir
    tile.attention causal scale 0.35 ins(%q, %k, %v : ...) start(%s : memref<1xi32>) count(%n : memref<1xi32>)
        outs(%o : memref<1x64x1x8xf32>)
    // becomes, with 16 lanes
    scf.for %rows = 0 to 2 step 1 {
      ... memref.store %row_of_q, %queries[d, m] ...
      scf.for %first = 0 to %visible step 64 iter_args(%max0, %max1, %sum0, %sum1) {
        scf.for %j ... { scf.for %d ... { %score + broadcast %k[%j, %d] * vector.load %queries[%d, m] } }
        ... exp ...
        scf.for %column ... { scf.for %j ... { %out + broadcast %v[%j, %column] * vector.load %scores[%j, m] } }
      }
    }
    ```

    Errors: "with heads of more than 1024 elements is not supported yet on the CPU", "expects heads with at least one
    element", "expects 1 to 1024 parts and heads with at least one element".
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

def LowerSample : CpuLowering<"ingot-cpu-lower-sample"> {
  let summary = "lower `tile.count_tokens`, `tile.sample_weights` and `tile.draw`";
  let description = [{
    Weights are made in their destination. The k largest, and the largest that sum to top_p, are found without sorting:
    the weight at which they end is built bit by bit, from the highest of a positive float32 down, with a walk over the
    row for each bit, and among tokens of that weight the last one likewise. The token is then found by blocks of 128
    weights, whose sums are float64. Sums follow a fixed tree, so they depend on the vocabulary's size alone.

    ```mlir
    tile.draw ins(%w, %start, %count, %seed : memref<1x512xf32>, ...) outs(%next : memref<1xi32>)
    // becomes
    ... ten rounds of arith.muli and arith.xori ...
    %sum = ... halves of vectors of float64 added down to a scalar ...
    %token = scf.if %passes_in_this_block { scf.for %i = 0 to 128 { ... } } else { -1 }
    memref.store %token, %next[%c0]
    ```

    Errors: "expects logits, counts and weights to be contiguous along the vocabulary".
  }];
}

def ExpandMath : Pass<"ingot-cpu-expand-math"> {
  let summary = "replace functions by polynomials, and 16-bit floats by float32";
  let description = [{
    Bodies call no library. Functions of float32 become polynomials (lib/Target/CPU/MathFunctions.h lists their
    errors); arithmetic on bfloat16 and float16 is done in float32 and rounded after each operation, as their
    definition says; conversions, rounding and fused multiply-add that the level has no instructions for become
    integer and float arithmetic; conversions of floats to integers saturate, and take NaN to 0. Runs on scalars and
    vectors.

    ```mlir
    %y = math.rsqrt %x : vector<8xf32>
    // becomes
    %root = math.sqrt %x : vector<8xf32>
    %y = arith.divf %one, %root : vector<8xf32>
    ```

    Errors: "'math.atan' op of 'f32' is not supported yet on the CPU".
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"baseline", "baseline", "bool", "false",
           "the level has no instructions for float16 conversion, rounding and fused multiply-add">,
  ];
}
