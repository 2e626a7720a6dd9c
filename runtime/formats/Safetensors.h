// The safetensors format: an 8-byte header length, a JSON header, tensor data without holes.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::runtime {

struct SafetensorsTensor {
  std::string name;
  std::string dtypeName;               // as in the file: "F32"
  std::optional<program::DType> dtype; // none for types that Ingot does not compute with
  std::vector<int64_t> shape;
  uint64_t offset; // bytes from the start of the file
  std::span<const std::byte> data;
};

/// A parsed file. `parse` checks the header, that every tensor has the size its dtype and shape say, and that tensors
/// cover the data without overlap or hole.
class Safetensors {
public:
  /// `file` must outlive the result.
  static Result<Safetensors> parse(std::span<const std::byte> file);

  /// In the order of their data.
  const std::vector<SafetensorsTensor> &tensors() const { return list; }
  /// Null if there is none.
  const SafetensorsTensor *find(std::string_view name) const;
  const std::map<std::string, std::string> &metadata() const { return meta; }

private:
  std::vector<SafetensorsTensor> list; // sorted by name while parsing
  std::map<std::string, size_t, std::less<>> byName;
  std::map<std::string, std::string> meta;
};

struct SafetensorsEntry {
  std::string name;
  program::DType dtype = program::DType::f32;
  std::vector<int64_t> shape;
};

/// The header of a file to be written and where each tensor's data go. Data start at a multiple of 64 bytes. The format
/// allows no holes, so tensors are ordered by how well aligned their size is (and as given among equals): each tensor
/// starts at a multiple of min(64, the largest power of two that divides its size), which is never less than its
/// element.
struct SafetensorsLayout {
  std::string header;            // with its length in front
  std::vector<uint64_t> offsets; // bytes from the start of the file, parallel to the entries given
  std::vector<size_t> order;     // indices of the entries in the order of their data
  uint64_t fileSize = 0;
};

/// Fails (invalidArgument) on a repeated name or a shape whose size overflows.
Result<SafetensorsLayout> layoutSafetensors(const std::vector<SafetensorsEntry> &entries,
                                            const std::vector<std::pair<std::string, std::string>> &metadata = {});

} // namespace ingot::runtime
