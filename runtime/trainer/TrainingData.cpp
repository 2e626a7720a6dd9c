#include "runtime/trainer/TrainingData.h"

#include <cstddef>

namespace ingot::runtime {

namespace {

Status vocabularyMismatch(const std::string &path, uint64_t position, int64_t token, uint64_t vocabulary) {
  return Status::invalidArgument("'" + path + "' has token " + std::to_string(token) + " at position " +
                                 std::to_string(position) + ", but the artifact's vocabulary has " +
                                 std::to_string(vocabulary) + " tokens");
}

} // namespace

Result<TrainingData> TrainingData::open(const std::string &path, DataFormat format, const Tokenizer *tokenizer,
                                        uint64_t vocabulary) {
  TrainingData data;
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  data.file = std::move(*mapped);
  INGOT_RETURN_IF_ERROR(format == DataFormat::Text ? data.readText(path, tokenizer, vocabulary)
                                                   : data.readUint16(path, vocabulary));
  return data;
}

Status TrainingData::readText(const std::string &path, const Tokenizer *tokenizer, uint64_t vocabulary) {
  std::span<const std::byte> bytes = file.bytes();
  if (tokenizer) {
    stored = Stored::Int32;
    ids = tokenizer->encode({reinterpret_cast<const char *>(bytes.data()), bytes.size()}, /*atStart=*/true);
    count = ids.size();
    file = {};
  } else {
    if (vocabulary < 256)
      return Status::invalidArgument("a text needs a tokenizer or a vocabulary of 256 bytes, but the artifact has no "
                                     "tokenizer and a vocabulary of " +
                                     std::to_string(vocabulary));
    count = bytes.size();
    return Status::success(); // every byte is in it
  }
  for (uint64_t i = 0; i < count; ++i)
    if (ids[i] < 0 || static_cast<uint64_t>(ids[i]) >= vocabulary)
      return vocabularyMismatch(path, i, ids[i], vocabulary);
  return Status::success();
}

Status TrainingData::readUint16(const std::string &path, uint64_t vocabulary) {
  stored = Stored::Uint16;
  if (file.bytes().size() % 2 != 0)
    return Status::corrupt("'" + path + "' has " + std::to_string(file.bytes().size()) +
                           " bytes, which are no whole number of uint16 tokens");
  count = file.bytes().size() / 2;
  for (uint64_t i = 0; i < count && vocabulary <= UINT16_MAX; ++i)
    if (int32_t token = (*this)[i]; static_cast<uint64_t>(token) >= vocabulary)
      return vocabularyMismatch(path, i, token, vocabulary);
  return Status::success();
}

int32_t TrainingData::operator[](uint64_t index) const {
  auto byte = [&](uint64_t i) { return std::to_integer<int32_t>(file.bytes()[i]); };
  switch (stored) {
  case Stored::Bytes:
    return byte(index);
  case Stored::Uint16:
    return byte(2 * index) | byte(2 * index + 1) << 8;
  case Stored::Int32:
    break;
  }
  return ids[index];
}

uint64_t TrainingData::checksum() const {
  uint64_t hash = 0xcbf29ce484222325;
  for (uint64_t i = 0; i < count; ++i)
    hash = (hash ^ static_cast<uint64_t>((*this)[i])) * 0x100000001b3;
  return hash;
}

} // namespace ingot::runtime
