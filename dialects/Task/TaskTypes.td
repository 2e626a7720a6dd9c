// Attributes and enums of the `task` dialect.
#ifndef TASK_TYPES_TD
#define TASK_TYPES_TD

include "dialects/Task/TaskDialect.td"
include "dialects/Task/TaskEnums.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"

class Task_Attr<string name, string attrMnemonic> : AttrDef<Task_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Task_CpuTargetAttr : Task_Attr<"CpuTarget", "cpu"> {
  let summary = "persistent CPU threads of one ISA level";
  let description = [{
    `generic`, `avx2`, `avx512` or `avx512bf16`: `#task.cpu<"avx512">`.
  }];
  let parameters = (ins StringRefParameter<"ISA level">:$isa);
  let assemblyFormat = "`<` $isa `>`";
}

def Task_AccessAttr : Task_Attr<"Access", "access"> {
  let summary = "a box of a buffer that a task may touch";
  let description = [{
    Offsets are affine in the task indices, sizes constant, in elements. `stream` marks a read that may be prefetched
    from the start of the step. In a launch it is written `@wq[i, 0, 0] [1, 64, 16] stream`.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$buffer, "::mlir::AffineMap":$offsets,
      ArrayRefParameter<"int64_t">:$sizes, "bool":$stream);
  let hasCustomAssemblyFormat = 1;
}

def Task_EventRefAttr : Task_Attr<"EventRef", "event_ref"> {
  let summary = "one counter of an event";
  let description = [{
    `index` has one result, affine in the task indices, for an event with several counters, and none otherwise. In a
    launch it is written `@done` or `@done[i floordiv 2]`.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$event, "::mlir::AffineMap":$index);
  let assemblyFormat = "`<` $event `,` $index `>`";
}

def Task_ArgumentAttr : Task_Attr<"Argument", "argument"> {
  let summary = "what a launch passes to its body";
  let description = [{
    A buffer, a buffer with its leading dimensions fixed (`@kv[3]`, the body then takes the remaining dimensions), or,
    without a buffer, the integer constant in `leading` (`3 : index`).
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$buffer, ArrayRefParameter<"int64_t">:$leading);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    bool isInteger() const { return !getBuffer(); }
  }];
}

def Task_RangeAttr : Task_Attr<"Range", "range"> {
  let summary = "tasks [begin, end) of a launch, row-major over its grid";
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$launch, "int64_t":$begin, "int64_t":$end);
  let assemblyFormat = "`<` $launch `,` $begin `,` $end `>`";
}

#endif
