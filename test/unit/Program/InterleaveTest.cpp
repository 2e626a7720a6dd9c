#include "runtime/program/Interleave.h"

#include "runtime/program/testing/Cells.h"
#include "runtime/program/testing/Generate.h"
#include "test/unit/Program/Builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace ingot::program::test {
namespace {

/// Whether `order` is what in-order queues and counters allow, judged by the spelt-out program.
void expectLegal(const Program &program, const std::vector<TaskRef> &order) {
  testing::ConcreteProgram concrete(program);
  std::map<std::pair<uint32_t, int64_t>, uint32_t> number;
  for (uint32_t t = 0; t < concrete.tasks.size(); ++t)
    number[{concrete.tasks[t].ref.launch, concrete.tasks[t].ref.index}] = t;
  std::map<uint32_t, std::pair<size_t, size_t>> place; // task -> queue, position
  for (size_t q = 0; q < concrete.queues.size(); ++q)
    for (size_t i = 0; i < concrete.queues[q].size(); ++i)
      place[concrete.queues[q][i]] = {q, i};
  std::vector<size_t> heads(concrete.queues.size(), 0);
  std::vector<uint32_t> counters(concrete.targets.size(), 0);
  ASSERT_EQ(order.size(), concrete.tasks.size());
  for (const TaskRef &ref : order) {
    uint32_t task = number.at({ref.launch, ref.index});
    ASSERT_EQ(heads[place[task].first]++, place[task].second);
    for (uint32_t counter : concrete.tasks[task].waits)
      ASSERT_GE(counters[counter], concrete.targets[counter]);
    for (uint32_t counter : concrete.tasks[task].signals)
      ++counters[counter];
  }
}

TEST(Interleave, OrdersAreLegal) {
  testing::DecodeShape shape;
  shape.perTileEvents = true;
  for (uint32_t workers : {1, 2, 3, 16}) {
    Program program = testing::decodeProgram(shape, workers);
    for (uint64_t seed = 0; seed < 40; ++seed) {
      auto order = randomInterleaving(program, seed);
      ASSERT_TRUE(order.ok()) << order.status().message();
      expectLegal(program, *order);
    }
  }
}

TEST(Interleave, SeedsRepeatAndDiffer) {
  Program program = testing::decodeProgram({}, 4);
  std::set<std::vector<std::pair<uint32_t, int64_t>>> distinct;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    auto first = randomInterleaving(program, seed), second = randomInterleaving(program, seed);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(*first, *second);
    std::vector<std::pair<uint32_t, int64_t>> order;
    for (TaskRef ref : *first)
      order.emplace_back(ref.launch, ref.index);
    distinct.insert(order);
  }
  EXPECT_GT(distinct.size(), 50u);
}

TEST(Interleave, EachKindOfRandomnessDelaysWorkers) {
  Builder b; // two queues of ten free tasks
  b.launch("a", {10});
  b.launch("b", {10});
  b.queue({{0, 0, 10}}).queue({{1, 0, 10}});
  for (uint64_t kind = 1; kind < 4; ++kind) {
    bool delayed = false;
    for (uint64_t seed = kind; seed < 200 && !delayed; seed += 4) {
      auto order = randomInterleaving(b.program, seed);
      ASSERT_TRUE(order.ok());
      delayed = true; // the first ten are all of one queue
      for (size_t i = 0; i < 10; ++i)
        delayed &= (*order)[i].launch == (*order)[0].launch;
    }
    EXPECT_TRUE(delayed) << kind;
  }
}

TEST(Interleave, ReachesEveryOrderOfATinyProgram) {
  Builder b;
  b.launch("a", {2});
  b.launch("b", {2});
  b.queue({{0, 0, 2}}).queue({{1, 0, 2}});
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 400; seed += 4) {
    std::string order;
    auto tasks = randomInterleaving(b.program, seed);
    ASSERT_TRUE(tasks.ok());
    for (TaskRef ref : *tasks)
      order += "ab"[ref.launch];
    seen.insert(order);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
}

TEST(Interleave, ReportsDeadlockAndBadPrograms) {
  TwoLaunches two;
  std::swap(two.program.schedule.queues[0][0], two.program.schedule.queues[0][1]);
  auto stuck = randomInterleaving(two.program, 1);
  ASSERT_FALSE(stuck.ok());
  EXPECT_THAT(stuck.status().message(), ::testing::HasSubstr("deadlock: queue 0 is stuck at @second[0]"));
  two.program.schedule.queues.clear();
  EXPECT_FALSE(randomInterleaving(two.program, 1).ok());
}

} // namespace
} // namespace ingot::program::test
