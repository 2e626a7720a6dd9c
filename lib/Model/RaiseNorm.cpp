// RMSNorm and LayerNorm from means, squares and roots.
#include "Algebra.h"
#include "Raise.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

/// A mean over the last dimension: `factor * reduce`, the reduction seen as an atom.
struct Mean {
  Term reduce;       // result of ingot.reduce
  double factor = 1; // 1 for a mean, 1 / n for a sum
  Value input;       // what is averaged, of the formula's shape
};

/// What a norm divides by: sqrt(mean(square of the centred input) + eps).
struct Statistic {
  Term root;         // sqrt or reciprocal square root, as an atom
  bool isReciprocal; // of the square root
  double eps;
  Value input;                // before centring
  std::optional<Mean> centre; // LayerNorm: the mean that was subtracted
};

/// The reduction over the last dimension of `space` that `term` is, standing at the same rows.
std::optional<Mean> matchReduction(const Term &term, ArrayRef<int64_t> space) {
  auto reduce = term.getDefiningOp<ReduceOp>();
  int64_t last = static_cast<int64_t>(space.size()) - 1;
  if (!reduce || reduce.getDims() != ArrayRef<int64_t>(last) || tensorType(reduce.getInput()).getShape() != space)
    return std::nullopt;
  for (auto [i, access] : llvm::enumerate(term.access))
    if (access.varies() ? !access.is(i) : space[i] != 1)
      return std::nullopt;
  return Mean{term, 1, reduce.getInput()};
}

/// Whether `factor * reduce` is the mean: no factor for `reduce mean`, 1 / n for `reduce sum`.
bool isMean(const Mean &mean, ArrayRef<int64_t> space) {
  auto kind = mean.reduce.value.getDefiningOp<ReduceOp>().getKind();
  double n = static_cast<double>(space.back());
  if (kind == ReduceKind::Mean)
    return mean.factor == 1;
  return kind == ReduceKind::Sum && std::abs(mean.factor * n - 1) <= 0x1p-23;
}

/// `offset + factor * reduce` with a mean over the last dimension.
std::optional<std::pair<Mean, double>> matchShiftedMean(const Term &term, ArrayRef<int64_t> space) {
  Expander expander = Expander::withAllLeaves();
  auto rational = expander.expand(term);
  auto polynomial = rational ? rational->asPolynomial() : std::nullopt;
  if (!polynomial || expander.getAtoms().size() != 1)
    return std::nullopt;
  auto mean = matchReduction(expander.getAtoms()[0], space);
  if (!mean)
    return std::nullopt;
  mean->factor = polynomial->linear(0);
  double offset = polynomial->constantTerm();
  auto expected = Polynomial::number(mean->factor) * Polynomial::atom(0) + Polynomial::number(offset);
  if (!(*polynomial == expected) || !isMean(*mean, space))
    return std::nullopt;
  return std::pair(*mean, offset);
}

/// The value whose square `value` is.
Value squareRootOf(Value value) {
  if (auto mul = value.getDefiningOp<arith::MulFOp>(); mul && mul.getLhs() == mul.getRhs())
    return mul.getLhs();
  if (auto pow = value.getDefiningOp<math::PowFOp>(); pow && splatNumber(termOf(pow.getRhs())) == 2.0)
    return pow.getLhs();
  return {};
}

/// The root and whether it is reciprocal; `argument` is what the root is taken of.
std::optional<bool> matchRoot(Operation *op, Value &argument) {
  if (auto sqrt = dyn_cast<math::SqrtOp>(op)) {
    argument = sqrt.getOperand();
    return false;
  }
  if (auto rsqrt = dyn_cast<math::RsqrtOp>(op)) {
    argument = rsqrt.getOperand();
    return true;
  }
  if (auto pow = dyn_cast<math::PowFOp>(op)) {
    argument = pow.getLhs();
    auto exponent = splatNumber(termOf(pow.getRhs()));
    if (exponent == 0.5 || exponent == -0.5)
      return exponent == -0.5;
  }
  return std::nullopt;
}

std::optional<Statistic> matchStatistic(const Term &root, ArrayRef<int64_t> space) {
  Operation *op = root.value.getDefiningOp();
  Value argument;
  auto isReciprocal = op ? matchRoot(op, argument) : std::nullopt;
  if (!isReciprocal)
    return std::nullopt;
  auto variance = matchShiftedMean(operandTerm(root, argument), space);
  Value centred = variance ? squareRootOf(variance->first.input) : Value();
  if (!centred)
    return std::nullopt;
  Statistic statistic{root, *isReciprocal, variance->second, centred, std::nullopt};
  if (auto sub = centred.getDefiningOp<arith::SubFOp>()) {
    auto mean = matchShiftedMean(termOf(sub.getRhs()), space);
    if (mean && mean->second == 0 && termOf(mean->first.input) == termOf(sub.getLhs())) {
      statistic.input = sub.getLhs();
      statistic.centre = mean->first;
    }
  }
  return statistic;
}

/// Whether `value` is a parameter or a constant, or made of such: not of inputs and states.
bool isParameter(Value value, unsigned depth = 4) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto func = dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    unsigned number = argument.getArgNumber();
    return func && !func.getArgAttr(number, IngotDialect::kInput) && !func.getArgAttr(number, IngotDialect::kState);
  }
  return depth > 0 && llvm::all_of(value.getDefiningOp()->getOperands(),
                                   [&](Value operand) { return isParameter(operand, depth - 1); });
}

