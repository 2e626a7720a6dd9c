// How an operation becomes part of a kernel.
#ifndef INGOT_KERNEL_INTERFACE_TD
#define INGOT_KERNEL_INTERFACE_TD

include "mlir/IR/OpBase.td"

def KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::ingot";
  let description = [{
    Implemented, mostly by external models, by every tensor operation that Plan can put into a kernel. Elementwise
    operations of upstream dialects need no model: their scalar form is the operation itself.
  }];
  let methods = [
    InterfaceMethod<"What the operation costs and needs, see `KernelRole`.",
      "::ingot::KernelRole", "getKernelRole", (ins)>,
    InterfaceMethod<[{For a `Root`: whether a contraction may be computed inside its task to produce `operand`. Views and
      pointwise operations always allow it.}],
      "bool", "fusesProducer", (ins "::mlir::OpOperand &":$operand), [{}], [{ return false; }]>,
    InterfaceMethod<[{For a contraction: how many tasks read each element of `operand`, and so compute what is fused into
      it.}],
      "int64_t", "getNumReaders", (ins "::mlir::OpOperand &":$operand), [{}], [{ return 1; }]>,
    InterfaceMethod<"Grid and tile of the result when the operation is the root of a kernel.",
      "::ingot::Tiling", "getTiling", (ins "::ingot::KernelBuilder &":$builder), [{}], [{
        return ::ingot::wholeTiling($_op->getResult(0));
      }]>,
    InterfaceMethod<"Smallest step of the result's last dimension in which a task can compute it; by default all of it.",
      "int64_t", "getLastDimUnit", (ins "const ::ingot::KernelBuilder &":$builder), [{}], [{
        return ::ingot::KernelBuilder::typeOf($_op->getResult(0)).getShape().back();
      }]>,
    InterfaceMethod<[{Emits tile ops that compute `tile` of the result, into `destination` if that is given and the
      operation can; returns the tile.}],
      "::mlir::Value", "emitTile", (ins "::ingot::KernelBuilder &":$builder, "const ::ingot::Tile &":$tile,
                                        "::mlir::Value":$destination)>,
    InterfaceMethod<[{For a `Root` whose reduction is cut: the value that a launch of its own computes before, and how that
      is cut. `emitTile` then combines what `KernelBuilder::getParts` returns.}],
      "std::optional<::ingot::PartialKernel>", "getPartialKernel", (ins "::ingot::KernelBuilder &":$builder), [{}],
      [{ return std::nullopt; }]>,
    InterfaceMethod<"Emits tile ops that compute `tile` of the partial kernel's value into `destination`.",
      "::mlir::Value", "emitPart", (ins "::ingot::KernelBuilder &":$builder, "const ::ingot::Tile &":$tile,
                                        "::mlir::Value":$destination), [{}], [{ return {}; }]>,
    InterfaceMethod<"Pointwise operations with a scalar form: emits it; null otherwise.",
      "::mlir::Value", "emitScalar", (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands), [{}],
      [{ return {}; }]>,
  ];
}

#endif
