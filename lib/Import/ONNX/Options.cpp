// Import options as text, as command lines give them.
#include "ModelFile.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

/// Splits at the last '=': names of ONNX values may contain one, numbers do not.
static std::string splitOption(StringRef text, StringRef &name, StringRef &value) {
  std::tie(name, value) = text.rsplit('=');
  if (name.empty() || !text.contains('='))
    return "expects NAME=VALUE, but got '" + text.str() + "'";
  return "";
}

static bool readExtent(StringRef text, int64_t &extent) {
  return !text.getAsInteger(10, extent) && extent >= 0 && extent <= kMaxElements;
}

std::string ingot::parseDimOption(StringRef text, OnnxImportOptions &options) {
  StringRef name, value;
  if (std::string error = splitOption(text, name, value); !error.empty())
    return error;
  int64_t extent;
  if (!readExtent(value, extent))
    return "expects an extent in [0, 2^40], but got '" + value.str() + "' in '" + text.str() + "'";
  if (!options.dims.emplace(name.str(), extent).second)
    return "gives dimension '" + name.str() + "' twice";
  return "";
}

std::string ingot::parseInputShapeOption(StringRef text, OnnxImportOptions &options) {
  StringRef name, value;
  if (std::string error = splitOption(text, name, value); !error.empty())
    return error;
  SmallVector<StringRef> parts;
  if (!value.empty())
    value.split(parts, 'x');
  std::vector<int64_t> shape;
  for (StringRef part : parts) {
    int64_t extent;
    if (!readExtent(part, extent))
      return "expects extents in [0, 2^40] separated by x, but got '" + value.str() + "' in '" + text.str() + "'";
    shape.push_back(extent);
  }
  if (!options.inputShapes.emplace(name.str(), std::move(shape)).second)
    return "gives the shape of '" + name.str() + "' twice";
  return "";
}
