// write-test-artifact KIND FILE: one of the artifacts made by hand, for tests in other languages. Prints what a decoder
// must answer to the prompt "ab": 12 token ids.
#include "Synthetic.h"

#include <cstdio>
#include <cstring>

using namespace ingot::test;

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: write-test-artifact mlp|decoder|slow FILE\n");
    return 2;
  }
  bool decoder = !std::strcmp(argv[1], "decoder");
  Synthetic artifact = decoder ? makeDecoder() : !std::strcmp(argv[1], "mlp") ? makeMlp() : makeSlow(2000, 200000);
  writeArtifact(argv[2], artifact);
  if (decoder)
    for (int32_t token : decoderReference(artifact, {'a', 'b'}, 12))
      std::printf("%d\n", token);
  return 0;
}
