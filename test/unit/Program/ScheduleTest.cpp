#include "runtime/program/Schedule.h"

#include "runtime/program/Structure.h"
#include "runtime/program/TaskGraph.h"
#include "runtime/program/Verify.h"
#include "runtime/program/testing/Generate.h"
#include "test/unit/Program/Builder.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ingot::program::test {
namespace {

int64_t tasksIn(const std::vector<TaskRange> &queue) {
  int64_t tasks = 0;
  for (const TaskRange &range : queue)
    tasks += range.end - range.begin;
  return tasks;
}

/// `layers` launches of `grid` equal tasks, each waiting for all of the one before.
Builder chain(int layers, int64_t grid, uint64_t flops) {
  Builder b;
  for (int l = 0; l < layers; ++l) {
    uint32_t done = b.event("e" + std::to_string(l), uint32_t(grid));
    auto launch = b.launch("l" + std::to_string(l), {grid});
    launch.launch.flops = flops;
    launch.signals(done);
    if (l > 0)
      launch.waits(done - 1);
  }
  return b;
}

TEST(Schedule, AnyNumberOfWorkersIsVerified) {
  for (bool perTile : {false, true}) {
    testing::DecodeShape shape;
    shape.perTileEvents = perTile;
    Program program = testing::decodeProgram(shape, 1);
    for (uint32_t workers : {1, 2, 3, 4, 5, 7, 16, 64, 1000}) {
      program.schedule = schedule(program, workers);
      EXPECT_EQ(program.schedule.workers(), workers);
      EXPECT_TRUE(checkSchedule(program).ok()) << checkSchedule(program).message();
      EXPECT_TRUE(verify(program).ok()) << workers << ": " << verify(program).status().message();
    }
  }
}

TEST(Schedule, QueuesFollowLaunchOrder) {
  Program program = testing::decodeProgram({}, 5);
  for (const auto &queue : program.schedule.queues)
    for (size_t i = 1; i < queue.size(); ++i)
      EXPECT_LT(queue[i - 1].launch, queue[i].launch);
}

TEST(Schedule, IsDeterministic) {
  Program a = testing::decodeProgram({}, 6), b = testing::decodeProgram({}, 6);
  for (uint32_t q = 0; q < 6; ++q)
    EXPECT_EQ(a.schedule.queues[q], b.schedule.queues[q]);
}

TEST(Schedule, EqualTasksMeetTheSameWorkerInEveryLayer) {
  Builder b = chain(20, 10, 1000000);
  Schedule s = schedule(b.program, 4);
  for (uint32_t l = 0; l < 20; ++l) {
    EXPECT_EQ(s.queues[0][l], (TaskRange{l, 0, 3}));
    EXPECT_EQ(s.queues[1][l], (TaskRange{l, 3, 6}));
    EXPECT_EQ(s.queues[2][l], (TaskRange{l, 6, 8}));
    EXPECT_EQ(s.queues[3][l], (TaskRange{l, 8, 10}));
  }
}

TEST(Schedule, ParallelLaunchesFillIdleWorkers) {
  Builder b; // three launches of two tasks with nothing between them
  for (const char *name : {"q", "k", "v"})
    b.launch(name, {2}).launch.flops = 1000000;
  Schedule s = schedule(b.program, 6);
  for (const auto &queue : s.queues)
    EXPECT_EQ(tasksIn(queue), 1);
}

TEST(Schedule, SmallChainsStayOnOneWorker) {
  Builder b = chain(10, 1, 10);
  Schedule s = schedule(b.program, 4);
  EXPECT_EQ(tasksIn(s.queues[0]), 10);
}

TEST(Schedule, TasksCheaperThanASignalStayTogether) {
  Builder cheap = chain(2, 4, 10), dear = chain(2, 4, 100000000);
  CostModel costs;
  costs.syncSeconds = 1e-3;
  cheap.program.launches[0].grid = dear.program.launches[0].grid = {1};
  cheap.program.events[0].signals = dear.program.events[0].signals = 1;
  Schedule together = schedule(cheap.program, 4, costs), apart = schedule(dear.program, 4, costs);
  EXPECT_EQ(tasksIn(together.queues[0]), 5);
  EXPECT_EQ(tasksIn(apart.queues[0]), 2);
  EXPECT_EQ(tasksIn(apart.queues[3]), 1);
}

TEST(Schedule, BalancesUnequalLaunches) {
  Builder b; // one long task, then forty short ones: the worker with the long one gets fewer
  b.launch("long").launch.flops = 100000000;
  b.launch("short", {40}).launch.flops = 10000000;
  Schedule s = schedule(b.program, 2);
  EXPECT_EQ(tasksIn(s.queues[0]), 1 + 15);
  EXPECT_EQ(tasksIn(s.queues[1]), 25);
}

TEST(Schedule, BytesCountWhereTheyCostMore) {
  Builder b;
  b.launch("stream").launch.bytes = 1000000000; // 0.1 s
  b.launch("flops").launch.flops = 1000000000;  // 0.02 s
  b.launch("more", {4}).launch.flops = 1000000000;
  Schedule s = schedule(b.program, 2);
  EXPECT_EQ(tasksIn(s.queues[0]), 1);
}

TEST(Schedule, AbsurdCostsDoNotOverflow) {
  Builder b = chain(50, 7, ~uint64_t(0));
  b.program.schedule = schedule(b.program, 3);
  EXPECT_TRUE(checkSchedule(b.program).ok());
  CostModel zero;
  zero.flopsPerSecond = 0;
  zero.taskSeconds = -1;
  b.program.schedule = schedule(b.program, 3, zero);
  EXPECT_TRUE(verify(b.program).ok());
}

/// Of `tasks` planned for `workers`, what ends last.
PlannedTime lengthOf(const std::vector<PlannedTask> &tasks) {
  PlannedTime end = 0;
  for (const PlannedTask &task : tasks)
    end = std::max(end, task.end);
  return end;
}

TEST(Predict, AddsUpTasksAndSignals) {
  CostModel costs;
  costs.flopsPerSecond = 1e9;
  costs.bytesPerSecond = 1e12; // the 100 bytes of a task come for nothing
  costs.taskSeconds = 1e-9;
  costs.syncSeconds = 5e-9;
  Builder b = chain(2, 2, 9); // tasks of 10 ns
  b.program.schedule.queues = {{{0, 0, 1}, {1, 0, 1}}, {{0, 1, 2}, {1, 1, 2}}};
  std::vector<PlannedTask> tasks = predict(b.program, costs);
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_EQ(tasks[0].begin, 0u);
  EXPECT_EQ(tasks[1].end, 10'000u);
  EXPECT_EQ(tasks[2].begin, 15'000u) << "waits for the other worker";
  EXPECT_EQ(tasks[3].worker, 1u);
  EXPECT_EQ(lengthOf(tasks), 25'000u);
  b.program.schedule.queues = {{{0, 0, 2}, {1, 0, 2}}};
  EXPECT_EQ(lengthOf(predict(b.program, costs)), 40'000u) << "one worker waits for nobody";
}

TEST(Predict, KeepsTheOrderOfTheProgram) {
  testing::DecodeShape shape;
  shape.perTileEvents = true;
  Program program = testing::decodeProgram(shape, 3);
  std::vector<PlannedTask> tasks = predict(program);
  TaskGraph graph(program);
  std::vector<PlannedTime> signalled(graph.numCounters(), 0);
  for (uint32_t task = 0; task < graph.numTasks(); ++task)
    for (const EventRef &signal : graph.launchOf(task).signals) {
      PlannedTime &time = signalled[graph.counterOf(signal, graph.indexOf(task))];
      time = std::max(time, tasks[task].end);
    }
  for (uint32_t task = 0; task < graph.numTasks(); ++task) {
    EXPECT_EQ(tasks[task].worker, graph.queueOf(task));
    for (const EventRef &wait : graph.launchOf(task).waits)
      EXPECT_GE(tasks[task].begin, signalled[graph.counterOf(wait, graph.indexOf(task))]);
    if (uint32_t position = graph.positionOf(task))
      EXPECT_GE(tasks[task].begin, tasks[graph.queue(graph.queueOf(task))[position - 1]].end);
  }
}

} // namespace
} // namespace ingot::program::test
