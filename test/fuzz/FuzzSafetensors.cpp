// Fuzz target for safetensors: what is accepted covers the file's data exactly, and every byte can be read.
#include "runtime/formats/Safetensors.h"

#include <cstdlib>

using namespace ingot::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<Safetensors> file = Safetensors::parse(std::as_bytes(std::span(data, size)));
  if (!file)
    return 0;
  size_t covered = 0;
  unsigned sum = 0;
  for (const SafetensorsTensor &tensor : file->tensors()) {
    covered += tensor.data.size();
    for (std::byte byte : tensor.data)
      sum += static_cast<unsigned>(byte);
    if (file->find(tensor.name) != &tensor)
      abort();
  }
  static volatile unsigned sink;
  sink = sum;
  if (covered > size)
    abort();
  return 0;
}
