// Each proof obligation, kept and broken, with the message that a person gets.

#include "runtime/program/Verify.h"

#include "test/unit/Program/Builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

using ::testing::HasSubstr;

void expectAccepted(const Program &program) {
  VerifyResult result = verify(program);
  EXPECT_TRUE(result.ok()) << result.status().message();
  EXPECT_TRUE(result.status().ok());
}

void expectRefused(const Program &program, Rule rule, const std::string &message) {
  VerifyResult result = verify(program);
  ASSERT_FALSE(result.ok()) << "expected: " << message;
  EXPECT_EQ(toString(result.violations[0].rule), std::string(toString(rule)));
  EXPECT_THAT(result.violations[0].message, HasSubstr(message));
  EXPECT_EQ(result.status().code(), runtime::StatusCode::corrupt);
}

TEST(Verify, AcceptsTwoLaunches) { expectAccepted(TwoLaunches().program); }

TEST(Verify, AcceptsAnEmptyProgram) {
  Builder b;
  b.queue({});
  expectAccepted(b.program);
}

TEST(Verify, ReportsAtMostAsManyAsAsked) {
  Builder b;
  for (int i = 0; i < 30; ++i) {
    uint32_t w = b.buffer("w" + std::to_string(i), BufferKind::Param, {4});
    b.launch("l" + std::to_string(i)).writes(b.all(w));
  }
  b.queue({});
  for (uint32_t l = 0; l < 30; ++l)
    b.program.schedule.queues[0].push_back({l, 0, 1});
  EXPECT_EQ(verify(b.program).violations.size(), 16u);
  EXPECT_EQ(verify(b.program, {3}).violations.size(), 3u);
  EXPECT_THAT(verify(b.program).status().message(), HasSubstr("(and 15 more)"));
}

// --- read-only, streams, must-writes

TEST(Verify, ParamsAndInputsAreReadOnly) {
  for (BufferKind kind : {BufferKind::Param, BufferKind::Input}) {
    Builder b;
    uint32_t w = b.buffer("w", kind, {4});
    b.launch("l").mayWrite(b.all(w));
    b.queue({{0, 0, 1}});
    expectRefused(b.program, Rule::ReadOnly,
                  "launch @l writes @w: expects a state, output or scratch buffer, but got " +
                      std::string(kind == BufferKind::Param ? "a param" : "an input"));
  }
}

TEST(Verify, StreamsOnlyWhatNobodyWrites) {
  for (bool written : {false, true}) {
    Builder b;
    uint32_t kv = b.buffer("kv", BufferKind::State, {4});
    b.launch("read").streams(b.all(kv));
    if (written)
      b.launch("write").writes(b.part(kv, 0, 1));
    b.queue(written ? std::vector<TaskRange>{{0, 0, 1}, {1, 0, 1}} : std::vector<TaskRange>{{0, 0, 1}});
    if (written)
      expectRefused(b.program, Rule::Stream, "launch @read streams @kv: expects a buffer that no launch writes");
    else
      expectAccepted(b.program);
  }
}

TEST(Verify, StreamsNoScratch) {
  Builder b;
  uint32_t x = b.scratch("x", {4});
  b.launch("l").streams(b.all(x));
  b.queue({{0, 0, 1}});
  expectRefused(b.program, Rule::Stream, "expects a buffer that is defined when the step begins, but got scratch");
}

TEST(Verify, MustWritesLieInsideMayWrites) {
  TwoLaunches two;
  two.program.launches[0].writes = {two.part(two.x, 0, 3), two.part(two.x, 3, 6), two.part(two.x, 5, 8)};
  two.program.schedule.queues = {{{0, 0, 2}, {1, 0, 1}}, {}};
  expectAccepted(two.program); // three boxes together cover each tile
  two.program.launches[0].writes.erase(two.program.launches[0].writes.begin() + 1);
  expectRefused(two.program, Rule::MustInMay, "launch @first task 0 must-writes @x");
}

