// Steps through sessions: the same bits for every number of workers, launch and interleaving; cancellation.
#include "SessionFixture.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

using namespace ingot;
using namespace ingot::test;

namespace {

TEST_F(SessionTest, MlpGivesTheReferenceForEveryWorkerCountAndLaunch) {
  Synthetic mlp = makeMlp();
  write(mlp);
  std::vector<float> expected = mlpReference(mlpInput(), mlp), y;
  for (uint32_t workers : {1u, 2u, 3u, 4u, 16u, 64u}) {
    for (bool eager : {false, true}) {
      SessionOptions options;
      options.eager = eager;
      std::unique_ptr<Session> session = makeSession(workers, options);
      EXPECT_EQ(busyWorkers(*session), std::min(workers, 8u));
      for (int step = 0; step < 20; ++step) {
        ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
        ASSERT_EQ(y, expected) << workers << " workers, eager " << eager;
      }
    }
  }
}

TEST_F(SessionTest, MlpGivesTheReferenceInRandomInterleavings) {
  Synthetic mlp = makeMlp();
  write(mlp);
  std::vector<float> expected = mlpReference(mlpInput(), mlp), y;
  SessionOptions options;
  options.interleavingSeed = 0;
  std::unique_ptr<Session> session = makeSession(4, options);
  for (int step = 0; step < 1000; ++step) {
    ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
    ASSERT_EQ(y, expected) << "interleaving " << step;
  }
}

TEST_F(SessionTest, ChainGivesTheSameBitsForEveryWorkerCount) {
  write(makeChain(60, 32));
  std::vector<float> x(32), expected, y;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = 1.0f / static_cast<float>(i + 1);
  ASSERT_TRUE(forward(*makeSession(1), x, {32}, expected));
  for (uint32_t workers : {2u, 3u, 4u, 16u}) {
    std::unique_ptr<Session> session = makeSession(workers);
    for (int step = 0; step < 50; ++step) {
      ASSERT_TRUE(forward(*session, x, {32}, y));
      ASSERT_EQ(std::memcmp(y.data(), expected.data(), y.size() * 4), 0) << workers << " workers";
    }
  }
}

/// Tensors of 64 KiB are used where the caller has them, unless they overlap or are not aligned.
TEST_F(SessionTest, LargeTensorsGiveTheSameInAnyMemory) {
  constexpr size_t kCount = 16384;
  write(makeChain(1, kCount));
  std::unique_ptr<Session> session = makeSession(2);
  std::vector<int64_t> shape = {kCount};
  auto run = [&](float *x, float *y) {
    TensorView in = {DType::f32, shape, reinterpret_cast<std::byte *>(x)};
    TensorView out = {DType::f32, shape, reinterpret_cast<std::byte *>(y)};
    return session->run("forward", {&in, 1}, {&out, 1});
  };
  std::vector<float> input(kCount + 1), expected(kCount), first(kCount, -1), second(kCount + 1, -1);
  for (size_t i = 0; i < kCount; ++i)
    input[i] = static_cast<float>(i % 7) - 3;
  for (size_t i = 0; i < kCount; ++i) // what test__mix computes, of integers that add exactly
    expected[i] = std::accumulate(input.begin(), input.begin() + kCount, 0.0f) / 2 - static_cast<float>(3 * i);
  ASSERT_TRUE(run(input.data(), first.data()));
  EXPECT_EQ(first, expected);
  // Not aligned: the session's own memory takes part again, and the caller's of the run before does not.
  first.assign(kCount, -1);
  ASSERT_TRUE(run(input.data(), second.data() + 1));
  EXPECT_EQ(std::vector<float>(second.begin() + 1, second.end()), expected);
  EXPECT_EQ(first, std::vector<float>(kCount, -1));
  ASSERT_TRUE(run(input.data(), input.data()));
  input.pop_back();
  EXPECT_EQ(input, expected);
}

TEST_F(SessionTest, SessionsOnOneExecutorRunFromSeveralThreads) {
  Synthetic mlp = makeMlp();
  write(mlp);
  std::vector<float> expected = mlpReference(mlpInput(), mlp);
  std::shared_ptr<Artifact> artifact = open();
  std::shared_ptr<CpuTarget> target = makeTarget(2);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      Result<std::unique_ptr<Session>> session = Session::create(artifact, target, {});
      std::vector<float> y;
      for (int step = 0; session && step < 50; ++step)
        if (forward(**session, mlpInput(), {4, 8}, y) && y == expected)
          ++right;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right, 200);
}

