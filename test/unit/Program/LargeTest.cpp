// Programs of the size that a large model on a large device has.

#include "runtime/program/Verify.h"
#include "runtime/program/testing/Generate.h"
#include "runtime/program/testing/Random.h"

#include <ctime>
#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

testing::DecodeShape largeShape(bool perTile) {
  testing::DecodeShape shape;
  shape.layers = 156;
  shape.hidden = 4096;
  shape.heads = 128;
  shape.sequence = 1024;
  shape.tiles = 128;
  shape.ffn = 8192;
  shape.vocabulary = 128 * 250;
  shape.perTileEvents = perTile;
  return shape;
}

/// Of this process: what others on the machine do does not count.
double secondsToVerify(const Program &program, bool expected) {
  std::clock_t begin = std::clock();
  VerifyResult result = verify(program);
  std::clock_t end = std::clock();
  EXPECT_EQ(result.ok(), expected) << result.status().message();
  return double(end - begin) / CLOCKS_PER_SEC;
}

/// The bound is 2 s (see bench/verify_bench.cpp); the test allows a machine five times as slow.
TEST(Large, VerifiesAHundredThousandTasksInTime) {
  for (bool perTile : {false, true}) {
    Program program = testing::decodeProgram(largeShape(perTile), 132);
    EXPECT_GE(program.numTasks(), 100000);
    double seconds = secondsToVerify(program, true);
    EXPECT_LT(seconds, 10.0);
    RecordProperty(perTile ? "milliseconds_per_tile_events" : "milliseconds", int(seconds * 1000));
  }
}

/// Faults whose truth is known by construction: every launch but attention reads what several workers wrote, so it
/// needs its wait; and when each tile moves left by its own number, neighbours overlap and the last cells are left out.
TEST(Large, RefusesEachLostWaitAndShiftedTile) {
  const Program program = testing::decodeProgram(largeShape(false), 132);
  testing::Random random(3);
  for (int i = 0; i < 12; ++i) {
    bool shift = i % 2;
    Program mutant = program;
    auto fits = [&](size_t l) {
      const Launch &launch = mutant.launches[l];
      return l > 0 && (shift ? launch.grid[0] > 1 : launch.symbol.find("attention") == std::string::npos);
    };
    size_t l = 0;
    while (!fits(l))
      l = size_t(random.below(int64_t(mutant.launches.size())));
    Launch &launch = mutant.launches[l];
    SCOPED_TRACE(launch.symbol + (shift ? " shifted" : " without its wait"));
    if (shift)
      for (auto *list : {&launch.writes, &launch.mustWrite})
        list->back().offset.back().coefficients[0] -= 1;
    else
      launch.waits.clear();
    EXPECT_LT(secondsToVerify(mutant, false), 10.0);
  }
}

} // namespace
} // namespace ingot::program::test
