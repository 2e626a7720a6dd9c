// An opened model.ingot: what the file holds, checked, and its entries made ready to run.
#pragma once

#include "runtime/cpu/CodeLibrary.h"
#include "runtime/formats/File.h"
#include "runtime/formats/Manifest.h"
#include "runtime/formats/Zip.h"
#include "runtime/program/Costs.h"
#include "runtime/program/Program.h"
#include "runtime/support/Status.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ingot::runtime {

/// An entry whose program is verified for a number of workers and whose bodies are loaded.
struct PreparedEntry {
  const ManifestEntry *manifest; // of the artifact
  std::shared_ptr<const program::Program> program;
  std::vector<program::BodyFunction> bodies; // by body of the program
  std::shared_ptr<const CodeLibrary> code;
  uint64_t privateBytes = 0; // per worker, a multiple of 64
};

struct PrepareOptions {
  std::string isa; // restricts the choice of code; empty: the best for this CPU
  uint32_t workers = 1;
  bool eager = false;
  std::optional<program::CostModel> costs; // schedules anew, with these; without: only for another number of workers
};

/// Immutable once open, and shared by sessions of several threads.
class Artifact {
public:
  /// Maps the file and checks its structure and bounds; nothing is loaded or hashed. Every message names the file.
  static Result<std::shared_ptr<Artifact>> open(const std::string &path);

  const Manifest &manifest() const { return parsed; }
  /// The JSON text of the manifest as it stands in the file, with a zero byte behind it.
  const std::string &manifestText() const { return text; }
  const ZipReader &archive() const { return zip; }
  /// Null if the model works on ids only.
  const Tokenizer *tokenizer() const { return words.get(); }
  /// Stored bytes of a parameter, by its index in the manifest.
  std::span<const std::byte> paramBytes(size_t index) const { return params[index]; }
  /// Why parameters that are kept beside the artifact are not there. Everything but running works without them, and
  /// running with parameters from elsewhere; `paramBytes` is empty then.
  const Status &paramsStatus() const { return missingParams; }
  /// Index of a parameter in the manifest, or -1.
  int64_t paramIndex(std::string_view name) const;

  /// Positions that the KV cache holds and sequences side by side; 0 if there is no such state.
  int64_t maxSeq() const { return positions; }
  int64_t slots() const { return sequences; }
  /// Bytes of KV cache for one position of one sequence.
  uint64_t kvBytesPerToken() const { return tokenBytes; }

  /// The task program of an entry as stored, for one of the isas it names. Structure is checked, order is not.
  Result<program::Program> readProgram(const ManifestEntry &entry, std::string_view isa) const;

  /// Loads and verifies an entry, once for equal options.
  Result<std::shared_ptr<const PreparedEntry>> prepare(const ManifestEntry &entry, const PrepareOptions &options);

private:
  Status load(const std::string &path);
  Status bindParams(const std::string &path);
  Status readTokenizer();
  Status measureKv();
  Status checkAgainstManifest(const ManifestEntry &entry, const program::Program &program) const;
  Result<std::shared_ptr<const CodeLibrary>> loadCode(const ManifestTarget &target);
  Result<std::shared_ptr<const PreparedEntry>> makePrepared(const ManifestEntry &entry, const PrepareOptions &options,
                                                            const ManifestTarget &target);

  MappedFile file, externalFile;
  ZipReader zip;
  std::string text;
  Manifest parsed;
  std::unique_ptr<Tokenizer> words;
  std::vector<std::span<const std::byte>> params;
  Status missingParams;
  std::map<std::string_view, size_t> paramIndices;
  int64_t positions = 0, sequences = 0;
  uint64_t tokenBytes = 0;

  std::mutex mutex;                                                // guards what follows
  std::map<std::string, std::shared_ptr<const CodeLibrary>> codes; // by isa
  std::map<std::tuple<std::string, std::string, uint32_t, bool>, std::shared_ptr<const PreparedEntry>> prepared;
};

} // namespace ingot::runtime
