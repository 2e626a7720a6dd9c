// numpy's .npz files: named arrays.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ingot::tool {

/// A dense row-major array.
struct Array {
  program::DType dtype = program::DType::f32;
  std::vector<int64_t> shape;
  std::string data; // bytes
};

/// Reads all arrays of a file, compressed or not. Fails on arrays that are not little-endian and row-major, and on
/// dtypes that Ingot does not know. Arrays of two-byte voids are taken for bfloat16, as ml_dtypes writes them.
runtime::Result<std::map<std::string, Array>> readNpz(const std::string &path);

/// Writes arrays in the given order, uncompressed. The file appears complete or not at all.
runtime::Status writeNpz(const std::string &path, const std::vector<std::pair<std::string, Array>> &arrays);

/// One array: the content of a .npy file.
runtime::Result<Array> parseNpy(const std::string &file);
std::string printNpy(const Array &array);

} // namespace ingot::tool
