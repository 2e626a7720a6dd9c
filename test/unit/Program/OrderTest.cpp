// The verifier's parts: the order that clocks express, and which scratch buffers are judged together.

#include "runtime/program/Spaces.h"
#include "test/unit/Program/Builder.h"

#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

std::vector<uint32_t> legalOrder(const TaskGraph &graph) {
  StepRun run(graph);
  std::vector<uint32_t> order;
  while (!run.readyQueues().empty())
    order.push_back(run.advance(run.readyQueues().back()));
  EXPECT_TRUE(run.done());
  return order;
}

TEST(Order, ClocksExpressQueuesAndEvents) {
  Builder b; // queue 0: a0 a1 d; queue 1: b c; a -> c by event
  uint32_t e = b.event("e", 2);
  b.launch("a", {2}).signals(e);
  b.launch("b");
  b.launch("c").waits(e);
  b.launch("d");
  b.queue({{0, 0, 2}, {3, 0, 1}}).queue({{1, 0, 1}, {2, 0, 1}});
  TaskGraph graph(b.program);
  HappensBefore order(graph, legalOrder(graph));
  enum { a0, a1, tb, tc, td };
  const std::set<std::pair<uint32_t, uint32_t>> expected = {{a0, a1}, {a0, td}, {a1, td}, {tb, tc}, {a0, tc}, {a1, tc}};
  for (uint32_t x = 0; x < 5; ++x)
    for (uint32_t y = 0; y < 5; ++y)
      EXPECT_EQ(order.before(x, y), expected.count({x, y}) == 1) << graph.nameOf(x) << " " << graph.nameOf(y);
}

TEST(Order, StepRunTellsWhatIsReady) {
  TwoLaunches two;
  TaskGraph graph(two.program);
  StepRun run(graph);
  EXPECT_EQ(run.readyQueues(), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(graph.nameOf(run.advance(0)), "@first[0]");
  EXPECT_EQ(run.readyQueues(), (std::vector<uint32_t>{1})); // @second waits for two signals
  EXPECT_EQ(run.stuckQueues(4).size(), 1u);
  run.advance(1);
  EXPECT_TRUE(run.finished(1));
  EXPECT_EQ(run.signalsOf(0), 2u);
  EXPECT_EQ(run.readyQueues(), (std::vector<uint32_t>{0}));
  run.advance(0);
  EXPECT_TRUE(run.done());
}

/// Two scratch buffers over the same bytes, used by `first` and `second` on given queues.
std::vector<std::vector<uint32_t>> groups(std::vector<std::vector<TaskRange>> queues, bool event) {
  Builder b;
  uint32_t x = b.scratch("x", {8}, 0), y = b.scratch("y", {2}, 6);
  uint32_t e = b.event("e", 3);
  b.launch("first", {3}).writes(b.all(x)).signals(e);
  b.launch("second", {2}).writes(b.all(y));
  if (event)
    b.program.launches[1].waits.push_back({e, {}});
  b.program.schedule.queues = std::move(queues);
  TaskGraph graph(b.program);
  HappensBefore order(graph, legalOrder(graph));
  return groupSharedScratch(graph, order);
}

using Groups = std::vector<std::vector<uint32_t>>;

TEST(Order, LifetimesInOrderAreJudgedAlone) {
  EXPECT_EQ(groups({{{0, 0, 3}, {1, 0, 2}}}, false), (Groups{{0}, {1}})); // one queue
  EXPECT_EQ(groups({{{0, 0, 2}, {1, 0, 1}}, {{0, 2, 3}, {1, 1, 2}}}, true), (Groups{{0}, {1}}));
  EXPECT_EQ(groups({{{1, 0, 2}, {0, 0, 3}}}, false), (Groups{{0}, {1}})); // second first
}

TEST(Order, LifetimesThatOverlapAreJudgedTogether) {
  EXPECT_EQ(groups({{{0, 0, 2}, {1, 0, 1}}, {{0, 2, 3}, {1, 1, 2}}}, false), (Groups{{0, 1}}));
  // In one queue, but y is used between two uses of x, in whichever order the launches are numbered.
  EXPECT_EQ(groups({{{0, 0, 1}, {1, 0, 2}, {0, 1, 3}}}, false), (Groups{{0, 1}}));
  EXPECT_EQ(groups({{{0, 2, 3}, {1, 0, 2}, {0, 0, 2}}}, false), (Groups{{0, 1}}));
  EXPECT_EQ(groups({{{1, 1, 2}, {0, 0, 3}, {1, 0, 1}}}, false), (Groups{{0, 1}}));
}

} // namespace
} // namespace ingot::program::test
