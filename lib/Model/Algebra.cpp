#include "Algebra.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace ingot::model;

//===----------------------------------------------------------------------===//
// Polynomials
//===----------------------------------------------------------------------===//

void Polynomial::add(const Exponents &exponents, double coefficient) {
  double &sum = coefficients[exponents];
  double before = std::abs(sum) + std::abs(coefficient);
  sum += coefficient;
  // What cancels up to the rounding of double is nothing.
  if (std::abs(sum) <= before * 0x1p-48)
    coefficients.erase(exponents);
}

Polynomial Polynomial::number(double value) {
  Polynomial p;
  p.add({}, value);
  return p;
}

Polynomial Polynomial::atom(unsigned index) {
  Polynomial p;
  Exponents exponents(index + 1, 0);
  exponents[index] = 1;
  p.coefficients[exponents] = 1;
  return p;
}

Polynomial Polynomial::operator+(const Polynomial &other) const {
  Polynomial sum = *this;
  for (const auto &[exponents, coefficient] : other.coefficients)
    sum.add(exponents, coefficient);
  return sum;
}

Polynomial Polynomial::operator-(const Polynomial &other) const {
  Polynomial difference = *this;
  for (const auto &[exponents, coefficient] : other.coefficients)
    difference.add(exponents, -coefficient);
  return difference;
}

Polynomial Polynomial::operator*(const Polynomial &other) const {
  Polynomial product;
  for (const auto &[a, x] : coefficients)
    for (const auto &[b, y] : other.coefficients) {
      Exponents sum = a.size() < b.size() ? b : a;
      const Exponents &shorter = a.size() < b.size() ? a : b;
      for (size_t i = 0; i < shorter.size(); ++i)
        sum[i] += shorter[i];
      product.add(sum, x * y);
    }
  return product;
}

bool Polynomial::operator==(const Polynomial &other) const {
  if (coefficients.size() != other.coefficients.size())
    return false;
  return llvm::all_of(llvm::zip(coefficients, other.coefficients), [](auto pair) {
    auto &[a, b] = pair;
    return a.first == b.first && std::abs(a.second - b.second) <= 4 * 0x1p-24 * 2 * std::abs(a.second);
  });
}

double Polynomial::constantTerm() const {
  auto it = coefficients.find({});
  return it == coefficients.end() ? 0 : it->second;
}

double Polynomial::linear(unsigned atom) const {
  Exponents exponents(atom + 1, 0);
  exponents[atom] = 1;
  auto it = coefficients.find(exponents);
  return it == coefficients.end() ? 0 : it->second;
}

//===----------------------------------------------------------------------===//
// Quotients
//===----------------------------------------------------------------------===//

Rational Rational::operator+(const Rational &other) const {
  if (denominator == other.denominator)
    return {numerator + other.numerator, denominator};
  return {numerator * other.denominator + other.numerator * denominator, denominator * other.denominator};
}
Rational Rational::operator-(const Rational &other) const { return *this + other * Rational::number(-1); }
Rational Rational::operator*(const Rational &other) const {
  return {numerator * other.numerator, denominator * other.denominator};
}
Rational Rational::operator/(const Rational &other) const {
  return {numerator * other.denominator, denominator * other.numerator};
}

std::optional<Polynomial> Rational::asPolynomial() const {
  if (denominator.terms().size() != 1 || denominator.constantTerm() == 0)
    return std::nullopt;
  return numerator * Polynomial::number(1 / denominator.constantTerm());
}

//===----------------------------------------------------------------------===//
// Expansion
//===----------------------------------------------------------------------===//

unsigned Expander::addAtom(const Term &term) {
  auto it = llvm::find(atoms, term);
  if (it != atoms.end())
    return it - atoms.begin();
  atoms.push_back(term);
  return atoms.size() - 1;
}

/// The exponent of a power by a known whole number of small size.
static std::optional<int> wholeExponent(const Term &exponent) {
  auto number = splatNumber(exponent);
  if (!number || *number != std::nearbyint(*number) || std::abs(*number) > 4)
    return std::nullopt;
  return static_cast<int>(*number);
}

static Rational power(const Rational &base, int exponent) {
  Rational result = Rational::number(1);
  for (int i = 0; i < std::abs(exponent); ++i)
    result = result * base;
  return exponent < 0 ? Rational::number(1) / result : result;
}

/// No formula that we look for has many terms; products of long sums would grow without bound.
static std::optional<Rational> bounded(Rational value) {
  constexpr size_t kMaxTerms = 64;
  if (value.numerator.terms().size() > kMaxTerms || value.denominator.terms().size() > kMaxTerms)
    return std::nullopt;
  return value;
}

std::optional<Rational> Expander::expand(const Term &term, unsigned depth) {
  if (auto it = llvm::find(atoms, term); it != atoms.end())
    return Rational::atom(it - atoms.begin());
  // An infinity is no number to calculate with.
  if (auto number = splatNumber(term))
    return std::isfinite(*number) ? std::optional(Rational::number(*number)) : std::nullopt;
  if (isLeaf(term, /*early=*/true))
    return Rational::atom(addAtom(term));
  Operation *op = term.value.getDefiningOp();
  if (depth > 0 && isa_and_nonnull<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(op)) {
    auto lhs = expand(operandTerm(term, op->getOperand(0)), depth - 1);
    auto rhs = lhs ? expand(operandTerm(term, op->getOperand(1)), depth - 1) : std::nullopt;
    if (!rhs)
      return std::nullopt;
    Rational result = isa<arith::AddFOp>(op)   ? *lhs + *rhs
                      : isa<arith::SubFOp>(op) ? *lhs - *rhs
                      : isa<arith::MulFOp>(op) ? *lhs * *rhs
                                               : *lhs / *rhs;
    return bounded(std::move(result));
  }
  if (auto neg = dyn_cast_if_present<arith::NegFOp>(op); neg && depth > 0) {
    auto x = expand(operandTerm(term, neg.getOperand()), depth - 1);
    return x ? std::optional(*x * Rational::number(-1)) : std::nullopt;
  }
  if (auto pow = dyn_cast_if_present<math::PowFOp>(op); pow && depth > 0)
    if (auto exponent = wholeExponent(operandTerm(term, pow.getRhs()))) {
      auto base = expand(operandTerm(term, pow.getLhs()), depth - 1);
      return base ? bounded(power(*base, *exponent)) : std::nullopt;
    }
  if (isLeaf(term, /*early=*/false))
    return Rational::atom(addAtom(term));
  return std::nullopt;
}

std::vector<Term> ingot::model::sourcesOf(const Term &term, unsigned depth) {
  std::vector<Term> sources = {term};
  size_t begin = 0;
  for (unsigned level = 0; level < depth; ++level) {
    size_t end = sources.size();
    for (; begin < end; ++begin) {
      Term source = sources[begin];
      Operation *op = source.value.getDefiningOp();
      if (!op || !op->hasTrait<OpTrait::Elementwise>())
        continue;
      for (Value operand : op->getOperands())
        if (tensorType(operand))
          if (Term next = operandTerm(source, operand); !llvm::is_contained(sources, next))
            sources.push_back(std::move(next));
    }
  }
  return sources;
}
