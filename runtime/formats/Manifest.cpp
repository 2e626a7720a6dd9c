#include "runtime/formats/Manifest.h"

#include <algorithm>

namespace ingot::runtime {

namespace {

/// The first element whose `field` equals `value`, or null.
template <typename T> const T *findBy(const std::vector<T> &list, std::string T::*field, std::string_view value) {
  auto it = std::find_if(list.begin(), list.end(), [&](const T &item) { return item.*field == value; });
  return it == list.end() ? nullptr : &*it;
}

} // namespace

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

std::string Manifest::modelName() const {
  for (const auto &[key, value] : model)
    if (key == "name")
      return value;
  return {};
}

} // namespace ingot::runtime
