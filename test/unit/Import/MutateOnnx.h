// Damaged ONNX files: bytes changed blindly, or the message changed field by field so that it still parses.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace ingot::testing {

using Random = std::mt19937_64;

/// A number below `limit`, or 0.
inline size_t below(Random &random, size_t limit) { return limit ? random() % limit : 0; }

/// Flips, overwrites, removes, repeats or inserts a few bytes.
std::string mutateBytes(std::string bytes, Random &random);

/// Changes a few fields of the message: operators, operands, extents, attributes, data, order. Input that does not
/// parse comes back as it is.
std::string mutateMessage(const std::string &bytes, Random &random);

} // namespace ingot::testing
