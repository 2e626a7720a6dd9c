// SiLU and GELU from exponentials, error functions and hyperbolic tangents; softmax from exponentials and sums.
#include "Algebra.h"
#include "Raise.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

/// `value` as a polynomial in the single atom `x`.
std::optional<Polynomial> polynomialIn(const Term &x, const Term &value) {
  Expander expander;
  expander.addAtom(x);
  auto rational = expander.expand(value);
  return rational ? rational->asPolynomial() : std::nullopt;
}

/// The value f(x) of a transcendental function with its argument as a polynomial in x.
struct Inner {
  Term function, x;
  Polynomial argument;
};

/// Every way to see the argument of `function` as a polynomial in one value, nearest value first.
SmallVector<Inner> innersOf(const Term &function) {
  SmallVector<Inner> inners;
  Term argument = operandTerm(function, function.value.getDefiningOp()->getOperand(0));
  for (const Term &source : sourcesOf(argument))
    if (!splatNumber(source))
      if (auto polynomial = polynomialIn(source, argument))
        inners.push_back({function, source, *polynomial});
  return inners;
}

/// Whether the root is x/2 (1 + f).
bool isHalfOnePlus(const Rational &root) {
  Rational x = Rational::atom(0), f = Rational::atom(1), half = Rational::number(0.5);
  return root == half * x + half * x * f;
}

Polynomial scaled(double factor) { return Polynomial::number(factor) * Polynomial::atom(0); }

enum class Activation { None, Silu, GeluErf, GeluTanh };

/// The activation that `root`, in the atoms x and f, is.
Activation matchActivation(const Inner &inner, const Rational &root) {
  Operation *op = inner.function.value.getDefiningOp();
  Rational x = Rational::atom(0), f = Rational::atom(1), one = Rational::number(1);
  if (isa<math::ExpOp>(op) && inner.argument == scaled(-1) && root == x / (one + f))
    return Activation::Silu;
  if (isa<math::ExpOp>(op) && inner.argument == scaled(1) && root == x * f / (one + f))
    return Activation::Silu;
  if (!isHalfOnePlus(root))
    return Activation::None;
  if (isa<math::TanhOp>(op) && inner.argument == scaled(0.5))
    return Activation::Silu;
  if (isa<math::ErfOp>(op) && inner.argument == scaled(std::sqrt(0.5)))
    return Activation::GeluErf;
  double outer = std::sqrt(2 / M_PI);
  Polynomial cube = Polynomial::atom(0) * Polynomial::atom(0) * scaled(0.044715 * outer);
  if (isa<math::TanhOp>(op) && inner.argument == scaled(outer) + cube)
    return Activation::GeluTanh;
  return Activation::None;
}

Value buildActivation(OpBuilder &b, Operation *root, Activation activation, const Term &term) {
  auto type = tensorType(root->getResult(0));
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  Value x = materializeFull(b, root->getLoc(), term, dims, type.getShape());
  if (!x || x.getType() != type)
    return {};
  if (activation == Activation::Silu)
    return SiluOp::create(b, root->getLoc(), type, x);
  return GeluOp::create(b, root->getLoc(), type, activation == Activation::GeluErf ? GeluKind::Erf : GeluKind::Tanh, x);
}

/// Whether `term` is the reduction of `input`, seen over `space`, over its last dimension.
bool isRowReduction(const Term &term, ReduceKind kind, const Term &input, ArrayRef<int64_t> space) {
  auto reduce = term.getDefiningOp<ReduceOp>();
  int64_t last = static_cast<int64_t>(space.size()) - 1;
  if (!reduce || reduce.getKind() != kind || reduce.getDims() != ArrayRef<int64_t>(last) ||
      tensorType(reduce.getInput()).getShape() != space || !(termOf(reduce.getInput()) == input))
    return false;
  for (auto [i, access] : llvm::enumerate(term.access))
    if (access.varies() ? !access.is(i) : space[i] != 1)
      return false;
  return true;
}

} // namespace

Value model::raiseActivation(OpBuilder &b, Operation *root) {
  if (!isa<arith::MulFOp, arith::DivFOp, arith::AddFOp>(root))
    return {};
  if (!tensorType(root->getResult(0)))
    return {};
  Term value = termOf(root->getResult(0));
  for (const Term &source : sourcesOf(value)) {
    if (!isa_and_nonnull<math::ExpOp, math::ErfOp, math::TanhOp>(source.value.getDefiningOp()))
      continue;
    for (const Inner &inner : innersOf(source)) {
      Expander expander;
      expander.addAtom(inner.x);
      expander.addAtom(source);
      auto rational = expander.expand(value);
      Activation activation = rational ? matchActivation(inner, *rational) : Activation::None;
      if (activation != Activation::None)
        return buildActivation(b, root, activation, inner.x);
    }
  }
  return {};
}

Value model::raiseSoftmax(OpBuilder &b, Operation *root) {
  if (!isa<arith::MulFOp, arith::DivFOp>(root))
    return {};
  auto type = tensorType(root->getResult(0));
  if (!type || type.getRank() < 1)
    return {};
  Term value = termOf(root->getResult(0));
  std::vector<Term> sources = sourcesOf(value, 3);
  for (const Term &source : sources) {
    auto exp = source.getDefiningOp<math::ExpOp>();
    if (!exp || exp.getType() != type)
      continue;
    Expander expander([&](const Term &term, bool early) {
      return early && isRowReduction(term, ReduceKind::Sum, source, type.getShape());
    });
    expander.addAtom(source);
    auto rational = expander.expand(value);
    if (!rational || expander.getAtoms().size() != 2 || !(*rational == Rational::atom(0) / Rational::atom(1)))
      continue;
    // Subtracting the maximum changes nothing, nor would any other number per row.
    Value input = exp.getOperand();
    if (auto sub = input.getDefiningOp<arith::SubFOp>())
      if (isRowReduction(operandTerm(termOf(input), sub.getRhs()), ReduceKind::Max, termOf(sub.getLhs()),
                         type.getShape()))
        input = sub.getLhs();
    return SoftmaxOp::create(b, root->getLoc(), type, input);
  }
  return {};
}
