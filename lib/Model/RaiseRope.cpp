// Rotary embedding, in the two ways in which exporters write it: both halves (or the even and odd elements) turned
// separately and concatenated, or x cos + rotate_half(x) sin.
#include "Algebra.h"
#include "Raise.h"
#include "Rotation.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

//===----------------------------------------------------------------------===//
// Form 1: members turned separately, then concatenated
//===----------------------------------------------------------------------===//

/// The value of which `first` and `second` (over [d0, d1, d2, pair]) are the two members of each pair.
std::optional<Members> joinMembers(const Term &first, const Term &second, int64_t pairs, bool interleaved) {
  if (first.value != second.value)
    return std::nullopt;
  Members joined{first, false};
  bool found = false;
  for (auto [a, b, access] : llvm::zip(first.access, second.access, joined.term.access)) {
    if (a == b)
      continue;
    if (found || a.dim != b.dim || a.stride != b.stride)
      return std::nullopt;
    found = true;
    int64_t distance = b.offset - a.offset;
    if (!a.varies() && distance == 1) {
      access = {4, a.offset, 1};
    } else if (a.dim == 3 && a.stride == (interleaved ? 2 : 1) && distance == (interleaved ? 1 : pairs)) {
      access = {3, a.offset, 1};
      joined.inOneDimension = true;
    } else {
      return std::nullopt;
    }
  }
  return found ? std::optional(joined) : std::nullopt;
}

/// The two atoms of a product, and the product's coefficient.
struct Product {
  int a, b;
  double coefficient;
};

/// A polynomial that is a sum of two products of two atoms each.
std::optional<std::array<Product, 2>> twoProducts(const std::optional<Rational> &value) {
  auto polynomial = value ? value->asPolynomial() : std::nullopt;
  if (!polynomial || polynomial->terms().size() != 2)
    return std::nullopt;
  SmallVector<Product, 2> products;
  for (const auto &[exponents, coefficient] : polynomial->terms()) {
    SmallVector<int> atoms;
    for (auto [atom, exponent] : llvm::enumerate(exponents))
      atoms.append(exponent, static_cast<int>(atom));
    if (atoms.size() != 2 || atoms[0] == atoms[1])
      return std::nullopt;
    products.push_back({atoms[0], atoms[1], coefficient});
  }
  return std::array<Product, 2>{products[0], products[1]};
}

/// first = x0 cos - x1 sin and second = x0 sin + x1 cos, over [d0, d1, d2, pair].
std::optional<Rotation> matchMembers(const Term &first, const Term &second, ArrayRef<int64_t> space, bool interleaved) {
  Expander expander = Expander::withAllLeaves();
  auto difference = twoProducts(expander.expand(first));
  auto sumValue = expander.expand(second);
  auto sum = sumValue ? sumValue->asPolynomial() : std::nullopt;
  if (!difference || !sum || expander.getAtoms().size() != 4)
    return std::nullopt;
  auto &[p, m] = *difference;
  if (p.coefficient < 0)
    std::swap(p, m);
  if (p.coefficient != 1 || m.coefficient != -1)
    return std::nullopt;
  auto atom = [](int i) { return Polynomial::atom(i); };
  for (auto [x0, cos] : {std::pair(p.a, p.b), std::pair(p.b, p.a)})
    for (auto [x1, sin] : {std::pair(m.a, m.b), std::pair(m.b, m.a)}) {
      if (!(*sum == atom(x0) * atom(sin) + atom(x1) * atom(cos)))
        continue;
      if (auto x = joinMembers(expander.getAtoms()[x0], expander.getAtoms()[x1], space[3], interleaved))
        return Rotation{*x, expander.getAtoms()[cos], expander.getAtoms()[sin], llvm::to_vector(space), interleaved};
    }
  return std::nullopt;
}

Value raiseConcat(OpBuilder &b, tensor::ConcatOp concat) {
  auto type = tensorType(concat.getResult());
  int64_t last = type.getRank() - 1;
  if (concat.getInputs().size() != 2 || static_cast<int64_t>(concat.getDim()) != last ||
      concat.getInputs()[0].getType() != concat.getInputs()[1].getType())
    return {};
  // Stacked members have a last dimension of 1 each and are interleaved.
  bool interleaved = type.getRank() == 5 && type.getDimSize(4) == 2;
  if (!interleaved && type.getRank() != 4)
    return {};
  auto space = tensorType(concat.getInputs()[0]).getShape().take_front(4);
  auto rotation = matchMembers(termOf(concat.getInputs()[0]), termOf(concat.getInputs()[1]), space, interleaved);
  Value rope = rotation ? buildRope(b, concat.getLoc(), *rotation) : Value();
  return rope ? reshapeTo(b, concat.getLoc(), rope, type.getShape()) : Value();
}

//===----------------------------------------------------------------------===//
// Form 2: x cos + rotate_half(x) sin
//===----------------------------------------------------------------------===//

