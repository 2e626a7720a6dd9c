#include "lib/Plan/IndexExpressions.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Replaces `affine`'s numerator n by n * factor + other's numerator; false where that does not fit.
bool multiplyAdd(program::Affine &affine, int64_t factor, const program::Affine &other) {
  auto each = [&](int64_t &value, int64_t add) {
    return !llvm::MulOverflow(value, factor, value) && !llvm::AddOverflow(value, add, value);
  };
  bool fits = each(affine.constant, other.constant);
  for (size_t d = 0; d < program::kMaxGridRank; ++d)
    fits = fits && each(affine.coefficients[d], other.coefficients[d]);
  return fits;
}

std::optional<program::Affine> add(program::Affine left, program::Affine right) {
  if (left.divisor > 1)
    std::swap(left, right);
  // a + b floordiv c is (a * c + b) floordiv c.
  if (left.divisor > 1 || !multiplyAdd(left, right.divisor, right))
    return std::nullopt;
  left.divisor = right.divisor;
  return left;
}

} // namespace

AffineExpr ingot::toAffineExpr(const program::Affine &affine, MLIRContext *context) {
  AffineExpr expr = getAffineConstantExpr(affine.constant, context);
  for (size_t d = 0; d < program::kMaxGridRank; ++d)
    if (affine.coefficients[d])
      expr = expr + getAffineDimExpr(d, context) * affine.coefficients[d];
  return expr.floorDiv(affine.divisor);
}

std::optional<program::Affine> ingot::toProgramAffine(AffineExpr expr) {
  program::Affine result;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    result.constant = constant.getValue();
    return result;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    if (dim.getPosition() >= program::kMaxGridRank)
      return std::nullopt;
    result.coefficients[dim.getPosition()] = 1;
    return result;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<program::Affine> left = toProgramAffine(binary.getLHS());
  if (!left)
    return std::nullopt;
  if (binary.getKind() == AffineExprKind::Add) {
    std::optional<program::Affine> right = toProgramAffine(binary.getRHS());
    return right ? add(*left, *right) : std::nullopt;
  }
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!factor)
    return std::nullopt;
  // Quotients of quotients are quotients; multiples of quotients are not.
  bool fits = false;
  if (binary.getKind() == AffineExprKind::Mul)
    fits = left->divisor == 1 && multiplyAdd(*left, factor.getValue(), {});
  else if (binary.getKind() == AffineExprKind::FloorDiv)
    fits = factor.getValue() > 0 && !llvm::MulOverflow(left->divisor, factor.getValue(), left->divisor);
  return fits ? left : std::nullopt;
}
