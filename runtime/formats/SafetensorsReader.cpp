#include "runtime/formats/DTypes.h"
#include "runtime/formats/Json.h"
#include "runtime/formats/Safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace ingot::runtime {

namespace {

constexpr uint64_t kMaxHeaderSize = 100'000'000; // the reference implementation's limit

/// Size in bits of every element type of the format, also those that Ingot does not compute with.
std::optional<uint64_t> bitsOf(std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 18> kBits = {{
      {"BOOL", 8},
      {"U8", 8},
      {"I8", 8},
      {"F8_E5M2", 8},
      {"F8_E4M3", 8},
      {"F8_E8M0", 8},
      {"I16", 16},
      {"U16", 16},
      {"F16", 16},
      {"BF16", 16},
      {"I32", 32},
      {"U32", 32},
      {"F32", 32},
      {"C64", 64},
      {"F64", 64},
      {"I64", 64},
      {"U64", 64},
      {"F4", 4},
  }};
  for (const auto &[name, bits] : kBits)
    if (name == dtype)
      return bits;
  return std::nullopt;
}

Status corrupt(const std::string &what) { return Status::corrupt("safetensors file is broken: " + what); }

/// A non-negative integer, or nothing.
std::optional<uint64_t> asUnsigned(const Json &json) {
  if (json.is_number_unsigned())
    return json.get<uint64_t>();
  return std::nullopt;
}

Result<SafetensorsTensor> parseTensor(const std::string &name, const Json &json, std::span<const std::byte> data) {
  auto bad = [&](const std::string &what) { return corrupt("tensor '" + name + "' " + what); };
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets"))
    return bad("expects dtype, shape and data_offsets");
  SafetensorsTensor tensor;
  tensor.name = name;
  const Json &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
  if (!dtype.is_string() || !bitsOf(dtype.get_ref<const std::string &>()))
    return bad("has no known dtype");
  tensor.dtypeName = dtype.get<std::string>();
  tensor.dtype = parseSafetensorsName(tensor.dtypeName);
  if (!shape.is_array() || shape.size() > 64)
    return bad("has no acceptable shape");
  for (const Json &extent : shape) {
    std::optional<uint64_t> value = asUnsigned(extent);
    if (!value || *value >> 62)
      return bad("has no acceptable shape");
    tensor.shape.push_back(static_cast<int64_t>(*value));
  }
  std::optional<uint64_t> begin, end, elements = checkedElements(tensor.shape);
  if (offsets.is_array() && offsets.size() == 2) {
    begin = asUnsigned(offsets[0]);
    end = asUnsigned(offsets[1]);
  }
  if (!begin || !end || *begin > *end || *end > data.size())
    return bad("reaches beyond the file");
  uint64_t bits = 0;
  if (!elements || __builtin_mul_overflow(*elements, *bitsOf(tensor.dtypeName), &bits) || bits % 8 != 0 ||
      bits / 8 != *end - *begin)
    return bad("has a size that its dtype and shape do not give");
  tensor.offset = *begin;
  tensor.data = data.subspan(*begin, *end - *begin);
  return tensor;
}

} // namespace

Result<Safetensors> Safetensors::parse(std::span<const std::byte> file) {
  uint64_t headerSize = 0;
  if (file.size() < sizeof(headerSize))
    return corrupt("it has only " + std::to_string(file.size()) + " bytes");
  std::memcpy(&headerSize, file.data(), sizeof(headerSize));
  if (headerSize > kMaxHeaderSize || headerSize > file.size() - sizeof(headerSize))
    return corrupt("its header reaches beyond the file");
  std::string_view text(reinterpret_cast<const char *>(file.data()) + sizeof(headerSize), headerSize);
  Result<Json> json = parseJson(text, {kMaxHeaderSize, 8});
  if (!json)
    return corrupt(json.status().message());
  if (!json->is_object())
    return corrupt("its header is no object");
  uint64_t dataStart = sizeof(headerSize) + headerSize;
  Safetensors result;
  for (const auto &[name, value] : json->items()) {
    if (name == "__metadata__") {
      if (!value.is_object())
        return corrupt("__metadata__ is no object");
      for (const auto &[key, text] : value.items()) {
        if (!text.is_string())
          return corrupt("__metadata__ holds something else than text");
        result.meta.emplace(key, text.get<std::string>());
      }
      continue;
    }
    Result<SafetensorsTensor> tensor = parseTensor(name, value, file.subspan(dataStart));
    if (!tensor)
      return tensor.status();
    result.list.push_back(std::move(*tensor));
  }
  std::sort(result.list.begin(), result.list.end(), [](const SafetensorsTensor &a, const SafetensorsTensor &b) {
    return std::pair(a.offset, a.data.size()) < std::pair(b.offset, b.data.size());
  });
  uint64_t position = 0;
  for (size_t i = 0; i < result.list.size(); ++i) {
    SafetensorsTensor &tensor = result.list[i];
    if (tensor.offset != position)
      return corrupt("tensors overlap or leave a hole at '" + tensor.name + "'");
    position += tensor.data.size();
    tensor.offset += dataStart;
    result.byName.emplace(tensor.name, i);
  }
  if (position != file.size() - dataStart)
    return corrupt("it has bytes that belong to no tensor");
  return result;
}

const SafetensorsTensor *Safetensors::find(std::string_view name) const {
  auto it = byName.find(name);
  return it == byName.end() ? nullptr : &list[it->second];
}

} // namespace ingot::runtime