/// Whether both halves of dimension `dim` of `value` are equal.
bool hasEqualHalves(Value value, int64_t dim) {
  Operation *op = value.getDefiningOp();
  if (auto concat = dyn_cast_if_present<tensor::ConcatOp>(op))
    return static_cast<int64_t>(concat.getDim()) == dim && concat.getInputs().size() == 2 &&
           termOf(concat.getInputs()[0]) == termOf(concat.getInputs()[1]);
  if (auto gather = dyn_cast_if_present<GatherOp>(op)) {
    int64_t indexRank = tensorType(gather.getIndices()).getRank();
    return dim >= indexRank && hasEqualHalves(gather.getTable(), dim - indexRank + 1);
  }
  if (auto constant = dyn_cast_if_present<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    auto type = tensorType(value);
    if (!elements || !isa<FloatType>(type.getElementType()) || dim != type.getRank() - 1 || type.getDimSize(dim) % 2)
      return false;
    int64_t width = type.getDimSize(dim);
    auto values = llvm::to_vector(elements.getValues<APFloat>());
    for (size_t i = 0; i < values.size(); ++i)
      if (static_cast<int64_t>(i) % width < width / 2 && !values[i].bitwiseIsEqual(values[i + width / 2]))
        return false;
    return true;
  }
  // What is computed element by element from equal halves and splats has equal halves.
  if (!op || !op->hasTrait<OpTrait::Elementwise>())
    return false;
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    if (!tensorType(operand) || splatNumber(termOf(operand)))
      return static_cast<bool>(tensorType(operand));
    Term term = termOf(operand);
    for (auto [i, access] : llvm::enumerate(term.access))
      if (access.dim == dim)
        return access.is(dim) && hasEqualHalves(term.value, i);
    return true; // does not differ along dim
  });
}

/// The first half of a term along the last dimension of the space, if its other half is equal.
std::optional<Term> equalHalf(const Term &term) {
  for (auto [i, access] : llvm::enumerate(term.access))
    if (access.dim == 3) {
      if (!access.is(3) || !hasEqualHalves(term.value, i))
        return std::nullopt;
      Term half = term;
      if (auto concat = term.getDefiningOp<tensor::ConcatOp>(); concat && static_cast<size_t>(concat.getDim()) == i)
        half.value = concat.getInputs()[0];
      return peel(half);
    }
  return term;
}

/// Whether `rotated` is concat(-x[half:], x[:half]); both over [d0, d1, d2, 2 * pairs].
bool isRotatedHalf(const Term &rotated, const Term &x, int64_t pairs) {
  auto concat = rotated.getDefiningOp<tensor::ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 || concat.getInputs()[0].getType() != concat.getInputs()[1].getType())
    return false;
  size_t along = concat.getDim();
  if (!rotated.access[along].is(3) || tensorType(concat.getResult()).getDimSize(along) != 2 * pairs)
    return false;
  // The parts' own space is that of half the width.
  Term expected[2] = {x, x};
  for (Term *half : {&expected[0], &expected[1]})
    for (DimAccess &access : half->access)
      if (access.dim == 3) {
        if (access.stride != 1)
          return false;
        access.offset += half == &expected[0] ? pairs : 0;
      }
  for (int i : {0, 1}) {
    Term part = operandTerm(rotated, concat.getInputs()[i]);
    if (i == 0) {
      Expander expander;
      expander.addAtom(peel(expected[0]));
      auto value = expander.expand(part);
      if (!value || !(*value == Rational::number(-1) * Rational::atom(0)))
        return false;
    } else if (!(part == peel(expected[1]))) {
      return false;
    }
  }
  return true;
}

Value raiseRotateHalf(OpBuilder &b, arith::AddFOp add) {
  auto type = tensorType(add.getResult());
  if (!type || type.getRank() != 4 || type.getDimSize(3) % 2 != 0 || type.getDimSize(3) == 2)
    return {};
  Expander expander = Expander::withAllLeaves();
  auto products = twoProducts(expander.expand(termOf(add.getResult())));
  if (!products || expander.getAtoms().size() != 4)
    return {};
  const std::vector<Term> &atoms = expander.getAtoms();
  SmallVector<int64_t> space(type.getShape());
  int64_t pairs = space[3] /= 2;
  for (const auto &[plain, turned] :
       {std::pair((*products)[0], (*products)[1]), std::pair((*products)[1], (*products)[0])})
    for (auto [x, cos] : {std::pair(plain.a, plain.b), std::pair(plain.b, plain.a)})
      for (auto [rotated, sin] : {std::pair(turned.a, turned.b), std::pair(turned.b, turned.a)}) {
        if (plain.coefficient != 1 || turned.coefficient != 1 || !isRotatedHalf(atoms[rotated], atoms[x], pairs))
          continue;
        auto cosHalf = equalHalf(atoms[cos]), sinHalf = equalHalf(atoms[sin]);
        if (cosHalf && sinHalf)
          if (Value rope = buildRope(b, add.getLoc(), {{atoms[x], true}, *cosHalf, *sinHalf, space, false}))
            return rope;
      }
  return {};
}

} // namespace

Value model::raiseRope(OpBuilder &b, Operation *root) {
  if (auto concat = dyn_cast<tensor::ConcatOp>(root))
    return raiseConcat(b, concat);
  if (auto add = dyn_cast<arith::AddFOp>(root))
    return raiseRotateHalf(b, add);
  return {};
}
