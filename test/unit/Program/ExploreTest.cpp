// The explorer itself, on programs whose behaviour is obvious.

#include "runtime/program/testing/Explore.h"

#include "runtime/program/testing/Reference.h"
#include "test/unit/Program/Builder.h"

#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

using testing::checkByPairs;
using testing::explore;
using Rules = std::set<Rule>;

TEST(Explore, CountsStatesOfIndependentTasks) {
  Builder b; // each task is before, in flight or after: 3 * 3 states
  b.launch("a");
  b.launch("b");
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  EXPECT_EQ(explore(b.program).states, 9u);
  b.program.schedule.queues = {{{0, 0, 1}, {1, 0, 1}}};
  EXPECT_EQ(explore(b.program).states, 5u);
  EXPECT_FALSE(explore(b.program, 3).complete);
}

TEST(Explore, SeesOverlapInTimeAndNotOnlyOrder) {
  Builder b;
  uint32_t kv = b.buffer("kv", BufferKind::State, {2});
  b.launch("a").writes(b.all(kv));
  b.launch("b").reads(b.all(kv));
  b.queue({{0, 0, 1}}).queue({{1, 0, 1}});
  EXPECT_EQ(explore(b.program).broken, Rules{Rule::Race});
  EXPECT_EQ(checkByPairs(b.program), Rules{Rule::Race});
}

TEST(Explore, SeesEachRule) {
  struct Case {
    Rule rule;
    void (*change)(TwoLaunches &);
  };
  const Case cases[] = {
      {Rule::Deadlock,
       [](TwoLaunches &t) { std::swap(t.program.schedule.queues[0][0], t.program.schedule.queues[0][1]); }},
      {Rule::Race, [](TwoLaunches &t) { t.program.launches[1].waits.clear(); }},
      {Rule::UndefinedRead, [](TwoLaunches &t) { t.program.launches[0].mustWrite.clear(); }},
      {Rule::Signals, [](TwoLaunches &t) { t.program.events[0].signals = 1; }},
      {Rule::OutputWritten, [](TwoLaunches &t) { t.program.launches[1].mustWrite.clear(); }},
      {Rule::MustInMay, [](TwoLaunches &t) { t.program.launches[1].writes.clear(); }},
      {Rule::ReadOnly, [](TwoLaunches &t) { t.program.launches[0].writes.push_back(t.tile(t.weights, 4)); }},
      {Rule::Stream, [](TwoLaunches &t) { t.program.launches[1].reads[0].stream = true; }},
  };
  EXPECT_EQ(explore(TwoLaunches().program).broken, Rules{});
  EXPECT_EQ(checkByPairs(TwoLaunches().program), Rules{});
  for (const Case &broken : cases) {
    SCOPED_TRACE(toString(broken.rule));
    TwoLaunches two;
    broken.change(two);
    EXPECT_EQ(explore(two.program).broken.count(broken.rule), 1u);
    EXPECT_EQ(checkByPairs(two.program).count(broken.rule), 1u);
  }
}

} // namespace
} // namespace ingot::program::test
