#include "runtime/program/Events.h"

#include "runtime/program/Dependences.h"
#include "runtime/program/Interleave.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Structure.h"
#include "runtime/program/Verify.h"
#include "runtime/program/testing/Generate.h"
#include "runtime/program/testing/Random.h"
#include "runtime/program/testing/Reference.h"
#include "test/unit/Program/Builder.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace ingot::program::test {
namespace {

/// A buffer `x` between two launches: @first writes boxes of it, @second reads boxes.
struct Between : Builder {
  Between(std::vector<int64_t> shape, std::vector<int64_t> firstGrid, Access written, std::vector<int64_t> secondGrid,
          Access read) {
    buffer("x", BufferKind::Output, std::move(shape));
    launch("first", std::move(firstGrid)).writes(written);
    launch("second", std::move(secondGrid)).reads(read);
  }
  std::vector<Partition> found() const { return partitions(program, program.launches[0], program.launches[1]); }
};

Access box(std::vector<Affine> offset, std::vector<int64_t> size) { return {0, std::move(offset), std::move(size)}; }

/// "4x2 (1,0,0)/2 <- (1,0,0)/1": four counters with two signals each, what is signalled, what is awaited.
std::string text(const Partition &part) {
  auto affine = [](const Affine &a) {
    return "(" + std::to_string(a.constant) + ";" + std::to_string(a.coefficients[0]) + "," +
           std::to_string(a.coefficients[1]) + "," + std::to_string(a.coefficients[2]) + ")/" +
           std::to_string(a.divisor);
  };
  std::string result =
      std::to_string(part.count) + "x" + std::to_string(part.signals) + " " + affine(part.signal) + " <-";
  for (const Affine &wait : part.waits)
    result += " " + affine(wait);
  return result + (part.complete ? "" : " partly");
}

std::string finest(const Between &between) {
  std::vector<Partition> found = between.found();
  return found.empty() ? "whole" : text(found.front());
}

TEST(Dependences, OneToOne) {
  EXPECT_EQ(finest({{32}, {8}, box({affine(0, 4)}, {4}), {8}, box({affine(0, 4)}, {4})}),
            "8x1 (0;1,0,0)/1 <- (0;1,0,0)/1");
  EXPECT_EQ(finest({{40}, {8}, box({affine(0, 4)}, {4}), {7}, box({affine(4, 4)}, {4})}),
            "8x1 (0;1,0,0)/1 <- (1;1,0,0)/1 partly");
}

TEST(Dependences, CoarserOnEitherSide) {
  // Rows of two tasks each, and heads that four tasks share.
  EXPECT_EQ(finest({{32}, {8}, box({affine(0, 4)}, {4}), {4}, box({affine(0, 8)}, {8})}),
            "4x2 (0;1,0,0)/2 <- (0;1,0,0)/1");
  EXPECT_EQ(
      finest({{4, 8}, {4}, box({affine(0, 1), affine(0)}, {1, 8}), {16}, box({affine(0, 1, 0, 0, 4), {}}, {1, 8})}),
      "4x1 (0;1,0,0)/1 <- (0;1,0,0)/4");
  EXPECT_EQ(finest({{2, 4, 8},
                    {2, 4},
                    box({affine(0, 1), affine(0, 0, 1), {}}, {1, 1, 8}),
                    {2, 8},
                    box({affine(0, 1), affine(0, 0, 1, 0, 2), {}}, {1, 1, 8})}),
            "8x1 (0;4,1,0)/1 <- (0;8,1,0)/2");
}

TEST(Dependences, RowsAndColumns) {
  Access tile = box({affine(0, 4), affine(0, 0, 4)}, {4, 4});
  EXPECT_EQ(finest({{12, 20}, {3, 5}, tile, {3}, box({affine(0, 4), {}}, {4, 20})}), "3x5 (0;1,0,0)/1 <- (0;1,0,0)/1");
  EXPECT_EQ(finest({{12, 20}, {3, 5}, tile, {5}, box({{}, affine(0, 4)}, {12, 4})}), "5x3 (0;0,1,0)/1 <- (0;1,0,0)/1");
}

TEST(Dependences, NeighboursNeedSeveralWaits) {
  EXPECT_EQ(finest({{9}, {9}, box({affine(0, 1)}, {1}), {8}, box({affine(0, 1)}, {2})}),
            "9x1 (0;1,0,0)/1 <- (0;1,0,0)/1 (1;1,0,0)/1");
}

TEST(Dependences, WholeWhereNothingElseIsKnown) {
  Access tile = box({affine(0, 4)}, {4});
  EXPECT_EQ(finest({{32}, {8}, tile, {8}, box({{}}, {32})}), "whole") << "needs all";
  EXPECT_EQ(finest({{32}, {8}, tile, {8}, box({affine(28, -4)}, {4})}), "8x1 (0;1,0,0)/1 <- (7;-1,0,0)/1");
  EXPECT_EQ(finest({{36}, {8}, tile, {9}, tile}), "whole") << "the last task needs none";
  EXPECT_EQ(finest({{32}, {1}, box({{}}, {32}), {8}, tile}), "whole") << "one task";
  EXPECT_EQ(finest({{7000}, {7000}, box({affine(0, 1)}, {1}), {7000}, box({affine(0, 1)}, {1})}), "whole") << "size";
  Builder shared;
  uint32_t a = shared.scratch("a", {8}), b = shared.scratch("b", {8}, 4);
  shared.launch("first", {2}).reads(shared.tile(a, 4));
  shared.launch("second", {2}).writes(shared.tile(b, 4));
  EXPECT_TRUE(conflict(shared.program, shared.program.launches[0], shared.program.launches[1]));
  EXPECT_TRUE(partitions(shared.program, shared.program.launches[0], shared.program.launches[1]).empty());
}

TEST(Dependences, ReadsDoNotConflict) {
  Builder b;
  uint32_t x = b.buffer("x", BufferKind::Input, {8});
  b.launch("first", {2}).reads(b.tile(x, 4));
  b.launch("second", {2}).reads(b.tile(x, 4));
  EXPECT_FALSE(conflict(b.program, b.program.launches[0], b.program.launches[1]));
}

/// Two buffers between three launches of `tasks`, each of which needs its own part of the one before.
Builder pipeline(int64_t tasks, uint64_t flops) {
  Builder b;
  uint32_t in = b.buffer("in", BufferKind::Input, {4 * tasks}), x = b.scratch("x", {4 * tasks}),
           y = b.scratch("y", {4 * tasks}, uint64_t(4 * tasks)), out = b.buffer("out", BufferKind::Output, {4 * tasks});
  b.program.arenaBytes = 64 * 64;
  b.launch("a", {tasks}).reads(b.tile(in, 4)).writes(b.tile(x, 4)).launch.flops = flops;
  b.launch("b", {tasks}).reads(b.tile(x, 4)).writes(b.tile(y, 4)).launch.flops = flops;
  b.launch("c", {tasks}).reads(b.tile(y, 4)).writes(b.tile(out, 4)).launch.flops = flops;
  return b;
}

void expectVerified(Program program, uint32_t workers, const CostModel &costs) {
  program.schedule = schedule(program, workers, costs);
  EXPECT_TRUE(verify(program).ok()) << verify(program).status().message();
}

/// Six tasks on four workers: with one counter each launch takes two rounds, in parts three take five.
TEST(Events, PartsArePaidForByUnevenGrids) {
  Builder b = pipeline(6, 50'000'000); // 1 ms each
  EventChoice choice = chooseEvents(b.program, 4, {});
  EXPECT_EQ(choice.waits, 2u);
  EXPECT_EQ(choice.waitsForParts, 2u);
  EXPECT_NEAR(double(choice.whole), 6e9, 1e7);
  EXPECT_NEAR(double(choice.chosen), 5e9, 1e7);
  EXPECT_EQ(b.program.events[0].symbol, "a.parts");
  EXPECT_EQ(b.program.events[0].count, 6u);
  expectVerified(b.program, 4, {});
}

TEST(Events, OneCounterWhereCountersCostMoreThanTheyGain) {
  CostModel costs;
  costs.counterSeconds = 1e-3;
  Builder uneven = pipeline(6, 5'000'000);
  EventChoice choice = chooseEvents(uneven.program, 4, costs);
  EXPECT_EQ(choice.waitsForParts, 0u);
  EXPECT_EQ(choice.chosen, choice.whole);
  // Even grids of long tasks gain next to nothing, one worker nothing at all.
  Builder even = pipeline(8, 500'000'000);
  EXPECT_EQ(chooseEvents(even.program, 4, {}).waitsForParts, 0u);
  Builder alone = pipeline(6, 50'000'000);
  EXPECT_EQ(chooseEvents(alone.program, 1, {}).waitsForParts, 0u);
  EXPECT_EQ(alone.program.events[0].symbol, "a.done");
  expectVerified(alone.program, 3, {});
}

/// Tasks so short that the signal to another worker is most of their time: with counters of their own they need none.
TEST(Events, PartsSpareSignalsBetweenWorkers) {
  Builder b = pipeline(8, 50'000); // 1 us, as long as a signal takes
  EventChoice choice = chooseEvents(b.program, 2, {});
  EXPECT_EQ(choice.waitsForParts, 2u);
  EXPECT_LT(choice.chosen + 1'500'000, choice.whole);
}

/// Attention by sequence and head; the projection of a sequence needs all heads of that sequence.
TEST(Events, SequencesDoNotWaitForEachOther) {
  Builder b;
  uint32_t q = b.buffer("q", BufferKind::Input, {3, 4, 8}), x = b.scratch("x", {3, 4, 8}),
           y = b.buffer("y", BufferKind::Output, {3, 2, 8});
  b.program.arenaBytes = 128;
  Access head = {q, {affine(0, 1), affine(0, 0, 1), {}}, {1, 1, 8}}, sequence = {x, {affine(0, 1), {}, {}}, {1, 4, 8}},
         part = {y, {affine(0, 1), affine(0, 0, 1), {}}, {1, 1, 8}};
  Access headOfX = head;
  headOfX.buffer = x;
  b.launch("attention", {3, 4}).reads(head).writes(headOfX).launch.flops = 50'000'000;
  b.launch("wo", {3, 2}).reads(sequence).writes(part).launch.flops = 50'000'000;
  EventChoice choice = chooseEvents(b.program, 5, {});
  EXPECT_EQ(choice.waitsForParts, 1u);
  EXPECT_LT(choice.chosen, choice.whole);
  EXPECT_EQ(b.program.events[0].count, 3u);
  EXPECT_EQ(b.program.events[0].signals, 4u);
  expectVerified(b.program, 5, {});
}

/// @c overwrites what @a read. Behind parts of @b that wait for parts of @a this is implied; where @b leaves out a part
/// of @a, it is not.
TEST(Events, WaitsAreImpliedOnlyByCompleteParts) {
  for (bool complete : {true, false}) {
    Builder b;
    int64_t used = complete ? 4 : 2;
    uint32_t s = b.buffer("s", BufferKind::State, {16}), x = b.buffer("x", BufferKind::Output, {16}),
             y = b.buffer("y", BufferKind::Output, {4 * used});
    b.launch("a", {4}).reads(b.tile(s, 4)).writes(b.tile(x, 4));
    b.launch("b", {used}).reads(b.tile(x, 4)).writes(b.tile(y, 4));
    b.launch("c").reads(b.all(y)).writes(b.all(s));
    EventChoice choice = chooseEvents(b.program, 3, {}, Granularity::Parts);
    EXPECT_EQ(choice.waits, complete ? 2u : 3u);
    expectVerified(b.program, 3, {});
    expectVerified(b.program, 1, {});
  }
}

/// Whether tasks of the last launch conflict with each other.
bool racesWithItself(Program program) {
  program.launches = {program.launches.back()};
  program.schedule = schedule(program, 16);
  return testing::checkByPairs(program).count(Rule::Race) > 0;
}

/// A program without events whose launches run in order: rows, columns, halves and wholes of buffers that share bytes.
Program randomLaunches(uint64_t seed) {
  testing::Random random(seed);
  Builder b;
  std::vector<uint32_t> buffers;
  for (int i = 0; i < 4; ++i)
    buffers.push_back(b.scratch("s" + std::to_string(i), {4, 4}, uint64_t(16 * random.below(3))));
  for (int i = 0; i < 2; ++i)
    buffers.push_back(b.buffer("k" + std::to_string(i), BufferKind::State, {4, 4}));
  b.program.arenaBytes = 64;
  auto access = [&](const std::vector<int64_t> &grid, bool own) {
    Access result = {buffers[size_t(random.below(int64_t(buffers.size())))], {{}, {}}, {4, 4}};
    // A task writes alone: its row, column or cell.
    for (size_t d = 0; d < 2; ++d)
      for (size_t g = 0; g < grid.size(); ++g)
        if (grid[g] == 4 && (grid.size() == 2 ? g == d : random.chance(own && d == 1 ? 100 : 50)) &&
            result.size[0] * result.size[1] == (grid.size() == 2 && d == 1 ? 4 : 16)) {
          result.offset[d].coefficients[g] = 1;
          result.size[d] = 1;
        }
    return result;
  };
  for (int l = 0; l < 12; ++l) {
    std::vector<int64_t> grid = random.chance(30)   ? std::vector<int64_t>{4, 4}
                                : random.chance(80) ? std::vector<int64_t>{4}
                                                    : std::vector<int64_t>{1};
    auto launch = b.launch("l" + std::to_string(l), grid);
    launch.launch.flops = uint64_t(random.below(200'000));
    Access written = access(grid, true);
    for (int64_t reads = random.below(3); reads > 0; --reads)
      if (Access read = access(grid, false); read.buffer != written.buffer)
        launch.reads(read);
    launch.writes(written);
    if (racesWithItself(b.program))
      b.program.launches.pop_back();
  }
  return b.program;
}

TEST(Events, EveryChoiceOrdersWhatConflicts) {
  int parted = 0, programs = 0;
  for (uint64_t seed = 0; seed < 200 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Program original = randomLaunches(seed);
    ASSERT_TRUE(checkStructure(original).ok()) << checkStructure(original).message();
    for (Granularity granularity : {Granularity::Whole, Granularity::Parts, Granularity::Chosen})
      for (uint32_t workers : {1, 2, 5}) {
        Program program = original;
        EventChoice choice = chooseEvents(program, workers, {}, granularity);
        program.schedule = schedule(program, workers + 1);
        // What was not written before it is read is this generator's fault.
        for (const Violation &violation : verify(program).violations)
          EXPECT_EQ(toString(violation.rule), std::string("undefined-read")) << violation.message;
        for (Rule rule : testing::checkByPairs(program))
          EXPECT_EQ(toString(rule), std::string("undefined-read"));
        parted += choice.waitsForParts > 0;
        ++programs;
        EXPECT_TRUE(randomInterleaving(program, seed).ok());
        if (granularity == Granularity::Chosen) {
          EXPECT_LE(choice.chosen, choice.whole);
        }
      }
  }
  EXPECT_GT(parted, programs / 4);
}

TEST(Events, DecodersAreVerifiedWithAnyChoice) {
  testing::DecodeShape shape;
  shape.layers = 4;
  shape.hidden = 32;
  shape.heads = 4;
  for (Granularity granularity : {Granularity::Whole, Granularity::Parts, Granularity::Chosen})
    for (uint32_t workers : {1, 3, 8, 40}) {
      Program program = testing::decodeProgram(shape, 1);
      EventChoice choice = chooseEvents(program, workers, {}, granularity);
      if (granularity == Granularity::Parts)
        EXPECT_GE(choice.waitsForParts, 4u); // of attention for the heads of its layer
      else if (granularity == Granularity::Whole || workers == 1)
        EXPECT_EQ(choice.waitsForParts, 0u);
      expectVerified(program, workers, {});
      expectVerified(program, 5, {});
    }
}

/// Equal layers choose equally, and the same program twice the same.
TEST(Events, LayersAreAlike) {
  testing::DecodeShape shape;
  shape.layers = 6;
  Program a = testing::decodeProgram(shape, 1), b = a;
  chooseEvents(a, 3, {});
  chooseEvents(b, 3, {});
  ASSERT_EQ(a.events.size(), b.events.size());
  for (size_t e = 0; e < a.events.size(); ++e)
    EXPECT_EQ(a.events[e].symbol, b.events[e].symbol);
  std::map<std::string, std::set<size_t>> waits; // by the launch's name without its layer
  for (const Launch &launch : a.launches)
    if (launch.symbol.rfind("l0.", 0) != 0) // the first layer has nothing before it
      waits[launch.symbol.substr(launch.symbol.find('.') + 1)].insert(launch.waits.size());
  for (const auto &[name, counts] : waits)
    EXPECT_EQ(counts.size(), 1u) << name;
}

} // namespace
} // namespace ingot::program::test
