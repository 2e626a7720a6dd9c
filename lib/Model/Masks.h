// What attention masks show and hide.
#pragma once

#include "ConstantFolding.h"
#include "Terms.h"

namespace ingot::model {

/// What a mask shows to each row: all keys, the keys up to the row's own (aligned at the bottom right: row c of C sees
/// the keys j <= S - C + c), or something else.
enum class Visibility { All, Causal, Other };

/// A mask over scores, whose shape is the index space.
struct Mask {
  Term term;
  /// Additive: 0 shows and -inf (or a large negative number) hides. Else booleans: elements equal to `shown` show.
  bool additive = true;
  bool shown = true;
  /// What a hidden score becomes, or is changed by, when the mask is boolean.
  double hiddenValue = 0;
  bool operator==(const Mask &other) const {
    return term == other.term && additive == other.additive && shown == other.shown && hiddenValue == other.hiddenValue;
  }
};

/// Numbers at or below this hide a score, if finite masks may: exp of anything smaller than -104 is 0 in float32, so
/// that is exact unless the visible scores of a row differ by thousands.
constexpr double kHidden = -1e4;

/// What `mask` shows, if it follows from constants and `known` values. `rows` and `keys` are dimensions of `space`.
Visibility classify(const Mask &mask, int64_t rows, int64_t keys, llvm::ArrayRef<int64_t> space,
                    const KnownValues &known, bool finiteMasks);

} // namespace ingot::model
