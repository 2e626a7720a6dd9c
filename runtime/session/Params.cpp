#include "runtime/session/Params.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/Safetensors.h"

#include <cstring>

namespace ingot::runtime {

namespace {

Status refuseLayouts(const Artifact &artifact, const char *action) {
  for (const ManifestParam &param : artifact.manifest().params)
    if (!param.layout.empty())
      return Status::unsupported(std::string(action) + " parameters is not supported yet for layouts other than " +
                                 "row-major: '" + param.name + "' has " + param.layout);
  return Status::success();
}

} // namespace

std::shared_ptr<const ParamSet> ParamSet::ofArtifact(const Artifact &artifact) {
  auto set = std::make_shared<ParamSet>();
  for (size_t i = 0; i < artifact.manifest().params.size(); ++i)
    set->data.push_back(artifact.paramBytes(i));
  return set;
}

Result<std::shared_ptr<const ParamSet>> ParamSet::load(const Artifact &artifact, const std::string &path) {
  INGOT_RETURN_IF_ERROR(refuseLayouts(artifact, "loading"));
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  auto set = std::make_shared<ParamSet>();
  set->file = std::move(*mapped);
  Result<Safetensors> tensors = Safetensors::parse(set->file.bytes());
  if (!tensors)
    return Status(tensors.status()).withContext("'" + path + "'");
  for (const ManifestParam &param : artifact.manifest().params) {
    const SafetensorsTensor *tensor = tensors->find(param.name);
    if (!tensor)
      return Status::invalidArgument("'" + path + "' has no parameter '" + param.name + "'");
    if (tensor->dtype != param.dtype || tensor->shape != param.shape)
      return Status::invalidArgument("'" + path + "' has parameter '" + param.name +
                                     "' with another dtype or shape than the model");
    std::span<const std::byte> bytes = tensor->data;
    if (reinterpret_cast<uintptr_t>(bytes.data()) % 64 != 0 && !bytes.empty()) {
      auto *copy = static_cast<std::byte *>(::operator new[](bytes.size(), std::align_val_t(64), std::nothrow));
      if (!copy)
        return Status::outOfMemory("no memory for " + std::to_string(bytes.size()) + " bytes of '" + param.name + "'");
      set->copies.emplace_back(copy);
      std::memcpy(copy, bytes.data(), bytes.size());
      bytes = {copy, bytes.size()};
    }
    set->data.push_back(bytes);
  }
  return std::shared_ptr<const ParamSet>(set);
}

Status ParamSet::save(const Artifact &artifact, const std::string &path) const {
  INGOT_RETURN_IF_ERROR(refuseLayouts(artifact, "saving"));
  std::vector<SafetensorsEntry> entries;
  for (const ManifestParam &param : artifact.manifest().params)
    entries.push_back({param.name, param.dtype, param.shape});
  Result<SafetensorsLayout> layout = layoutSafetensors(entries);
  if (!layout)
    return layout.status();
  Result<AtomicFile> out = AtomicFile::create(path);
  if (!out)
    return out.status();
  INGOT_RETURN_IF_ERROR(out->writeAt(0, std::as_bytes(std::span(layout->header.data(), layout->header.size()))));
  for (size_t i = 0; i < data.size(); ++i)
    INGOT_RETURN_IF_ERROR(out->writeAt(layout->offsets[i], data[i]));
  return out->commit();
}

uint64_t ParamSet::totalBytes() const {
  uint64_t total = 0;
  for (std::span<const std::byte> bytes : data)
    total += bytes.size();
  return total;
}

} // namespace ingot::runtime
