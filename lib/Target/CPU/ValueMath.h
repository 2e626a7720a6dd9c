// Short names for arithmetic on scalars and vectors alike: the notation of MathFunctions.cpp and Conversions.cpp.
#pragma once

#include "lib/Target/CPU/FlatView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ingot::cpu {

/// Emits operations of one shape; constants take the shape of `like`.
class ValueMath {
public:
  using Value = mlir::Value;
  ValueMath(mlir::ImplicitLocOpBuilder &builder, Value like) : b(builder), shape(like.getType()) {}

  mlir::Type typeOf(mlir::Type element) const {
    auto vector = llvm::dyn_cast<mlir::VectorType>(shape);
    return vector ? mlir::Type(vector.clone(element)) : element;
  }
  Value f32(double value) { return floatConstant(b, typeOf(b.getF32Type()), value); }
  Value f64(double value) { return floatConstant(b, typeOf(b.getF64Type()), value); }
  Value integer(int64_t value, mlir::Type element) {
    mlir::Type type = typeOf(element);
    mlir::TypedAttr attribute = b.getIntegerAttr(element, value);
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(type))
      attribute = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attribute));
    return mlir::arith::ConstantOp::create(b, attribute);
  }
  Value i32(int64_t value) { return integer(value, b.getI32Type()); }
  Value i64(int64_t value) { return integer(value, b.getI64Type()); }

  Value add(Value x, Value y) { return addf(b, x, y); }
  Value sub(Value x, Value y) { return subf(b, x, y); }
  Value mul(Value x, Value y) { return mulf(b, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  Value fma(Value x, Value y, Value z) { return mulAdd(b, x, y, z); }
  /// Coefficients in float32 or float64, as x is, lowest degree first.
  template <typename T> Value polynomial(Value x, llvm::ArrayRef<T> coefficients) {
    auto constant = [&](T value) { return floatConstant(b, x.getType(), value); };
    Value result = constant(coefficients.back());
    for (T coefficient : llvm::reverse(coefficients.drop_back()))
      result = fma(result, x, constant(coefficient));
    return result;
  }
  Value abs(Value x) { return mlir::math::AbsFOp::create(b, x); }
  Value copySign(Value x, Value sign) { return mlir::math::CopySignOp::create(b, x, sign); }

  using F = mlir::arith::CmpFPredicate;
  using I = mlir::arith::CmpIPredicate;
  Value compare(F predicate, Value x, Value y) { return mlir::arith::CmpFOp::create(b, predicate, x, y); }
  Value compare(I predicate, Value x, Value y) { return mlir::arith::CmpIOp::create(b, predicate, x, y); }
  Value select(Value condition, Value x, Value y) { return mlir::arith::SelectOp::create(b, condition, x, y); }
  Value isNaN(Value x) { return compare(F::UNO, x, x); }

  Value addi(Value x, Value y) { return mlir::arith::AddIOp::create(b, x, y); }
  Value subi(Value x, Value y) { return mlir::arith::SubIOp::create(b, x, y); }
  Value andi(Value x, Value y) { return mlir::arith::AndIOp::create(b, x, y); }
  Value ori(Value x, Value y) { return mlir::arith::OrIOp::create(b, x, y); }
  Value xori(Value x, Value y) { return mlir::arith::XOrIOp::create(b, x, y); }
  Value shl(Value x, Value y) { return mlir::arith::ShLIOp::create(b, x, y); }
  Value shrs(Value x, Value y) { return mlir::arith::ShRSIOp::create(b, x, y); }
  Value shru(Value x, Value y) { return mlir::arith::ShRUIOp::create(b, x, y); }
  Value bits(Value x, mlir::Type element) { return mlir::arith::BitcastOp::create(b, typeOf(element), x); }
  Value bits32(Value x) { return bits(x, b.getI32Type()); }
  Value bits64(Value x) { return bits(x, b.getI64Type()); }
  Value asF32(Value x) { return bits(x, b.getF32Type()); }
  Value asF64(Value x) { return bits(x, b.getF64Type()); }
  Value extend(Value x, mlir::Type element) { return convertFloat(b, x, element); }

  mlir::ImplicitLocOpBuilder &b;

private:
  mlir::Type shape;
};

} // namespace ingot::cpu