TEST_F(SessionTest, ReopenedFileGivesTheSame) {
  Synthetic mlp = makeMlp();
  write(mlp);
  std::string first = readFile(directory / "model.ingot");
  std::vector<float> expected = mlpReference(mlpInput(), mlp), y;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(forward(*makeSession(2), mlpInput(), {4, 8}, y));
    EXPECT_EQ(y, expected);
  }
  write(mlp);
  EXPECT_EQ(first, readFile(directory / "model.ingot")) << "equal artifacts must be equal files";
}

TEST_F(SessionTest, TwoArtifactsAtOnceKeepTheirOwnCode) {
  Synthetic mlp = makeMlp(), chain = makeChain(3, 8);
  writeArtifact(directory / "model.ingot", mlp);
  std::unique_ptr<Session> first = makeSession(2);
  writeArtifact(directory / "model.ingot", chain);
  std::unique_ptr<Session> second = makeSession(2);
  std::vector<float> y;
  ASSERT_TRUE(forward(*second, std::vector<float>(8, 1), {8}, y));
  first.reset();
  std::unique_ptr<Session> third = makeSession(1);
  std::vector<float> again;
  ASSERT_TRUE(forward(*third, std::vector<float>(8, 1), {8}, again));
  EXPECT_EQ(y, again);
}

TEST_F(SessionTest, CancelStopsAStepAndResetRepairs) {
  write(makeSlow(2000, 1000000)); // about a millisecond per task
  for (uint32_t workers : {1u, 3u}) {
    std::unique_ptr<Session> session = makeSession(workers);
    std::vector<float> y(2000);
    std::vector<int64_t> shape = {2000};
    TensorView out = {DType::f32, shape, reinterpret_cast<std::byte *>(y.data())};
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      session->cancel();
    });
    Status status = session->run("forward", {}, {&out, 1});
    other.join();
    EXPECT_EQ(status.code(), StatusCode::cancelled);
    status = session->run("forward", {}, {&out, 1});
    EXPECT_EQ(status.message(), "the session was cancelled in the middle of a step; reset it first");
    EXPECT_FALSE(session->fork());
  }
  Synthetic mlp = makeMlp();
  write(mlp);
  std::unique_ptr<Session> session = makeSession(2);
  std::vector<float> y;
  session->cancel(); // nothing runs: the next run is stopped, before it begins
  EXPECT_EQ(forward(*session, mlpInput(), {4, 8}, y).code(), StatusCode::cancelled);
  EXPECT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
  session->cancel();
  ASSERT_TRUE(session->reset());
  EXPECT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
  EXPECT_EQ(y, mlpReference(mlpInput(), mlp));
}

TEST_F(SessionTest, CancelReachesWorkersThatWait) {
  // One long task, and a launch that waits for it: the waiters sleep when the cancellation comes.
  Synthetic slow = makeSlow(1, 300000000);
  program::Program &program = slow.programs[0];
  program.buffers.push_back(program.buffers[0]);
  program.buffers[1].symbol = "z";
  program.buffers[1].name = "z";
  slow.manifest.entries[0].outputs.push_back({"z", DType::f32, {1}, "", {}});
  program.events = {{"done", 1, 1}};
  program.launches.push_back(program.launches[0]);
  program.launches[1].symbol = "after";
  program.launches[1].arguments[0].buffer = 1;
  program.launches[1].writes[0].buffer = program.launches[1].mustWrite[0].buffer = 1;
  program.launches[0].signals = {{0, {}}};
  program.launches[1].waits = {{0, {}}};
  program.schedule.queues = {{{0, 0, 1}}, {{1, 0, 1}}};
  write(slow);
  std::unique_ptr<Session> session = makeSession(2);
  float y = 0, z = 0;
  std::vector<int64_t> shape = {1};
  TensorView outs[] = {{DType::f32, shape, reinterpret_cast<std::byte *>(&y)},
                       {DType::f32, shape, reinterpret_cast<std::byte *>(&z)}};
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    session->cancel();
  });
  EXPECT_EQ(session->run("forward", {}, outs).code(), StatusCode::cancelled);
  other.join();
}

TEST_F(SessionTest, ManyWorkersOnFewCoresDoNotCollapse) {
  write(makeChain(100, 64));
  std::vector<float> y;
  auto seconds = [&](uint32_t workers) {
    std::unique_ptr<Session> session = makeSession(workers);
    auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < 20; ++step)
      EXPECT_TRUE(forward(*session, std::vector<float>(64, 1), {64}, y));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  double few = seconds(2), many = seconds(32);
  // Each wait of a descheduled spinner would cost a time slice (milliseconds); 2000 waits of them take many seconds.
  EXPECT_LT(many, 5 * few + 5) << "2 workers took " << few << " s, 32 took " << many << " s";
}

} // namespace