/// A parameter that differs along the last dimension at most: what a scale or bias can be. With a single row every
/// value differs along the last dimension only, hence the look at where it comes from.
bool isRow(const Term &term, int64_t last) {
  return isParameter(term.value) &&
         llvm::all_of(term.access, [&](const DimAccess &access) { return !access.varies() || access.is(last); });
}

/// A root term that is such a statistic, among what `root` is computed from.
std::optional<Statistic> findStatistic(const Term &root, ArrayRef<int64_t> space) {
  for (const Term &source : sourcesOf(root))
    if (auto statistic = matchStatistic(source, space))
      return statistic;
  return std::nullopt;
}

/// The value of a norm as a formula of its statistic; scale and bias are atoms that differ along the last dimension.
struct NormFormula {
  Expander expander;
  Rational normalized, value;

  static std::optional<NormFormula> of(Operation *root, const Statistic &statistic, int64_t last) {
    NormFormula formula{Expander([last](const Term &term, bool) { return isRow(term, last); }), {}, {}};
    Rational x = Rational::atom(formula.expander.addAtom(termOf(statistic.input)));
    Rational s = Rational::atom(formula.expander.addAtom(statistic.root));
    if (statistic.centre) {
      Rational reduce = Rational::atom(formula.expander.addAtom(statistic.centre->reduce));
      x = x - reduce * Rational::number(statistic.centre->factor);
    }
    formula.normalized = statistic.isReciprocal ? x * s : x / s;
    auto value = formula.expander.expand(termOf(root->getResult(0)));
    if (!value)
      return std::nullopt;
    formula.value = *value;
    return formula;
  }
};

/// The scale or bias as a tensor of rank 1.
Value rowOperand(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> space) {
  return materializeFull(b, loc, term, {static_cast<int64_t>(space.size()) - 1}, space);
}

Value buildNorm(OpBuilder &b, Operation *root, const Statistic &statistic, Value scale, Value bias) {
  Location loc = root->getLoc();
  Type type = root->getResult(0).getType();
  FloatAttr eps = b.getF64FloatAttr(statistic.eps);
  if (statistic.centre)
    return LayerNormOp::create(b, loc, type, statistic.input, scale, bias, eps);
  return RmsNormOp::create(b, loc, type, statistic.input, scale, eps);
}

/// layer_norm without a bias, plus a row: the row is its bias.
Value addBias(OpBuilder &b, arith::AddFOp add) {
  auto space = cast<RankedTensorType>(add.getType()).getShape();
  for (bool left : {true, false}) {
    auto norm = (left ? add.getLhs() : add.getRhs()).getDefiningOp<LayerNormOp>();
    if (!norm || norm.getBias())
      continue;
    Term bias = termOf(left ? add.getRhs() : add.getLhs());
    if (isRow(bias, static_cast<int64_t>(space.size()) - 1))
      return LayerNormOp::create(b, add.getLoc(), add.getType(), norm.getInput(), norm.getScale(),
                                 rowOperand(b, add.getLoc(), bias, space), norm.getEpsAttr());
  }
  return {};
}

} // namespace

Value model::raiseNorm(OpBuilder &b, Operation *root) {
  if (!isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::SubFOp>(root))
    return {};
  auto type = tensorType(root->getResult(0));
  if (!type || type.getRank() < 1)
    return {};
  if (auto add = dyn_cast<arith::AddFOp>(root))
    if (Value norm = addBias(b, add))
      return norm;
  auto space = type.getShape();
  int64_t last = type.getRank() - 1;
  auto statistic = findStatistic(termOf(root->getResult(0)), space);
  if (!statistic || statistic->input.getType() != type)
    return {};
  auto formula = NormFormula::of(root, *statistic, last);
  if (!formula)
    return {};
  const std::vector<Term> &atoms = formula->expander.getAtoms();
  unsigned known = statistic->centre ? 3 : 2, rows = atoms.size() - known;
  auto row = [&](unsigned i) { return Rational::atom(known + i); };
  auto build = [&](Value scale, std::optional<unsigned> bias) {
    return buildNorm(b, root, *statistic, scale,
                     bias ? rowOperand(b, root->getLoc(), atoms[known + *bias], space) : Value());
  };
  if (rows == 0 && formula->value == formula->normalized) {
    auto one = DenseElementsAttr::get(RankedTensorType::get({space.back()}, type.getElementType()),
                                      b.getFloatAttr(type.getElementType(), 1.0));
    return build(arith::ConstantOp::create(b, root->getLoc(), one), std::nullopt);
  }
  for (unsigned scale = 0; scale < rows; ++scale) {
    Rational scaled = formula->normalized * row(scale);
    if (rows == 1 && formula->value == scaled)
      return build(rowOperand(b, root->getLoc(), atoms[known + scale], space), std::nullopt);
    if (rows == 2 && statistic->centre && formula->value == scaled + row(1 - scale))
      return build(rowOperand(b, root->getLoc(), atoms[known + scale], space), 1 - scale);
  }
  return {};
}
