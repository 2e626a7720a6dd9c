// The interface of operations that the interpreter can execute.
#ifndef INGOT_INTERPRETABLE_TD
#define INGOT_INTERPRETABLE_TD

include "mlir/IR/OpBase.td"

def InterpretableOpInterface : OpInterface<"InterpretableOpInterface"> {
  let cppNamespace = "::ingot::interpreter";
  let description = [{
    Reference semantics of an operation. Operations of all dialects get it from external models
    (lib/Interpreter/Models), which `registerInterpreterModels` registers: dialects do not know the interpreter.
  }];
  let methods = [
    InterfaceMethod<"Computes the results from the operands' values in `frame`; reports failure at the op.",
      "::llvm::LogicalResult", "interpret", (ins "::ingot::interpreter::Frame &":$frame)>,
  ];
}

#endif
