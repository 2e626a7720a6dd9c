// Every structural rule: a program that keeps it is accepted, one that breaks it is refused with a message that says
// so.

#include "runtime/program/Structure.h"

#include "runtime/program/Verify.h"
#include "test/unit/Program/Builder.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace ingot::program::test {
namespace {

using ::testing::HasSubstr;
constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

struct Case {
  const char *name;
  std::function<void(Program &)> change;
  const char *message;
};

std::vector<Case> brokenPrograms() {
  return {
      {"NoName", [](Program &p) { p.name = ""; }, "program expects a name, but got an empty one"},
      {"ControlCharacter", [](Program &p) { p.launches[0].symbol = "a\nb"; }, "control character"},
      {"LongName", [](Program &p) { p.bodies[0].symbol = std::string(5000, 'a'); }, "at most 4096 bytes, but got 5000"},
      {"TwoBuffersOneSymbol", [](Program &p) { p.buffers[1].symbol = "out"; }, "@out occurs twice"},
      {"TwoLaunchesOneSymbol", [](Program &p) { p.launches[1].symbol = "first"; }, "@first occurs twice"},
      {"UnknownKind", [](Program &p) { p.buffers[1].kind = BufferKind(9); }, "buffer @x has an unknown kind 9"},
      {"UnknownDType", [](Program &p) { p.buffers[1].dtype = DType(8); }, "buffer @x has an unknown dtype 8"},
      {"NoModelName", [](Program &p) { p.buffers[0].name = ""; }, "buffer @weights expects a name"},
      {"NegativeExtent", [](Program &p) { p.buffers[1].shape = {-1}; }, "extents >= 0, but got -1"},
      {"HugeExtent", [](Program &p) { p.buffers[1].shape = {int64_t(1) << 60}; }, "at most 2^48 bytes"},
      {"OverflowingShape", [](Program &p) { p.buffers[0].shape = {kHuge, kHuge, kHuge}; }, "at most 2^48 bytes"},
      {"OverflowHiddenByZero", [](Program &p) { p.buffers[0].shape = {0, kHuge, kHuge}; }, "at most 2^48 bytes"},
      {"Rank", [](Program &p) { p.buffers[0].shape.assign(17, 1); }, "rank <= 16, but got 17"},
      {"OutsideArena", [](Program &p) { p.buffers[1].offset = 249; },
       "inside the arena of 256 bytes, but got offset 249"},
      {"OffsetOverflow", [](Program &p) { p.buffers[1].offset = ~uint64_t(0); }, "inside the arena"},
      {"Unaligned", [](Program &p) { p.buffers[1].dtype = DType::f32, p.buffers[1].offset = 2; },
       "multiple of its element"},
      {"HugeArena", [](Program &p) { p.arenaBytes = ~uint64_t(0); }, "arena of at most 2^48 bytes"},
      {"SameOutputTwice", [](Program &p) { p.buffers.push_back({"o2", BufferKind::Output, "out", DType::i8, {4}, 0}); },
       "buffer @o2 expects to be the only one bound to output \"out\""},
      {"NoCounter", [](Program &p) { p.events[0].count = 0; }, "event @done expects count >= 1"},
      {"TooManyCounters", [](Program &p) { p.events[0].count = 1u << 25; }, "at most 2^24 counters"},
      {"CountersWithoutSignals", [](Program &p) { p.events[0].count = 1u << 17; },
       "at most 2^16 counters more than signals, but got 131072 counters and 2 signals"},
      {"TooManySignals", [](Program &p) { p.events[0].signals = ~0u; }, "at most 2^30 signals"},
      {"HugePrivate", [](Program &p) { p.bodies[0].privateBytes = ~uint64_t(0); }, "at most 2^48 private bytes"},
      {"NoGrid", [](Program &p) { p.launches[0].grid = {}; },
       "launch @first expects a grid of rank 1 to 3, but got rank 0"},
      {"GridRank", [](Program &p) { p.launches[0].grid = {1, 1, 1, 1}; }, "but got rank 4"},
      {"GridExtent", [](Program &p) { p.launches[0].grid = {0}; }, "grid extents between 1 and 2^28, but got 0"},
      {"TooManyTasks", [](Program &p) { p.launches[0].grid = {1 << 20, 1 << 20}; }, "at most 2^28 tasks"},
      {"Body", [](Program &p) { p.launches[0].body = 1; }, "expects one of 1 bodies, but got body 1"},
      {"ArgumentKind", [](Program &p) { p.launches[0].arguments[0].kind = Argument::Kind(2); }, "unknown kind 2"},
      {"ArgumentBuffer", [](Program &p) { p.launches[0].arguments[0].buffer = 3; },
       "one of 3 buffers, but got buffer 3"},
      {"LeadingRank", [](Program &p) { p.launches[0].arguments[0].leading = {0, 0}; }, "at most 1 leading indices"},
      {"LeadingRange", [](Program &p) { p.launches[0].arguments[0].leading = {8}; }, "in [0, 8), but got 8"},
      {"WaitEvent", [](Program &p) { p.launches[1].waits[0].event = 1; },
       "waits expects one of 1 events, but got event 1"},
      {"WaitIndex", [](Program &p) { p.launches[1].waits[0].index.constant = 1; }, "indices in [0, 1), but got 1 to 1"},
      {"SignalIndexOfSomeTask", [](Program &p) { p.launches[0].signals[0].index = affine(0, 1); }, "but got 0 to 1"},
      {"Divisor", [](Program &p) { p.launches[0].signals[0].index.divisor = 0; },
       "divisor between 1 and 2^60, but got 0"},
      {"HugeTerm", [](Program &p) { p.launches[0].signals[0].index = affine(0, kHuge, 0, 0, kHuge / 8); },
       "terms of at most 2^60"},
      {"MissingGridIndex", [](Program &p) { p.launches[0].signals[0].index = affine(0, 0, 1); }, "but got index 1"},
      {"AccessBuffer", [](Program &p) { p.launches[0].reads[0].buffer = 7; }, "reads expects one of 3 buffers"},
      {"AccessRank", [](Program &p) { p.launches[0].writes[0].size = {4, 1}; },
       "box of rank 1, but got 1 offsets and 2 sizes"},
      {"AccessBelow", [](Program &p) { p.launches[0].reads[0].offset[0].constant = -1; },
       "inside [0, 8), but got offsets -1 to 3"},
      {"AccessAboveInLastTask", [](Program &p) { p.launches[0].writes[0].offset[0] = affine(0, 5); },
       "offsets 0 to 5 and size 4"},
      {"AccessNegativeSize", [](Program &p) { p.launches[0].writes[0].size[0] = -1; }, "and size -1"},
      {"StreamWrite", [](Program &p) { p.launches[0].writes[0].stream = true; }, "expects not to be a stream"},
      {"AccessNotPassed", [](Program &p) { p.launches[0].arguments.pop_back(); },
       "expects a buffer that is an argument"},
      {"MustWriteOutsideArgument", [](Program &p) { p.launches[1].arguments[1].leading = {1}; },
       "leaves its leading indices"},
  };
}

TEST(Structure, AcceptsAWellFormedProgram) {
  TwoLaunches two;
  EXPECT_TRUE(checkStructure(two.program).ok()) << checkStructure(two.program).message();
  EXPECT_TRUE(checkSchedule(two.program).ok());
}

TEST(Structure, RefusesEachFault) {
  for (const Case &broken : brokenPrograms()) {
    SCOPED_TRACE(broken.name);
    TwoLaunches two;
    broken.change(two.program);
    runtime::Status status = checkStructure(two.program);
    EXPECT_EQ(status.code(), runtime::StatusCode::corrupt);
    EXPECT_THAT(status.message(), HasSubstr(broken.message));
    // The verifier asks the same first.
    VerifyResult result = verify(two.program);
    ASSERT_EQ(result.violations.size(), 1u);
    EXPECT_EQ(result.violations[0].rule, Rule::Structure);
  }
}

TEST(Structure, FloordivAndNegativeCoefficientsHaveTheirExtremesAtCorners) {
  EXPECT_EQ(boundsOf(affine(7, -1), {8}).min, 0);
  EXPECT_EQ(boundsOf(affine(7, -1), {8}).max, 7);
  EXPECT_EQ(boundsOf(affine(0, 2, -3, 0, 4), {5, 5}).min, -3);
  EXPECT_EQ(boundsOf(affine(0, 2, -3, 0, 4), {5, 5}).max, 2);
  TwoLaunches two;
  two.program.launches[0].writes[0].offset[0] = affine(4, -4);
  EXPECT_TRUE(checkStructure(two.program).ok());
}

TEST(Structure, ScalarsAndEmptyBuffersAreFine) {
  TwoLaunches two;
  uint32_t scalar = two.buffer("scalar", BufferKind::Input, {});
  uint32_t empty = two.buffer("empty", BufferKind::Input, {0, 4});
  two.launch("third").reads(two.all(scalar)).reads(two.all(empty));
  two.program.schedule.queues[1].push_back({2, 0, 1});
  EXPECT_TRUE(verify(two.program).ok()) << verify(two.program).status().message();
}

TEST(Structure, ScheduleHoldsEveryTaskOnce) {
  using Queues = std::vector<std::vector<TaskRange>>;
  const std::pair<Queues, const char *> cases[] = {
      {{}, "expects 1 to 4096 queues, but got 0"},
      {Queues(4097), "but got 4097"},
      {{{{0, 0, 2}}}, "@second[0] is in none"},
      {{{{0, 0, 1}, {1, 0, 1}}}, "@first[1] is in none"},
      {{{{0, 1, 2}, {1, 0, 1}}}, "@first[0] is in none"},
      {{{{0, 0, 2}, {1, 0, 1}}, {{0, 1, 2}}}, "@first[1] is in several"},
      {{{{0, 0, 2}, {1, 0, 1}, {2, 0, 1}}}, "queue 0 expects one of 2 launches, but got launch 2"},
      {{{{0, 0, 3}, {1, 0, 1}}}, "expects a range of the 2 tasks of @first, but got [0, 3)"},
      {{{{0, 0, 2}, {0, 1, 1}, {1, 0, 1}}}, "but got [1, 1)"},
      {{{{0, -1, 2}, {1, 0, 1}}}, "but got [-1, 2)"},
  };
  for (const auto &[queues, message] : cases) {
    TwoLaunches two;
    two.program.schedule.queues = queues;
    EXPECT_THAT(checkSchedule(two.program).message(), HasSubstr(message));
    EXPECT_FALSE(verify(two.program).ok());
  }
}

} // namespace
} // namespace ingot::program::test
