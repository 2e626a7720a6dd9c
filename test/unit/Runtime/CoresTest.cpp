#include "runtime/cpu/Cores.h"

#include <gtest/gtest.h>
#include <thread>

using namespace ingot::runtime;

namespace {

cpu_set_t mask() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  return set;
}

TEST(Cores, ThreadsMoveAwayFromTakenCpus) {
  if (availableCores() < 2)
    GTEST_SKIP() << "expects two cores";
  // The system may move the thread back before it is asked where it is; hardly ever so often.
  int moved = 0;
  for (int i = 0; i < 20; ++i)
    std::thread([&] {
      const cpu_set_t before = mask();
      const int cpu = ::sched_getcpu();
      cpu_set_t taken;
      CPU_ZERO(&taken);
      CPU_SET(cpu, &taken);
      moveAwayFrom(taken);
      moved += ::sched_getcpu() != cpu;
      const cpu_set_t after = mask();
      EXPECT_TRUE(CPU_EQUAL(&before, &after));
    }).join();
  EXPECT_GE(moved, 10);
}

TEST(Cores, ThreadsStayWhereEveryCpuIsTaken) {
  const cpu_set_t before = mask();
  moveAwayFrom(before);
  const cpu_set_t after = mask();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

} // namespace