TEST(Verify, MayWritesOfAnotherBufferDoNotCount) {
  Builder b;
  uint32_t x = b.scratch("x", {4}, 0), y = b.scratch("y", {4}, 8);
  b.launch("l").mayWrite(b.all(y)).writes(b.all(x));
  b.program.launches[0].writes.pop_back();
  b.queue({{0, 0, 1}});
  expectRefused(b.program, Rule::MustInMay, "launch @l task 0 must-writes @x");
}

// --- signals and deadlock

TEST(Verify, CountersGetExactlyTheirSignals) {
  TwoLaunches fewer;
  fewer.program.events[fewer.done].signals = 1;
  expectRefused(fewer.program, Rule::Signals, "event @done expects 1 signals per step, but got 2");
  TwoLaunches more;
  more.program.events[more.done].signals = 3;
  expectRefused(more.program, Rule::Signals, "event @done expects 3 signals per step, but got 2");
  TwoLaunches unused;
  unused.event("tiles", 1, 4);
  unused.program.launches[0].signals.push_back({1, affine(0, 1)});
  expectRefused(unused.program, Rule::Signals, "event @tiles[2] expects 1 signals per step, but got 0");
}

TEST(Verify, AnEventWithoutSignalsReleasesAtOnce) {
  TwoLaunches two;
  uint32_t none = two.event("none", 0);
  two.program.launches[0].waits.push_back({none, {}});
  expectAccepted(two.program);
}

TEST(Verify, DeadlockNamesWhatIsStuckAndOnWhat) {
  TwoLaunches two;
  std::swap(two.program.schedule.queues[0][0], two.program.schedule.queues[0][1]);
  expectRefused(two.program, Rule::Deadlock,
                "deadlock: queue 0 is stuck at @second[0]: expects 2 signals of @done, but got 1");
}

TEST(Verify, ATaskCannotWaitForItself) {
  Builder b;
  uint32_t e = b.event("e", 1);
  b.launch("l").waits(e).signals(e);
  b.queue({{0, 0, 1}});
  expectRefused(b.program, Rule::Deadlock, "queue 0 is stuck at @l[0]");
}

TEST(Verify, CrossedWaitsDeadlock) {
  Builder b;
  uint32_t e = b.event("e", 1), f = b.event("f", 1);
  b.launch("a").waits(e).signals(f);
  b.launch("b").waits(f).signals(e);
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  VerifyResult result = verify(b.program);
  ASSERT_EQ(result.violations.size(), 2u);
  EXPECT_THAT(result.violations[1].message, HasSubstr("queue 1 is stuck at @b[0]: expects 1 signals of @f, but got 0"));
}

// --- races

TEST(Verify, AReadNeedsAnOrderAfterTheWrite) {
  TwoLaunches two;
  two.program.launches[1].waits.clear();
  expectRefused(two.program, Rule::Race,
                "race on @x[4]: expects the write by @first[1] (queue 1) and the read by @second[0] (queue 0) to be "
                "ordered, but got no event or queue that orders them");
  // The same queue orders as well as an event does.
  two.program.schedule.queues = {{{0, 0, 2}, {1, 0, 1}}};
  expectAccepted(two.program);
}

TEST(Verify, AWriteNeedsAnOrderAfterTheReads) {
  TwoLaunches two; // a third launch reuses x while @second may still read it
  uint32_t y = two.buffer("y", BufferKind::Output, {8});
  two.launch("third").writes(two.all(two.x)).writes(two.all(y)).waits(two.done);
  two.program.schedule.queues[1].push_back({2, 0, 1});
  expectRefused(two.program, Rule::Race, "race on @x[0]: expects the read by @second[0] (queue 0) and the write by");
  uint32_t read = two.event("read", 1);
  two.program.launches[1].signals.push_back({read, {}});
  two.program.launches[2].waits.push_back({read, {}});
  expectAccepted(two.program);
}

