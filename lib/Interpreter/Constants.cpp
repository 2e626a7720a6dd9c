#include "ingot/Interpreter/Constants.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace ingot::interpreter;

static Cell cellOf(Element, const APFloat &value) {
  APFloat wide = value;
  bool inexact;
  wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  return Cell{wide.convertToDouble()};
}

static Cell cellOf(Element element, const APInt &value) {
  Cell cell;
  cell.i = element == Element::i1 ? value.getBoolValue() : value.getSExtValue();
  return cell;
}

std::optional<Array> ingot::interpreter::arrayOf(ElementsAttr attribute) {
  auto type = dyn_cast<ShapedType>(attribute.getType());
  auto element = elementOf(type.getElementType());
  if (!element || !type.hasStaticShape())
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != static_cast<size_t>(type.getNumElements()) * byteSize(*element))
      return std::nullopt;
    return Array::ofBytes(*element, type.getShape(), blob->getData().data());
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return std::nullopt;
  auto fill = [&](auto values) {
    if (dense.isSplat())
      return Array::filled(*element, type.getShape(), cellOf(*element, *values.begin()));
    Array array = Array::uninitialized(*element, type.getShape());
    for (auto [i, value] : llvm::enumerate(values))
      array.data()[i] = cellOf(*element, value);
    return array;
  };
  return isFloat(*element) ? fill(dense.getValues<APFloat>()) : fill(dense.getValues<APInt>());
}

std::optional<Datum> ingot::interpreter::datumOf(TypedAttr attribute) {
  if (auto elements = dyn_cast<ElementsAttr>(attribute)) {
    if (auto array = arrayOf(elements))
      return Datum(std::move(*array));
    return std::nullopt;
  }
  auto element = elementOf(attribute.getType());
  if (!element)
    return std::nullopt;
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return Datum(Scalar{*element, cellOf(*element, integer.getValue())});
  if (auto real = dyn_cast<FloatAttr>(attribute))
    return Datum(Scalar{*element, cellOf(*element, real.getValue())});
  return std::nullopt;
}
