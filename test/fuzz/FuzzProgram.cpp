// Fuzz target for the reader of task programs: whatever the bytes are, it ends with a program or a message. Accepted
// bytes are written back unchanged, and an accepted program can be verified, scheduled and interleaved without harm.
#include "runtime/program/Interleave.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Serialize.h"
#include "runtime/program/Verify.h"

#include <cstdlib>

using namespace ingot::program;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto program = deserialize(data, size);
  if (!program.ok())
    return 0;
  if (serialize(*program) != std::vector<uint8_t>(data, data + size))
    abort();
  // What is large and valid takes its time.
  if (program->numTasks() > 1000 || program->schedule.workers() > 64)
    return 0;
  bool accepted = verify(*program).ok();
  // What the verifier accepts runs to its end in any order.
  if (accepted && !randomInterleaving(*program, size).ok())
    abort();
  program->schedule = schedule(*program, 3);
  (void)verify(*program);
  return 0;
}
