#include "Npz.h"

#include "runtime/formats/DTypes.h"

#include <charconv>
#include <optional>
#include <regex>

namespace ingot::tool {

using program::DType;
using runtime::Result;
using runtime::Status;

namespace {

struct Names {
  DType dtype;
  const char *npy;
};
constexpr Names kNames[] = {{DType::i1, "|b1"},  {DType::i8, "|i1"},   {DType::i32, "<i4"}, {DType::i64, "<i8"},
                            {DType::f16, "<f2"}, {DType::bf16, "|V2"}, {DType::f32, "<f4"}, {DType::f64, "<f8"}};

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicSize = 6;
constexpr size_t kMaxHeader = 1 << 16;

std::optional<DType> parseDescr(std::string descr) {
  if (descr == "<V2")
    descr = "|V2";
  for (const Names &names : kNames)
    if (descr == names.npy)
      return names.dtype;
  return std::nullopt;
}

/// The first group of `pattern` in the header.
std::optional<std::string> field(const std::string &header, const char *pattern) {
  std::smatch match;
  if (!std::regex_search(header, match, std::regex(pattern)))
    return std::nullopt;
  return match[1].str();
}

/// "3, 4" or "3," or nothing at all.
std::optional<std::vector<int64_t>> parseShape(const std::string &text) {
  std::vector<int64_t> shape;
  for (const char *at = text.data(), *end = at + text.size(); at != end;) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    int64_t extent = 0;
    auto [next, error] = std::from_chars(at, end, extent);
    if (error != std::errc() || extent < 0 || shape.size() == 64)
      return std::nullopt;
    shape.push_back(extent);
    at = next;
  }
  return shape;
}

} // namespace

Result<Array> parseNpy(const std::string &file) {
  auto corrupt = [](const std::string &what) { return Status::corrupt("is no array that can be read: " + what); };
  if (file.size() < 12 || file.compare(0, kMagicSize, kMagic) != 0)
    return corrupt("it does not begin like one");
  // Version 1 has two bytes for the header's length, versions 2 and 3 have four.
  size_t lengthSize = file[6] == 1 ? 2 : 4, length = 0;
  for (size_t i = 0; i < lengthSize; ++i)
    length |= static_cast<size_t>(static_cast<unsigned char>(file[8 + i])) << (8 * i);
  size_t dataStart = 8 + lengthSize + length;
  if (length > kMaxHeader || dataStart > file.size())
    return corrupt("its header is too long");
  std::string header = file.substr(8 + lengthSize, length);
  std::optional<std::string> descr = field(header, "'descr'\\s*:\\s*'([^']*)'");
  std::optional<std::string> fortran = field(header, "'fortran_order'\\s*:\\s*(True|False)");
  std::optional<std::string> shapeText = field(header, "'shape'\\s*:\\s*\\(([0-9, ]*)\\)");
  std::optional<std::vector<int64_t>> shape = shapeText ? parseShape(*shapeText) : std::nullopt;
  if (!descr || !fortran || !shape)
    return corrupt("its header is broken or its dtype is structured");
  Array array;
  std::optional<DType> dtype = parseDescr(*descr);
  if (!dtype)
    return corrupt("its dtype '" + *descr + "' is not supported");
  array.dtype = *dtype;
  array.shape = *shape;
  if (*fortran == "True" && shape->size() > 1)
    return corrupt("it is in Fortran order; numpy.ascontiguousarray makes it row-major");
  std::optional<uint64_t> bytes = runtime::checkedBytes(array.dtype, array.shape);
  if (!bytes || *bytes != file.size() - dataStart)
    return corrupt("its size does not fit its shape");
  array.data = file.substr(dataStart);
  return array;
}

std::string printNpy(const Array &array) {
  std::string header = "{'descr': '";
  for (const Names &names : kNames)
    if (names.dtype == array.dtype)
      header += names.npy;
  header += "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : array.shape)
    header += std::to_string(extent) + ", ";
  header += "), }";
  // Data begin at a multiple of 64 bytes; the header ends in a newline.
  size_t total = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - 10 - 1, ' ');
  header += '\n';
  std::string file(kMagic, kMagicSize);
  file += {1, 0, static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  return file + header + array.data;
}

} // namespace ingot::tool
