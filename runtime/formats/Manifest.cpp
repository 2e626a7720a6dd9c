#include "runtime/formats/Manifest.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>

namespace ingot::runtime {

namespace {

/// The first element whose `field` equals `value`, or null.
template <typename T> const T *findBy(const std::vector<T> &list, std::string T::*field, std::string_view value) {
  auto it = std::find_if(list.begin(), list.end(), [&](const T &item) { return item.*field == value; });
  return it == list.end() ? nullptr : &*it;
}

/// Sum of the sizes of tensors whose shapes have been checked.
template <typename T> uint64_t totalBytes(const std::vector<T> &tensors) {
  uint64_t total = 0;
  for (const T &tensor : tensors)
    total += checkedBytes(tensor.dtype, tensor.shape).value_or(0);
  return total;
}

} // namespace

ManifestMemory::Entry memoryOf(const ManifestEntry &entry, std::string_view isa, const program::Program &program) {
  ManifestMemory::Entry memory;
  memory.name = entry.name;
  memory.isa = isa;
  memory.arena = program.arenaBytes;
  memory.inputs = totalBytes(entry.inputs);
  memory.outputs = totalBytes(entry.outputs);
  for (const program::Body &body : program.bodies)
    memory.privatePerWorker = std::max(memory.privatePerWorker, (body.privateBytes + 63) / 64 * 64);
  return memory;
}

ManifestMemory planMemory(const Manifest &manifest, std::vector<ManifestMemory::Entry> entries) {
  ManifestMemory memory;
  memory.params = totalBytes(manifest.params);
  memory.state = totalBytes(manifest.state);
  memory.entries = std::move(entries);
  return memory;
}

bool isSamplingRole(std::string_view role) {
  return std::find(std::begin(kSamplingRoles), std::end(kSamplingRoles), role) != std::end(kSamplingRoles);
}

const ManifestTensor *ManifestEntry::inputOfRole(std::string_view role) const {
  return findBy(inputs, &ManifestTensor::role, role);
}
const ManifestTensor *ManifestEntry::outputOfRole(std::string_view role) const {
  return findBy(outputs, &ManifestTensor::role, role);
}
const ManifestEntry *Manifest::findEntry(std::string_view name) const {
  return findBy(entries, &ManifestEntry::name, name);
}
const ManifestParam *Manifest::findParam(std::string_view name) const {
  return findBy(params, &ManifestParam::name, name);
}
const ManifestState *Manifest::findState(std::string_view name) const {
  return findBy(state, &ManifestState::name, name);
}

program::CostModel Manifest::costs() const {
  return targetDescription ? targetDescription->costs : program::CostModel();
}

std::string Manifest::modelName() const {
  for (const auto &[key, value] : model)
    if (key == "name")
      return value;
  return {};
}

} // namespace ingot::runtime
