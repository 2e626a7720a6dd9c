#include "Synthetic.h"

#include "runtime/cpu/CodeLibrary.h"
#include "runtime/cpu/Cores.h"
#include "runtime/cpu/Counter.h"
#include "runtime/cpu/Executor.h"
#include "runtime/cpu/Isa.h"
#include "runtime/cpu/Step.h"
#include "runtime/program/Schedule.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <csignal>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <thread>

using namespace ingot;
using namespace ingot::runtime;

namespace {

TEST(CounterTest, ComparesAcrossTheWrap) {
  EXPECT_TRUE(Counter::reached(5, 5));
  EXPECT_TRUE(Counter::reached(6, 5));
  EXPECT_FALSE(Counter::reached(4, 5));
  EXPECT_TRUE(Counter::reached(3, 0xfffffff0u)) << "3 comes after the wrap";
  EXPECT_FALSE(Counter::reached(0xfffffff0u, 3));
}

TEST(CounterTest, WakesSleepers) {
  for (uint32_t spins : {0u, 1000u}) {
    Counter counter;
    std::atomic<int> woken{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] { woken += counter.await(3, {spins}, nullptr); });
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      EXPECT_EQ(woken, 0);
      counter.signal(1, 3);
    }
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(woken, 8);
  }
}

TEST(CounterTest, CancelEndsAWait) {
  Counter counter;
  std::atomic<bool> cancel{false};
  std::atomic<int> result{-1};
  std::thread waiter([&] { result = counter.await(1, {0}, &cancel); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  cancel = true;
  waiter.join();
  EXPECT_EQ(result, 0);
}

/// A ping-pong between two threads loses no wake-up.
TEST(CounterTest, PingPong) {
  Counter there, back;
  std::thread other([&] {
    for (uint32_t i = 1; i <= 20000; ++i) {
      there.await(i, {i % 3 ? 0u : 50u}, nullptr);
      back.signal(1, i);
    }
  });
  for (uint32_t i = 1; i <= 20000; ++i) {
    there.signal(1, i);
    back.await(i, {i % 5 ? 0u : 50u}, nullptr);
  }
  other.join();
}

struct CountingJob : WorkerJob {
  std::vector<std::atomic<int>> calls;
  std::atomic<int> wrongMode{0}, openSignals{0};
  explicit CountingJob(size_t workers) : calls(workers) {}
  void work(uint32_t worker, WaitPolicy) override {
    ++calls[worker];
    if (std::fegetround() != FE_TONEAREST)
      ++wrongMode;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, nullptr, &set);
    if (worker > 0 && !sigismember(&set, SIGINT))
      ++openSignals;
  }
};

TEST(ExecutorTest, EveryWorkerTakesPart) {
  for (uint32_t workers : {1u, 2u, 7u, 64u}) {
    Result<std::unique_ptr<Executor>> executor = Executor::create({workers, {}});
    ASSERT_TRUE(executor);
    CountingJob job(workers);
    std::fesetround(FE_UPWARD);
    for (int i = 0; i < 200; ++i)
      (*executor)->run(job);
    EXPECT_EQ(std::fegetround(), FE_UPWARD) << "the caller's mode is restored";
    std::fesetround(FE_TONEAREST);
    for (auto &calls : job.calls)
      EXPECT_EQ(calls, 200);
    EXPECT_EQ(job.wrongMode, 0);
    EXPECT_EQ(job.openSignals, 0);
  }
  EXPECT_FALSE(Executor::create({5000, {}}));
  EXPECT_EQ((*Executor::create({0, {}}))->workers(), availableCores());
}

TEST(ExecutorTest, CoresFollowTheAffinityMask) {
  auto allowed = static_cast<uint32_t>(sched_getcpu()); // not 0: that CPU may be somebody else's
  std::thread thread([allowed] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(allowed, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0) {
      EXPECT_EQ(availableCores(), 1u);
    }
  });
  thread.join();
  EXPECT_GT(availableMemory(), 1u << 20);
  EXPECT_EQ(*parseCpuList(std::to_string(allowed)), std::vector<uint32_t>{allowed});
  for (const char *bad : {"", "a", "0-", "1-0", "0,,1", "-1", "99999999999"})
    EXPECT_FALSE(parseCpuList(bad)) << bad;
}

TEST(StepTest, CountersWrapAround) {
  // Start so that the counters' targets pass 2^32 in the middle: 2 signals per step, so 2^31 steps wrap.
  test::Synthetic mlp = test::makeMlp();
  mlp.programs[0].schedule = program::schedule(mlp.programs[0], 3);
  auto program = std::make_shared<const program::Program>(mlp.programs[0]);
  std::string object = test::readFile(INGOT_TEST_BODIES);
  auto code = CodeLibrary::load(std::as_bytes(std::span(object.data(), object.size())), "bodies");
  ASSERT_TRUE(code) << code.status().message();
  std::vector<program::BodyFunction> bodies;
  for (const program::Body &body : program->bodies)
    bodies.push_back(*(*code)->body(body.symbol));
  std::vector<float> x = test::mlpInput(), h(64), y(32);
  alignas(64) std::byte scratch[3 * 64];
  StepMemory memory;
  for (float *buffer : {x.data(), mlp.params[0].data(), mlp.params[1].data(), h.data(), y.data()})
    memory.buffers.push_back(reinterpret_cast<std::byte *>(buffer));
  memory.privateBase = scratch;
  memory.privateStride = 64;
  Step step(program, bodies, memory);
  auto executor = Executor::create({3, {}});
  ASSERT_TRUE(executor);
  std::atomic<bool> cancel{false};
  for (uint32_t first : {0u, (1u << 31) - 50, UINT32_MAX - 50}) {
    step.reset(first);
    for (int i = 0; i < 100; ++i) {
      std::fill(y.begin(), y.end(), -1.0f);
      ASSERT_TRUE(step.run(**executor, cancel));
      ASSERT_EQ(y, test::mlpReference(x, mlp)) << "step " << i << " after " << first;
    }
  }
}

TEST(CodeLibraryTest, RefusesWhatIsNoCode) {
  std::string text(1000, 'x');
  EXPECT_FALSE(CodeLibrary::load(std::as_bytes(std::span(text.data(), text.size())), "text"));
  std::string elf = "\177ELF" + std::string(200, '\0');
  Result<std::shared_ptr<const CodeLibrary>> broken =
      CodeLibrary::load(std::as_bytes(std::span(elf.data(), elf.size())), "code/x.so");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.status().message().rfind("cannot load 'code/x.so'", 0), 0u) << broken.status().message();
}

TEST(IsaTest, PicksTheBestThatThereIs) {
  std::vector<ManifestTarget> targets = {{"sm_90a", "a"}, {"generic", "b"}, {"avx2", "c"}, {"avx512", "d"}};
  auto pick = [&](std::string_view wanted) {
    Result<const ManifestTarget *> target = selectCpuTarget(targets, wanted);
    return target ? (*target)->isa : target.status().message();
  };
#if defined(__x86_64__)
  EXPECT_EQ(pick(""), cpuSupports("avx512") ? "avx512" : cpuSupports("avx2") ? "avx2" : "generic");
  EXPECT_EQ(pick("generic"), "generic");
#endif
  EXPECT_EQ(pick("avx512bf16"), "the artifact has no code for cpu:avx512bf16");
  EXPECT_EQ(pick("mmx"), "unknown cpu target 'mmx'");
  targets = {{"sm_90a", "a"}};
  EXPECT_EQ(pick(""), "the artifact has no code for any cpu");
}

} // namespace
