// Enums of the `task` dialect.
#ifndef TASK_ENUMS_TD
#define TASK_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def Task_BufferKind : I32EnumAttr<"BufferKind", "where a buffer lives and who fills it", [
    I32EnumAttrCase<"Param", 0, "param">, I32EnumAttrCase<"State", 1, "state">, I32EnumAttrCase<"Input", 2, "input">,
    I32EnumAttrCase<"Output", 3, "output">, I32EnumAttrCase<"Scratch", 4, "scratch">]> {
  let cppNamespace = "::ingot::task";
}

#endif
