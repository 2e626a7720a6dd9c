// Segmentation by scores: SentencePiece's unigram model.
#pragma once

#include "runtime/tokenizer/Form.h"

#include <vector>

namespace ingot::runtime::tokenizer {

/// The tokens of `text` whose scores have the largest sum (the first found of equals), characters without a piece as
/// the unknown token. Time: length of the text times the longest piece.
struct Piece {
  uint32_t token, begin, end; // bytes of the text
};
std::vector<Piece> bestPieces(const Form &form, std::string_view text);

} // namespace ingot::runtime::tokenizer
