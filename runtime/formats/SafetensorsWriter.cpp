#include "runtime/formats/DTypes.h"
#include "runtime/formats/Json.h"
#include "runtime/formats/Safetensors.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace ingot::runtime {

namespace {

constexpr uint64_t kAlignment = 64;

/// The largest power of two up to 64 that divides `bytes`.
uint64_t alignmentOf(uint64_t bytes) { return std::min(kAlignment, bytes == 0 ? kAlignment : bytes & -bytes); }

} // namespace

Result<SafetensorsLayout> layoutSafetensors(const std::vector<SafetensorsEntry> &entries,
                                            const std::vector<std::pair<std::string, std::string>> &metadata) {
  std::vector<uint64_t> sizes;
  std::set<std::string> names = {"__metadata__"};
  for (const SafetensorsEntry &entry : entries) {
    std::optional<uint64_t> bytes = checkedBytes(entry.dtype, entry.shape);
    if (!bytes)
      return Status::invalidArgument("tensor '" + entry.name + "' is too large");
    if (!names.insert(entry.name).second)
      return Status::invalidArgument("duplicate tensor '" + entry.name + "'");
    sizes.push_back(*bytes);
  }
  SafetensorsLayout layout;
  layout.order.resize(entries.size());
  std::iota(layout.order.begin(), layout.order.end(), size_t(0));
  std::sort(layout.order.begin(), layout.order.end(), [&](size_t a, size_t b) {
    uint64_t alignmentA = alignmentOf(sizes[a]), alignmentB = alignmentOf(sizes[b]);
    return alignmentA != alignmentB ? alignmentA > alignmentB : a < b;
  });

  OrderedJson json = OrderedJson::object();
  if (!metadata.empty())
    for (const auto &[key, value] : metadata)
      json["__metadata__"][key] = value;
  layout.offsets.resize(entries.size());
  uint64_t position = 0;
  for (size_t index : layout.order) {
    layout.offsets[index] = position;
    uint64_t end = position + sizes[index];
    if (end < position)
      return Status::invalidArgument("the tensors are too large together");
    // Through push_back: operator[] of an ordered object is a linear search.
    json.get_ref<OrderedJson::object_t &>().push_back({entries[index].name,
                                                       {{"dtype", safetensorsName(entries[index].dtype)},
                                                        {"shape", entries[index].shape},
                                                        {"data_offsets", {position, end}}}});
    position = end;
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const OrderedJson::exception &) {
    return Status::invalidArgument("a tensor name or metadata text is not UTF-8");
  }
  uint64_t padded = (8 + text.size() + kAlignment - 1) / kAlignment * kAlignment;
  text.resize(padded - 8, ' ');
  for (int i = 0; i < 8; ++i)
    layout.header.push_back(static_cast<char>(uint64_t(text.size()) >> (8 * i)));
  layout.header += text;
  for (uint64_t &offset : layout.offsets)
    offset += padded;
  layout.fileSize = padded + position;
  return layout;
}

} // namespace ingot::runtime
