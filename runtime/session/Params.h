// Where the weights of a session are: in the artifact, or in a file that replaces them.
#pragma once

#include "runtime/formats/File.h"
#include "runtime/session/Artifact.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace ingot::runtime {

class ParamSet {
public:
  /// The artifact's own weights, used where they are mapped.
  static std::shared_ptr<const ParamSet> ofArtifact(const Artifact &artifact);

  /// Weights by name from a safetensors file, row-major, which holds all that the artifact has (others are ignored).
  /// Constants stay the artifact's.
  /// Used where they are mapped if they are stored row-major and 64-byte aligned, copied into their layout otherwise.
  static Result<std::shared_ptr<const ParamSet>> load(const Artifact &artifact, const std::string &path);

  /// Writes all weights, but no constants, as safetensors, row-major, under their names.
  Status save(const Artifact &artifact, const std::string &path) const;

  /// Copies a parameter row-major, in element type `dtype`, which its own is convertible to, to `out`.
  Status copyTo(const Artifact &artifact, size_t index, program::DType dtype, std::byte *out) const;

  /// As the programs expect them, by index in the manifest.
  std::span<const std::byte> bytes(size_t index) const { return data[index]; }
  uint64_t totalBytes() const;

private:
  struct Deleter {
    void operator()(std::byte *memory) const { ::operator delete[](memory, std::align_val_t(64)); }
  };
  using Memory = std::unique_ptr<std::byte[], Deleter>;
  static Result<Memory> allocate(uint64_t bytes);

  MappedFile file;
  std::vector<Memory> copies;
  std::vector<std::span<const std::byte>> data;
};

} // namespace ingot::runtime
