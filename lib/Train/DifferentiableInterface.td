// How an operation is differentiated.
#ifndef INGOT_DIFFERENTIABLE_INTERFACE_TD
#define INGOT_DIFFERENTIABLE_INTERFACE_TD

include "mlir/IR/OpBase.td"

def Differentiable : OpInterface<"Differentiable"> {
  let cppNamespace = "::ingot";
  let description = [{
    Implemented, by external models, by every operation through which `ingot-differentiate` carries gradients. An
    operation without it that stands between a parameter and the loss is an error.
  }];
  let methods = [
    InterfaceMethod<[{Whether a gradient flows into `operand`: by default if its elements are floats. Where it is false,
      what computes the operand is a constant to the loss.}],
      "bool", "carriesGradient", (ins "::mlir::OpOperand &":$operand), [{}], [{
        return ::llvm::isa<::mlir::FloatType>(::mlir::getElementTypeOrSelf(operand.get().getType()));
      }]>,
    InterfaceMethod<[{The vector-Jacobian product: given the gradients of the results (`upstream`), builds those of the
      operands that `builder` needs, each of its operand's type, and hands them over with `set`; one that is not set is
      zero. Fails after a diagnostic.}],
      "::llvm::LogicalResult", "buildGradients", (ins "::ingot::GradientBuilder &":$builder)>,
  ];
}

#endif
