// How long the verifier, the scheduler, the choice of events and the file form take on programs like a large decoder's
// step. The bound on verification: 100,000 tasks on 132 queues in less than 2 s.

#include "runtime/program/Events.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Serialize.h"
#include "runtime/program/Verify.h"
#include "runtime/program/testing/Generate.h"

#include <benchmark/benchmark.h>

using namespace ingot::program;

namespace {

/// About 640 tasks per layer.
Program largeProgram(int64_t layers, bool perTileEvents) {
  testing::DecodeShape shape;
  shape.layers = layers;
  shape.hidden = 4096;
  shape.heads = 128;
  shape.sequence = 1024;
  shape.tiles = 128;
  shape.ffn = 8192;
  shape.vocabulary = 128 * 250;
  shape.perTileEvents = perTileEvents;
  return testing::decodeProgram(shape, 132);
}

void verifyProgram(benchmark::State &state) {
  Program program = largeProgram(state.range(0), state.range(1) != 0);
  for (auto _ : state)
    if (VerifyResult result = verify(program); !result.ok())
      state.SkipWithError(result.status().message().c_str());
  state.counters["tasks"] = double(program.numTasks());
  state.counters["tasks_per_second"] =
      benchmark::Counter(double(program.numTasks()), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(verifyProgram)
    ->ArgNames({"layers", "per_tile_events"})
    ->Args({2, 0})
    ->Args({16, 0})
    ->Args({156, 0})
    ->Args({156, 1})
    ->Unit(benchmark::kMillisecond);

void scheduleProgram(benchmark::State &state) {
  Program program = largeProgram(156, false);
  for (auto _ : state)
    benchmark::DoNotOptimize(schedule(program, uint32_t(state.range(0))));
}
BENCHMARK(scheduleProgram)->ArgName("workers")->Arg(2)->Arg(16)->Arg(132)->Unit(benchmark::kMillisecond);

void chooseEventsOf(benchmark::State &state) {
  for (auto _ : state) {
    Program program = largeProgram(state.range(0), false);
    benchmark::DoNotOptimize(chooseEvents(program, 132, {}));
  }
}
BENCHMARK(chooseEventsOf)->ArgName("layers")->Arg(2)->Arg(16)->Arg(156)->Unit(benchmark::kMillisecond);

void readProgram(benchmark::State &state) {
  std::vector<uint8_t> bytes = serialize(largeProgram(156, false));
  for (auto _ : state)
    if (auto program = deserialize(bytes.data(), bytes.size()); !program.ok())
      state.SkipWithError(program.status().message().c_str());
  state.SetBytesProcessed(int64_t(bytes.size()) * state.iterations());
}
BENCHMARK(readProgram)->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();
