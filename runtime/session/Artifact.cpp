#include "runtime/session/Artifact.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>

namespace ingot::runtime {

using namespace program;

Result<std::shared_ptr<Artifact>> Artifact::open(const std::string &path) {
  auto artifact = std::make_shared<Artifact>();
  Status status = artifact->load(path);
  if (!status.ok())
    // Messages about files name them already.
    return status.code() == StatusCode::io ? status : std::move(status).withContext("'" + path + "'");
  return artifact;
}

Status Artifact::load(const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  file = std::move(*mapped);
  Result<ZipReader> reader = ZipReader::parse(file.bytes());
  if (!reader)
    return reader.status();
  zip = std::move(*reader);
  const ZipReader::Member *member = zip.find(kManifestMember);
  if (!member)
    return Status::corrupt("it is a zip file, but no artifact: it has no " + std::string(kManifestMember));
  text.assign(reinterpret_cast<const char *>(member->data.data()), member->data.size());
  Result<Manifest> manifest = parseManifest(text);
  if (!manifest)
    return manifest.status();
  parsed = std::move(*manifest);
  for (const ManifestEntry &entry : parsed.entries)
    for (const auto &[isa, name] : entry.program)
      if (!zip.find(name))
        return Status::corrupt("entry '" + entry.name + "' needs the missing member '" + name + "'");
  for (const ManifestTarget &target : parsed.targets)
    if (!zip.find(target.member))
      return Status::corrupt("target '" + target.isa + "' needs the missing member '" + target.member + "'");
  INGOT_RETURN_IF_ERROR(bindParams(path));
  INGOT_RETURN_IF_ERROR(measureKv());
  return readTokenizer();
}

Status Artifact::bindParams(const std::string &path) {
  if (!parsed.externalParams.empty()) {
    size_t slash = path.rfind('/');
    std::string beside = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + parsed.externalParams;
    Result<MappedFile> mapped = MappedFile::open(beside);
    if (mapped)
      externalFile = std::move(*mapped);
    else
      missingParams = mapped.status();
  }
  for (size_t i = 0; i < parsed.params.size(); ++i) {
    const ManifestParam &param = parsed.params[i];
    paramIndices.emplace(param.name, i);
    bool external = !parsed.externalParams.empty() && param.member == parsed.externalParams;
    if (external && !missingParams.ok()) {
      params.emplace_back();
      continue;
    }
    std::span<const std::byte> holder = externalFile.bytes();
    if (!external) {
      const ZipReader::Member *member = zip.find(param.member);
      if (!member)
        return Status::corrupt("parameter '" + param.name + "' needs the missing member '" + param.member + "'");
      holder = member->data;
    }
    uint64_t bytes = *checkedBytes(param.dtype, param.shape); // parseManifest has checked the shape
    if (param.offset > holder.size() || bytes > holder.size() - param.offset)
      return Status::corrupt("parameter '" + param.name + "' reaches beyond '" + param.member + "'");
    std::span<const std::byte> data = holder.subspan(param.offset, bytes);
    if (bytes > 0 && reinterpret_cast<uintptr_t>(data.data()) % byteSize(param.dtype) != 0)
      return Status::corrupt("parameter '" + param.name + "' is not aligned to its elements");
    params.push_back(data);
  }
  return Status::success();
}

int64_t Artifact::paramIndex(std::string_view name) const {
  auto it = paramIndices.find(name);
  return it == paramIndices.end() ? -1 : static_cast<int64_t>(it->second);
}

Status Artifact::measureKv() {
  for (const ManifestState &state : parsed.state) {
    if (state.role != kRoleKv)
      continue;
    int64_t maxSeq = state.shape[state.shape.size() - 2], slots = state.shape[state.shape.size() - 4];
    if (maxSeq < 1 || slots < 1 || (positions != 0 && (positions != maxSeq || sequences != slots)))
      return Status::corrupt("the KV caches differ in their extents or are empty");
    positions = maxSeq;
    sequences = slots;
    tokenBytes +=
        *checkedBytes(state.dtype, state.shape) / static_cast<uint64_t>(maxSeq) / static_cast<uint64_t>(slots);
  }
  return Status::success();
}

Status Artifact::readTokenizer() {
  if (!parsed.tokenizer)
    return Status::success();
  if (parsed.tokenizer->type == "bytes") {
    words = makeBytesTokenizer();
    return Status::success();
  }
  const ZipReader::Member *member = zip.find(parsed.tokenizer->member);
  if (!member)
    return Status::corrupt("the tokenizer needs the missing member '" + parsed.tokenizer->member + "'");
  Result<std::unique_ptr<Tokenizer>> tokenizer = openTokenizer(member->data);
  if (!tokenizer)
    return tokenizer.status();
  words = std::move(*tokenizer);
  if (words->encode("", /*atStart=*/true) != parsed.tokenizer->bos)
    return Status::corrupt("the manifest's 'bos' is not what the tokenizer puts in front");
  return Status::success();
}

} // namespace ingot::runtime