TEST(Verify, TwoWritesNeedAnOrder) {
  for (bool apart : {false, true}) {
    Builder b;
    uint32_t out = b.buffer("out", BufferKind::Output, {8});
    b.launch("a").writes(b.part(out, 0, apart ? 4 : 5));
    b.launch("b").writes(b.part(out, 4, 8));
    b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
    if (apart)
      expectAccepted(b.program);
    else
      expectRefused(b.program, Rule::Race,
                    "race on @out[4]: expects the write by @a[0] (queue 0) and the write by @b[0]");
  }
}

TEST(Verify, MayWritesConflictLikeWrites) {
  Builder b;
  uint32_t kv = b.buffer("kv", BufferKind::State, {8});
  b.launch("a").mayWrite(b.all(kv));
  b.launch("b").reads(b.part(kv, 7, 8));
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  expectRefused(b.program, Rule::Race, "race on @kv[7]");
}

TEST(Verify, TasksOfOneLaunchConflictToo) {
  Builder b;
  uint32_t out = b.buffer("out", BufferKind::Output, {8});
  b.launch("l", {2}).writes(b.all(out));
  b.queue({{0, 0, 1}}).queue({{0, 1, 2}});
  expectRefused(b.program, Rule::Race, "the write by @l[");
}

TEST(Verify, ATaskMayReadWhatItWrites) {
  Builder b;
  uint32_t kv = b.buffer("kv", BufferKind::State, {8});
  b.launch("l", {2}).reads(b.tile(kv, 4)).writes(b.tile(kv, 4));
  b.queue({{0, 0, 1}}).queue({{0, 1, 2}});
  expectAccepted(b.program);
  b.program.launches[0].reads[0] = b.all(kv);
  expectRefused(b.program, Rule::Race, "race on @kv");
}

TEST(Verify, OrderPassesThroughOtherTasksAndQueues) {
  Builder b; // a -> e -> relay (queue 1) -> relay2 (queue 1, in order) -> f -> c
  uint32_t x = b.scratch("x", {4}), out = b.buffer("out", BufferKind::Output, {4});
  uint32_t e = b.event("e", 1), f = b.event("f", 1);
  b.launch("a").writes(b.all(x)).signals(e);
  b.launch("relay").waits(e);
  b.launch("relay2").signals(f);
  b.launch("c").reads(b.all(x)).writes(b.all(out)).waits(f);
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}, {2, 0, 1}}).queue({{3, 0, 1}});
  expectAccepted(b.program);
  std::swap(b.program.schedule.queues[1][0], b.program.schedule.queues[1][1]);
  expectRefused(b.program, Rule::Race, "race on @x[0]");
}

TEST(Verify, PerTileEventsOrderTheirTileOnly) {
  Builder b;
  uint32_t x = b.scratch("x", {8}), out = b.buffer("out", BufferKind::Output, {8});
  uint32_t tiles = b.event("tiles", 2, 2);
  b.launch("produce", {4}).writes(b.tile(x, 2)).signals(tiles, affine(0, 1, 0, 0, 2)); // two tasks per counter
  b.launch("consume", {2}).reads(b.tile(x, 4)).writes(b.tile(out, 4)).waits(tiles, affine(0, 1));
  b.queue({{0, 0, 2}}).queue({{0, 2, 4}}).queue({{1, 0, 2}});
  expectAccepted(b.program);
  b.program.launches[1].reads[0] = b.all(x);
  expectRefused(b.program, Rule::Race, "and the read by @consume[0] (queue 2)");
}

TEST(Verify, BoxesInSeveralDimensionsAreComparedExactly) {
  Builder b;
  uint32_t kv = b.buffer("kv", BufferKind::State, {4, 2, 8});
  Access page = b.all(kv);
  page.offset[0] = affine(0, 1);
  page.size[0] = 1;
  b.launch("append", {4}).reads(page).mayWrite(page);
  b.queue({{0, 0, 1}, {0, 3, 4}}).queue({{0, 1, 3}});
  expectAccepted(b.program);
  b.program.launches[0].reads[0].offset[0] = affine(0, 2, 0, 0, 3); // floor(2 i / 3): pages 0, 0, 1, 2
  expectRefused(b.program, Rule::Race, "race on @kv[");
}

