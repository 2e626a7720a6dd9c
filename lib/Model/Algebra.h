// Pointwise formulas as quotients of polynomials, so that matching does not depend on how a formula was written.
#pragma once

#include "Terms.h"

#include <functional>
#include <map>
#include <vector>

namespace ingot::model {

/// A polynomial over numbered atoms: exponents (without trailing zeros) -> coefficient. No coefficient is 0.
class Polynomial {
public:
  using Exponents = std::vector<int>;

  Polynomial() = default;
  static Polynomial number(double value);
  static Polynomial atom(unsigned index);

  Polynomial operator+(const Polynomial &other) const;
  Polynomial operator-(const Polynomial &other) const;
  Polynomial operator*(const Polynomial &other) const;
  /// Equal up to the rounding of constants to float32: coefficients differ by at most 4 units in its last place.
  bool operator==(const Polynomial &other) const;

  const std::map<Exponents, double> &terms() const { return coefficients; }
  /// The coefficient of the constant term, or of one atom alone; 0 if absent.
  double constantTerm() const;
  double linear(unsigned atom) const;

private:
  void add(const Exponents &exponents, double coefficient);
  std::map<Exponents, double> coefficients;
};

/// A quotient of polynomials.
struct Rational {
  Polynomial numerator, denominator = Polynomial::number(1);

  Rational operator+(const Rational &other) const;
  Rational operator-(const Rational &other) const;
  Rational operator*(const Rational &other) const;
  Rational operator/(const Rational &other) const;
  bool operator==(const Rational &other) const {
    return numerator * other.denominator == other.numerator * denominator;
  }
  /// Whether the denominator is a number; the numerator is then divided by it.
  std::optional<Polynomial> asPolynomial() const;

  static Rational number(double value) { return {Polynomial::number(value)}; }
  static Rational atom(unsigned index) { return {Polynomial::atom(index)}; }
};

/// Writes terms as rational functions of atoms. Looks through add, sub, mul, div, neg and small integer powers.
class Expander {
public:
  /// Says whether a term that is neither an atom nor a number may become a new atom. Asked before (`early`) and after
  /// looking through the operation that makes it.
  using LeafTest = std::function<bool(const Term &, bool early)>;

  explicit Expander(LeafTest isLeaf) : isLeaf(std::move(isLeaf)) {}
  /// Only the atoms that are added.
  Expander() : Expander([](const Term &, bool) { return false; }) {}
  /// Everything that is not arithmetic becomes an atom.
  static Expander withAllLeaves() {
    return Expander([](const Term &, bool early) { return !early; });
  }

  /// The number of the atom; equal terms have one number.
  unsigned addAtom(const Term &term);
  const std::vector<Term> &getAtoms() const { return atoms; }
  std::optional<Rational> expand(const Term &term, unsigned depth = 10);

private:
  LeafTest isLeaf;
  std::vector<Term> atoms;
};

/// Terms from which `term` is computed by at most `depth` pointwise operations (views do not count), nearest first,
/// itself included.
std::vector<Term> sourcesOf(const Term &term, unsigned depth = 6);

} // namespace ingot::model
