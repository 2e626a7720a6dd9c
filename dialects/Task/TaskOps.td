// Operations of the `task` dialect.
#ifndef TASK_OPS_TD
#define TASK_OPS_TD

include "dialects/Task/TaskTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"

class Task_Op<string mnemonic, list<Trait> traits = []> : Op<Task_Dialect, mnemonic, traits>;

def Task_ProgramOp : Task_Op<"program", [Symbol, SymbolTable, IsolatedFromAbove, NoTerminator, SingleBlock,
    NoRegionArguments]> {
  let summary = "one step of an entry as a task program";
  let description = [{
    Holds buffers, events, bodies, launches in program order and at most one schedule.

    Example: see docs/task-programs.md.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, AnyAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `target` `(` $target `)` attr-dict-with-keyword $body";
}

def Task_BufferOp : Task_Op<"buffer", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a buffer of a task program";
  let description = [{
    `param`, `state`, `input` and `output` buffers have the name by which the outside knows them; a `scratch` buffer
    has its byte offset in the arena, or none before placement.

    Example:
    ```mlir
    task.buffer @x : memref<1x64xf32> scratch offset 256
    task.buffer @wq : memref<4x64x16xf32> param "layers.0.wq"
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<MemRefRankOf<[I1, I8, I32, I64, F16, BF16, F32, F64], [0, 1, 2, 3, 4, 5, 6, 7, 8]>>:$type,
      Task_BufferKind:$kind, OptionalAttr<StrAttr>:$name, OptionalAttr<I64Attr>:$offset);
  let assemblyFormat = [{
    $sym_name `:` $type $kind ($name^)? (`offset` custom<PlainInt>($offset)^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MemRefType getMemRefType() { return ::llvm::cast<::mlir::MemRefType>(getType()); }
    /// Size in bytes; `i1` takes one byte.
    int64_t getBytes();
  }];
}

def Task_EventOp : Task_Op<"event", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "counters that order tasks";
  let description = [{
    `count` counters (1 if absent), each of which receives exactly `signals` signals per step. A wait returns when all
    of them have arrived; there is no other threshold.

    Example: `task.event @x_done signals 1`, `task.event @rows_done [4] signals 2`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DefaultValuedAttr<I64Attr, "1">:$count, I64Attr:$signals);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Task_BodyOp : Task_Op<"body", [Symbol, AutomaticAllocationScope, IsolatedFromAbove, NoTerminator, SingleBlock, HasParent<"ProgramOp">]> {
  let summary = "what one task does";
  let description = [{
    A block whose first arguments are the task indices (one per grid dimension, type index), the others what launches
    pass: memrefs with identity layout, and integers of type index. Uses `tile`, `memref`, `scf`, `affine` and `arith`
    operations. Temporaries are static `memref.alloca` at its top; their sum is `private`, in bytes.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DefaultValuedAttr<I64Attr, "0">:$private_bytes);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Number of leading arguments that are task indices: the grid rank of the launches that use this body.
    unsigned getNumIndices();
  }];
}

def Task_LaunchOp : Task_Op<"launch", [Symbol, HasParent<"ProgramOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a grid of tasks that run one body";
  let description = [{
    Task (i, j, k) of `grid` waits for its events, runs the body on `args`, and signals. `reads` and `writes` are the
    boxes it may touch; `must_write` what it certainly writes, equal to `writes` when absent. `flops` and `bytes` are the
    cost of one task.

    Example:
    ```mlir
    task.launch @l0.q body @gemv_16 grid [4] args(@x, @wq, @q) waits [@x_done] signals [@q_done]
        reads [@x[0, 0] [1, 64], @wq[i, 0, 0] [1, 64, 16] stream] writes [@q[0, i * 16] [1, 16]]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$body, DenseI64ArrayAttr:$grid,
      TypedArrayAttrBase<Task_ArgumentAttr, "arguments">:$arguments,
      TypedArrayAttrBase<Task_EventRefAttr, "events">:$waits, TypedArrayAttrBase<Task_EventRefAttr, "events">:$signals,
      TypedArrayAttrBase<Task_AccessAttr, "accesses">:$reads, TypedArrayAttrBase<Task_AccessAttr, "accesses">:$writes,
      OptionalAttr<TypedArrayAttrBase<Task_AccessAttr, "accesses">>:$must_write,
      DefaultValuedAttr<I64Attr, "0">:$flops, DefaultValuedAttr<I64Attr, "0">:$bytes);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumTasks() { return ::llvm::product_of(getGrid()); }
    /// What is certainly written: `must_write`, or `writes` when absent.
    ::mlir::ArrayAttr getCertainWrites() { return getMustWrite().value_or(getWrites()); }
  }];
}

def Task_ScheduleOp : Task_Op<"schedule", [HasParent<"ProgramOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the tasks of each worker, in order";
  let description = [{
    One queue per worker; entries name a launch and a range of its tasks in row-major order.

    Example: `task.schedule workers 2 { queue 0 [@embed[0], @q[0 to 2]] queue 1 [@q[2 to 4]] }`
  }];
  let arguments = (ins TypedArrayAttrBase<TypedArrayAttrBase<Task_RangeAttr, "ranges">, "queues">:$queues);
  let hasCustomAssemblyFormat = 1;
}

#endif
