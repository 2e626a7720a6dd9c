// The `ingot` dialect: tensor programs of transformer models.
#ifndef INGOT_DIALECT_TD
#define INGOT_DIALECT_TD

include "mlir/IR/OpBase.td"

def Ingot_Dialect : Dialect {
  let name = "ingot";
  let cppNamespace = "::ingot";
  let summary = "tensor programs: what a transformer compiler must see";
  let description = [{
    Value semantics and static shapes. Upstream dialects carry what they can: `func`, `arith` and `math` on ranked
    tensors for pointwise work, `tensor` for reshapes and slices. `ingot` adds the operations a transformer compiler
    must recognise (contractions, attention, norms, rotary embedding, cache updates) and the declarations of
    parameters and state.

    A module declares each parameter and state once. An entry is a public `func.func`; it receives parameters and
    states as arguments tied by the argument attributes `ingot.param = @name` and `ingot.state = @name`, and its other
    arguments are inputs named by `ingot.input = "name"` with an optional `ingot.role`. It returns each new state as
    a result with `ingot.state = @name`; its other results are outputs named by `ingot.output = "name"`, or gradients of
    a parameter, `ingot.gradient = @name`.
    See docs/rationale/ingot.md for why the dialect is the way it is.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 0;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let extraClassDeclaration = [{
    /// Argument attribute: symbol of the parameter bound to the argument.
    static constexpr ::llvm::StringLiteral kParam = "ingot.param";
    /// Argument and result attribute: symbol of the state bound to the value.
    static constexpr ::llvm::StringLiteral kState = "ingot.state";
    /// Argument attribute: name of a run-time input.
    static constexpr ::llvm::StringLiteral kInput = "ingot.input";
    /// Result attribute: name of an output.
    static constexpr ::llvm::StringLiteral kOutput = "ingot.output";
    /// Result attribute: symbol of the parameter whose gradient the result is.
    static constexpr ::llvm::StringLiteral kGradient = "ingot.gradient";
    /// Attribute of a state: names of the model's inputs and outputs that it stands for.
    static constexpr ::llvm::StringLiteral kFrom = "ingot.from";
    /// Argument and result attribute: tokens, start, count, logits, loss, lr, step, rng.
    static constexpr ::llvm::StringLiteral kRole = "ingot.role";
  }];
}

class Ingot_Op<string mnemonic, list<Trait> traits = []> : Op<Ingot_Dialect, mnemonic, traits>;

#endif
