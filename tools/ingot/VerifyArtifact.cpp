#include "Inspect.h"

#include "runtime/program/Verify.h"

#include <mbedtls/sha256.h>

namespace ingot::tool {

using namespace runtime;

namespace {

std::string sha256(std::span<const std::byte> bytes) {
  unsigned char digest[32];
  mbedtls_sha256_ret(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), digest, 0);
  std::string text;
  for (unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

} // namespace

Status verifyArtifact(const Artifact &artifact) {
  std::string problems;
  for (const ZipReader::Member &member : artifact.archive().members())
    if (!ZipReader::crcMatches(member))
      problems += "\n  member '" + member.name + "' does not match its checksum";
  const Manifest &manifest = artifact.manifest();
  INGOT_RETURN_IF_ERROR(artifact.paramsStatus());
  for (size_t i = 0; i < manifest.params.size(); ++i)
    if (sha256(artifact.paramBytes(i)) != manifest.params[i].sha256)
      problems += "\n  parameter '" + manifest.params[i].name + "' does not match its sha256";
  for (const ManifestEntry &entry : manifest.entries) {
    for (const auto &[isa, member] : entry.program) {
      Result<program::Program> program = artifact.readProgram(entry, isa);
      Status status = program ? program::verify(*program).status() : program.status();
      if (!status.ok())
        problems += "\n  program '" + member + "': " + status.message();
    }
  }
  if (problems.empty())
    return Status::success();
  return Status::corrupt("the artifact is damaged:" + problems);
}

} // namespace ingot::tool