// --- data

TEST(Verify, ReadsNeedAnEarlierMustWrite) {
  TwoLaunches two;
  two.program.launches[0].mustWrite[0].size[0] = 3;
  expectRefused(two.program, Rule::UndefinedRead,
                "@second[0] (queue 0) reads @x[3]: expects a task before it that "
                "certainly writes it, but got the last write from @first[0]");
  Builder b;
  uint32_t x = b.scratch("x", {2, 4}), out = b.buffer("out", BufferKind::Output, {4});
  b.launch("l").reads(b.part(x, 2, 4)).writes(b.all(out));
  b.queue({{0, 0, 1}});
  expectRefused(b.program, Rule::UndefinedRead,
                "reads @x[0, 2]: expects a task before it that certainly writes it, but "
                "got none");
}

TEST(Verify, StatesParamsAndInputsHoldDataFromTheStart) {
  Builder b;
  for (BufferKind kind : {BufferKind::State, BufferKind::Param, BufferKind::Input}) {
    uint32_t buffer = b.buffer(toString(kind), kind, {4});
    b.launch(std::string("read.") + toString(kind)).reads(b.all(buffer));
  }
  uint32_t kv = b.buffer("kv", BufferKind::State, {4});
  b.launch("append").mayWrite(b.all(kv)); // leaves what it does not write
  b.launch("attend").reads(b.all(kv));
  b.queue({{0, 0, 1}, {1, 0, 1}, {2, 0, 1}, {3, 0, 1}, {4, 0, 1}});
  expectAccepted(b.program);
}

TEST(Verify, OutputsAreNotDefinedAtTheStart) {
  Builder b;
  uint32_t out = b.buffer("out", BufferKind::Output, {4});
  b.launch("l").reads(b.all(out)).writes(b.all(out));
  b.queue({{0, 0, 1}});
  expectRefused(b.program, Rule::UndefinedRead, "reads @out[0]");
}

TEST(Verify, OutputsAreWrittenWhole) {
  TwoLaunches two;
  two.program.launches[1].mustWrite[0].size[0] = 3;
  expectRefused(two.program, Rule::OutputWritten,
                "output @out[3] expects a task that certainly writes it, but got none");
  Builder b;
  b.buffer("out", BufferKind::Output, {2, 2});
  b.queue({});
  expectRefused(b.program, Rule::OutputWritten, "output @out[0, 0]");
}

TEST(Verify, OutputsMayBeReadOnceWritten) {
  Builder b;
  uint32_t out = b.buffer("out", BufferKind::Output, {4}), last = b.buffer("last", BufferKind::Output, {});
  b.launch("l").writes(b.all(out));
  b.launch("m").reads(b.all(out)).writes(b.all(last));
  b.queue({{0, 0, 1}, {1, 0, 1}});
  expectAccepted(b.program);
}

// --- scratch that shares bytes

/// x (bytes 0-7) is written and read, then y (bytes 4-11) is; y's writer waits for x's reader when `ordered`.
struct SharedBytes : Builder {
  uint32_t x, y, out, xRead;
  explicit SharedBytes(bool ordered, uint64_t offsetOfY = 4) {
    x = scratch("x", {8}, 0);
    y = scratch("y", {4, 2}, offsetOfY);
    out = buffer("out", BufferKind::Output, {2});
    xRead = event("xRead", 1);
    launch("writeX").writes(all(x));
    launch("readX").reads(all(x)).writes(part(out, 0, 1)).signals(xRead);
    auto writeY = launch("writeY").writes(all(y));
    if (ordered)
      writeY.waits(xRead);
    launch("readY").reads(all(y)).writes(part(out, 1, 2));
    queue({{0, 0, 1}, {1, 0, 1}}).queue({{2, 0, 1}, {3, 0, 1}});
  }
};

