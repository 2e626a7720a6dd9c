#include "Masks.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

enum class Shown { Yes, No, Unclear };

struct MaskElements {
  const Mask &mask;
  interpreter::Array array;
  bool finiteMasks;

  Shown at(ArrayRef<int64_t> index) const {
    SmallVector<int64_t> position;
    for (const DimAccess &access : mask.term.access)
      position.push_back(access.offset + (access.varies() ? access.stride * index[access.dim] : 0));
    interpreter::Cell cell = array.at(position);
    if (!mask.additive)
      return (cell.i != 0) == mask.shown ? Shown::Yes : Shown::No;
    if (cell.f == 0)
      return Shown::Yes;
    return cell.f == -INFINITY || (finiteMasks && cell.f <= kHidden) ? Shown::No : Shown::Unclear;
  }
};

} // namespace

Visibility model::classify(const Mask &mask, int64_t rows, int64_t keys, ArrayRef<int64_t> space,
                           const KnownValues &known, bool finiteMasks) {
  if (!mask.additive && !(mask.hiddenValue == -INFINITY || (finiteMasks && mask.hiddenValue <= kHidden)))
    return Visibility::Other;
  auto array = evaluate(mask.term.value, known);
  if (!array)
    return Visibility::Other;
  MaskElements elements{mask, *array, finiteMasks};
  // Every index along which the mask differs, and every row and key.
  SmallVector<int64_t> extents(space), index(space.size(), 0);
  for (auto [dim, extent] : llvm::enumerate(extents))
    if (static_cast<int64_t>(dim) != rows && static_cast<int64_t>(dim) != keys && !mask.term.variesAlong(dim))
      extent = 1;
  bool all = true, causal = true;
  while (all || causal) {
    Shown shown = elements.at(index);
    bool expected = index[keys] <= space[keys] - space[rows] + index[rows];
    all &= shown == Shown::Yes;
    causal &= shown == (expected ? Shown::Yes : Shown::No);
    int64_t dim = static_cast<int64_t>(space.size()) - 1;
    for (; dim >= 0 && ++index[dim] == extents[dim]; --dim)
      index[dim] = 0;
    if (dim < 0)
      break;
  }
  return all ? Visibility::All : causal ? Visibility::Causal : Visibility::Other;
}
