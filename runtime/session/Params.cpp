#include "runtime/session/Params.h"

#include "runtime/cpu/Cores.h"
#include "runtime/formats/Convert.h"
#include "runtime/formats/DTypes.h"
#include "runtime/formats/Layout.h"
#include "runtime/formats/Safetensors.h"

namespace ingot::runtime {

std::shared_ptr<const ParamSet> ParamSet::ofArtifact(const Artifact &artifact) {
  auto set = std::make_shared<ParamSet>();
  for (size_t i = 0; i < artifact.manifest().params.size(); ++i)
    set->data.push_back(artifact.paramBytes(i));
  return set;
}

Result<ParamSet::Memory> ParamSet::allocate(uint64_t bytes) {
  Memory memory;
  if (bytes <= availableMemory())
    memory.reset(static_cast<std::byte *>(::operator new[](bytes, std::align_val_t(64), std::nothrow)));
  if (!memory)
    return Status::outOfMemory("no memory for a parameter of " + std::to_string(bytes) + " bytes");
  return memory;
}

Result<std::shared_ptr<const ParamSet>> ParamSet::load(const Artifact &artifact, const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  auto set = std::make_shared<ParamSet>();
  set->file = std::move(*mapped);
  Result<Safetensors> tensors = Safetensors::parse(set->file.bytes());
  if (!tensors)
    return Status(tensors.status()).withContext("'" + path + "'");
  for (const ManifestParam &param : artifact.manifest().params) {
    if (param.constant) {
      set->data.push_back(artifact.paramBytes(set->data.size()));
      continue;
    }
    Result<StoredLayout> layout = StoredLayout::parse(param.layout, param.shape);
    if (!layout)
      return Status(layout.status()).withContext("parameter '" + param.name + "'");
    const SafetensorsTensor *tensor = tensors->find(param.name);
    if (!tensor)
      return Status::invalidArgument("'" + path + "' has no parameter '" + param.name + "'");
    if (!tensor->dtype || !isConvertible(*tensor->dtype, param.dtype) || tensor->shape != layout->logicalShape)
      return Status::invalidArgument("parameter '" + param.name + "' expects " +
                                     typeText(param.dtype, layout->logicalShape) + ", but '" + path + "' has " +
                                     tensor->dtypeName + " of another shape or dtype");
    std::span<const std::byte> bytes = tensor->data;
    Memory converted;
    if (tensor->dtype != param.dtype && !bytes.empty()) {
      uint64_t elements = bytes.size() / byteSize(*tensor->dtype);
      Result<Memory> memory = allocate(elements * byteSize(param.dtype));
      if (!memory)
        return memory.status();
      converted = std::move(*memory);
      convertElements(*tensor->dtype, bytes.data(), param.dtype, converted.get(), elements);
      bytes = {converted.get(), elements * byteSize(param.dtype)};
    }
    if (!bytes.empty() && (layout->panels || reinterpret_cast<uintptr_t>(bytes.data()) % 64 != 0)) {
      Result<Memory> copy = allocate(bytes.size());
      if (!copy)
        return copy.status();
      layout->store(bytes.data(), copy->get(), param.dtype);
      bytes = {copy->get(), bytes.size()};
      set->copies.push_back(std::move(*copy));
    } else if (converted) {
      set->copies.push_back(std::move(converted));
    }
    set->data.push_back(bytes);
  }
  return std::shared_ptr<const ParamSet>(set);
}

Status ParamSet::save(const Artifact &artifact, const std::string &path) const {
  std::vector<SafetensorsEntry> entries;
  std::vector<StoredLayout> layouts;
  std::vector<std::span<const std::byte>> weights;
  for (size_t i = 0; i < data.size(); ++i) {
    const ManifestParam &param = artifact.manifest().params[i];
    if (param.constant)
      continue;
    Result<StoredLayout> layout = StoredLayout::parse(param.layout, param.shape);
    if (!layout)
      return Status(layout.status()).withContext("parameter '" + param.name + "'");
    entries.push_back({param.name, param.dtype, layout->logicalShape});
    layouts.push_back(std::move(*layout));
    weights.push_back(data[i]);
  }
  Result<SafetensorsLayout> file = layoutSafetensors(entries);
  if (!file)
    return file.status();
  Result<AtomicFile> out = AtomicFile::create(path);
  if (!out)
    return out.status();
  INGOT_RETURN_IF_ERROR(out->writeAt(0, std::as_bytes(std::span(file->header.data(), file->header.size()))));
  for (size_t i = 0; i < weights.size(); ++i) {
    std::span<const std::byte> bytes = weights[i];
    Memory rowMajor;
    if (layouts[i].panels && !bytes.empty()) {
      Result<Memory> memory = allocate(bytes.size());
      if (!memory)
        return memory.status();
      rowMajor = std::move(*memory);
      layouts[i].load(bytes.data(), rowMajor.get(), entries[i].dtype);
      bytes = {rowMajor.get(), bytes.size()};
    }
    INGOT_RETURN_IF_ERROR(out->writeAt(file->offsets[i], bytes));
  }
  return out->commit();
}

Status ParamSet::copyTo(const Artifact &artifact, size_t index, program::DType dtype, std::byte *out) const {
  const ManifestParam &param = artifact.manifest().params[index];
  Result<StoredLayout> layout = StoredLayout::parse(param.layout, param.shape);
  if (!layout)
    return Status(layout.status()).withContext("parameter '" + param.name + "'");
  std::span<const std::byte> bytes = data[index];
  if (bytes.empty())
    return Status::success();
  if (param.dtype == dtype) {
    layout->load(bytes.data(), out, dtype);
    return Status::success();
  }
  Result<Memory> rowMajor = allocate(bytes.size());
  if (!rowMajor)
    return rowMajor.status();
  layout->load(bytes.data(), rowMajor->get(), param.dtype);
  convertElements(param.dtype, rowMajor->get(), dtype, out, bytes.size() / byteSize(param.dtype));
  return Status::success();
}

uint64_t ParamSet::totalBytes() const {
  uint64_t total = 0;
  for (std::span<const std::byte> bytes : data)
    total += bytes.size();
  return total;
}

} // namespace ingot::runtime