TEST(Verify, BytesAreReusedAfterTheLastUse) {
  expectAccepted(SharedBytes(true).program);
  expectAccepted(SharedBytes(false, 8).program); // other bytes need no order
  expectRefused(SharedBytes(false).program, Rule::Race, "race on @");
}

TEST(Verify, ARaceOnSharedBytesNamesTheByte) {
  VerifyResult result = verify(SharedBytes(false).program);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.violations[0].message, HasSubstr("(arena byte 4)"));
}

TEST(Verify, AReadSeesDataOfItsOwnBuffer) {
  Builder b;
  uint32_t x = b.scratch("x", {4}, 0), y = b.scratch("y", {4}, 2), out = b.buffer("out", BufferKind::Output, {4});
  b.launch("writeX").writes(b.all(x));
  b.launch("writeY").mayWrite(b.all(y));
  b.launch("readX").reads(b.part(x, 0, 2)).writes(b.all(out));
  b.queue({{0, 0, 1}, {1, 0, 1}, {2, 0, 1}});
  expectAccepted(b.program); // the half that y does not touch
  b.program.launches[2].reads[0] = b.all(x);
  expectRefused(b.program, Rule::UndefinedRead,
                "@readX[0] (queue 0) reads @x (arena byte 2): expects a task before it "
                "that certainly writes it, but got the last write from @writeY[0]");
}

TEST(Verify, InPlaceTasksBetweenAliasedBuffers) {
  for (bool sameTile : {true, false}) {
    Builder b; // y = f(x), tile by tile in the same bytes; @both[i] needs only @fill[i]
    uint32_t x = b.scratch("x", {2, 4}), y = b.scratch("y", {2, 4}), out = b.buffer("out", BufferKind::Output, {2, 4});
    uint32_t tiles = b.event("tiles", 1, 2);
    b.launch("fill", {2}).writes(b.tile(x, 2)).signals(tiles, affine(0, 1));
    b.launch("both", {2}).reads(sameTile ? b.tile(x, 2) : b.all(x)).writes(b.tile(y, 2)).waits(tiles, affine(0, 1));
    b.launch("copy", {2}).reads(b.tile(y, 2)).writes(b.tile(out, 2));
    b.queue({{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}).queue({{0, 1, 2}, {1, 1, 2}, {2, 1, 2}});
    if (sameTile)
      expectAccepted(b.program);
    else
      expectRefused(b.program, Rule::Race, "race on @");
  }
}

TEST(Verify, DifferentElementSizesShareBytes) {
  Builder b; // f32 y[1] is bytes 4-7, i8 x[4..7] as well
  uint32_t x = b.scratch("x", {8}, 0), y = b.buffer("y", BufferKind::Scratch, {2}, 0, DType::f32);
  b.launch("writeX").writes(b.part(x, 0, 4));
  b.launch("writeY").writes(b.part(y, 1, 2));
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  expectAccepted(b.program);
  b.program.launches[0].writes[0].size[0] = b.program.launches[0].mustWrite[0].size[0] = 5;
  expectRefused(b.program, Rule::Race, "(arena byte 4)");
}

TEST(Verify, EqualShapesOfDifferentTypesShareBytesNotElements) {
  Builder b; // the upper half of i8 x is f16 y[2..3]
  uint32_t x = b.scratch("x", {8}, 0), y = b.buffer("y", BufferKind::Scratch, {8}, 0, DType::f16);
  b.launch("writeX").writes(b.part(x, 4, 8));
  b.launch("writeY").writes(b.part(y, 2, 4));
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  expectRefused(b.program, Rule::Race, "(arena byte 4)");
  b.program.launches[1].writes[0] = b.program.launches[1].mustWrite[0] = b.part(y, 4, 8);
  expectAccepted(b.program);
}

} // namespace
} // namespace ingot::program::test
