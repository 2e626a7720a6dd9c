// Gradients of `ingot-differentiate` against differences of the loss, both by the float64 interpreter.
#pragma once

#include "ingot/Interpreter/Interpreter.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace ingot::test {

using interpreter::Array;

/// An operation to differentiate. Types are written by name: `$a` is that of `%a`, the first parameter, `$r` that of
/// the result, `$T` the element type.
struct GradCase {
  std::string op;                  // under test, "math.exp"
  std::vector<std::string> params; // extents of %a, %b, ...: "2x3", "" for a scalar
  std::string result;              // extents of %r
  std::string body;                // computes %r
  double low = -1, high = 1;       // range of the parameters
};

/// What gtest prints; ends in a number where several cases have one op.
std::ostream &operator<<(std::ostream &os, const GradCase &gradCase);

/// A module whose `@loss` is sum(%r * %u) with an irregular input %u, in `element` ("f64", "f32", "bf16").
std::string lossOf(const GradCase &gradCase, const std::string &element);

/// A module with a loss and its gradients.
class GradCheck {
public:
  /// Fails the test if the text has no gradients.
  explicit GradCheck(const std::string &text, double low = -1, double high = 1, uint64_t seed = 1);

  bool ok() const { return static_cast<bool>(module); }
  /// Parameters that the gradients are taken of, in order.
  const std::vector<std::string> &params() const { return names; }
  /// By `@gradients`, row-major.
  std::vector<double> gradient(size_t param);
  /// By central differences of `@loss` with steps 2^-10 and 2^-11, extrapolated (Richardson): their error is of the
  /// order of 2^-40.
  std::vector<double> differences(size_t param);
  /// Expects the gradient along a random direction of length 1 to agree in the same way, without the others.
  void expectAgreementAlong(size_t param, uint64_t seed);
  /// Expects the two to agree within 1e-6 relative, beside the rounding of the differences.
  void expectAgreement();

private:
  double loss();
  /// Of the loss where `param` is moved along `direction`.
  double slopeAlong(size_t param, llvm::ArrayRef<double> direction);
  void expectNear(double actual, double expected, const std::string &what);
  interpreter::Arrays run(llvm::StringRef entry);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<std::string> names;
  llvm::StringMap<Array> values; // of parameters
  interpreter::Arrays inputs;
};

/// Cases by family, in the files beside.
std::vector<GradCase> pointwiseCases();
std::vector<GradCase> shapeCases();
std::vector<GradCase> namedCases();

/// Everything that a compiler's context has, with the models of the interpreter and of differentiation.
mlir::DialectRegistry gradRegistry();

} // namespace ingot::test
