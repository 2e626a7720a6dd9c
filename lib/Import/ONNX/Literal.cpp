#include "Literal.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ingot::onnx_import;

Literal Literal::ofInts(std::vector<int64_t> values) {
  Literal literal;
  literal.ints = std::move(values);
  return literal;
}

Literal Literal::ofFloats(std::vector<double> values) {
  Literal literal;
  literal.floating = true;
  literal.floats = std::move(values);
  return literal;
}

template <typename T, typename Out> static void decode(ArrayRef<char> bytes, std::vector<Out> &out) {
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value; // the bytes may be unaligned
    memcpy(&value, bytes.data() + i, sizeof(T));
    out.push_back(static_cast<Out>(value));
  }
}

/// Decodes 16-bit floats.
static void decodeHalf(const llvm::fltSemantics &semantics, ArrayRef<char> bytes, std::vector<double> &out) {
  std::vector<uint16_t> bits;
  decode<uint16_t>(bytes, bits);
  for (uint16_t pattern : bits) {
    APFloat value(semantics, APInt(16, pattern));
    bool lost;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    out.push_back(value.convertToDouble());
  }
}

Literal Literal::ofBytes(Type type, ArrayRef<char> bytes) {
  Literal literal;
  literal.floating = isa<FloatType>(type);
  if (type.isF32())
    decode<float>(bytes, literal.floats);
  else if (type.isF64())
    decode<double>(bytes, literal.floats);
  else if (auto half = dyn_cast<FloatType>(type))
    decodeHalf(half.getFloatSemantics(), bytes, literal.floats);
  else if (type.isInteger(64))
    decode<int64_t>(bytes, literal.ints);
  else if (type.isInteger(32))
    decode<int32_t>(bytes, literal.ints);
  else
    decode<int8_t>(bytes, literal.ints);
  if (type.isInteger(1))
    for (int64_t &value : literal.ints)
      value = value != 0;
  return literal;
}

Literal Literal::splat(Type type, size_t count, double value) {
  if (isa<FloatType>(type))
    return ofFloats(std::vector<double>(count, roundTo(type, value)));
  return ofInts(std::vector<int64_t>(count, wrapTo(type, static_cast<int64_t>(value))));
}

bool Literal::isSplat() const {
  if (size() == 0)
    return false;
  auto same = [](double a, double b) { return memcmp(&a, &b, sizeof(a)) == 0; };
  if (floating)
    return llvm::all_of(floats, [&](double value) { return same(value, floats[0]); });
  return llvm::all_equal(ints);
}

Literal Literal::pick(size_t count, llvm::function_ref<size_t(size_t)> source) const {
  Literal result;
  result.floating = floating;
  if (floating)
    result.floats.resize(count);
  else
    result.ints.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (floating)
      result.floats[i] = floats[source(i)];
    else
      result.ints[i] = ints[source(i)];
  }
  return result;
}

DenseElementsAttr Literal::toAttribute(RankedTensorType type) const {
  assert(static_cast<size_t>(type.getNumElements()) == size() && "one element per position");
  // A splat is stored once; DenseElementsAttr does not look for splats itself.
  size_t count = isSplat() ? 1 : size();
  Type element = type.getElementType();
  if (auto floatType = dyn_cast<FloatType>(element)) {
    SmallVector<APFloat> values;
    values.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      APFloat value(floats[i]);
      bool lost;
      value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
      values.push_back(value);
    }
    return DenseElementsAttr::get(type, values);
  }
  unsigned width = element.getIntOrFloatBitWidth();
  SmallVector<APInt> values;
  values.reserve(count);
  for (size_t i = 0; i < count; ++i)
    values.push_back(APInt(64, static_cast<uint64_t>(ints[i])).trunc(width));
  return DenseElementsAttr::get(type, values);
}

static double roundSmall(FloatType type, double value) {
  APFloat rounded(value);
  bool lost;
  rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
  rounded.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return rounded.convertToDouble();
}

double ingot::onnx_import::roundTo(Type type, double value) {
  if (type.isF64())
    return value;
  return type.isF32() ? static_cast<double>(static_cast<float>(value)) : roundSmall(cast<FloatType>(type), value);
}

int64_t ingot::onnx_import::wrapTo(Type type, int64_t value) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 1)
    return value & 1;
  return APInt(64, static_cast<uint64_t>(value)).trunc(width).getSExtValue();
}

size_t StridedView::operator()(size_t i) const {
  if (identity)
    return i;
  int64_t position = offset;
  for (size_t dim = shape.size(); dim-- > 0;) {
    position += static_cast<int64_t>(i % shape[dim]) * strides[dim];
    i /= shape[dim];
  }
  return static_cast<size_t>(position);
}

SmallVector<int64_t> ingot::onnx_import::rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

StridedView ingot::onnx_import::broadcastView(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  StridedView view{SmallVector<int64_t>(to), SmallVector<int64_t>(to.size(), 0)};
  view.identity = from == to;
  size_t lead = to.size() - from.size();
  SmallVector<int64_t> strides = rowMajorStrides(from);
  for (size_t dim = 0; dim < from.size(); ++dim)
    view.strides[lead + dim] = from[dim] == 1 ? 0 : strides[dim];
  return view;
}
