// The pace of steps: what the control chooses for given costs, and that results do not depend on it.
#include "Synthetic.h"

#include "runtime/cpu/CodeLibrary.h"
#include "runtime/cpu/Pace.h"
#include "runtime/cpu/Step.h"
#include "runtime/program/Schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace ingot;
using namespace ingot::runtime;

namespace {

/// What a step costs at each pace, and how much of its workers' time is slept while they should spin.
struct Machine {
  std::array<uint64_t, kPaces> nanoseconds;
  double slept = 0;
};

constexpr uint64_t kSecond = 1'000'000'000;

/// Runs steps for `time` nanoseconds; gives the time spent at each pace.
std::array<uint64_t, kPaces> simulate(PaceControl &control, const Machine &machine, uint64_t time, uint32_t workers) {
  std::array<uint64_t, kPaces> spent = {};
  for (uint64_t now = 0; now < time;) {
    size_t pace = static_cast<size_t>(control.pace());
    uint64_t took = machine.nanoseconds[pace];
    control.finished(took, static_cast<uint64_t>(static_cast<double>(took * workers) * machine.slept), 1);
    spent[pace] += took;
    now += took;
  }
  return spent;
}

constexpr size_t kSpin = static_cast<size_t>(Pace::Spin), kSleep = static_cast<size_t>(Pace::Sleep),
                 kAlone = static_cast<size_t>(Pace::Alone);

TEST(PaceTest, IdleCoresAreNeverLeft) {
  // Short waits for each other are spun, not slept.
  for (uint64_t step : {20'000u, 500'000u, 90'000'000u}) {
    PaceControl control(2, true, true);
    auto spent = simulate(control, {{step, 3 * step, 2 * step}, 0.02}, 20 * kSecond, 2);
    EXPECT_EQ(spent[kSleep] + spent[kAlone], 0u);
  }
}

TEST(PaceTest, SharedCoresGetTheFastestPace) {
  for (size_t best : {kSleep, kAlone})
    for (uint64_t step : {60'000u, 4'000'000u}) {
      Machine shared = {{8 * step, 8 * step, 8 * step}, 0.4};
      shared.nanoseconds[best] = step;
      PaceControl control(2, true, true);
      // Trials take their time; after them the others are looked at for ever shorter shares of the time.
      simulate(control, shared, kSecond, 2);
      auto spent = simulate(control, shared, 20 * kSecond, 2);
      EXPECT_GT(spent[best], 17 * kSecond) << best << " " << step;
      EXPECT_GT(spent[kSpin], 0u) << "it looks again";
    }
}

TEST(PaceTest, ReturnsToSpinningWhenTheNeighbourHasGone) {
  PaceControl control(2, true, true);
  simulate(control, {{2'000'000, 900'000, 60'000}, 0.45}, 30 * kSecond, 2);
  Machine free = {{20'000, 90'000, 40'000}, 0};
  simulate(control, free, 4 * kSecond, 2);
  auto spent = simulate(control, free, 4 * kSecond, 2);
  EXPECT_EQ(spent[kSpin], 4 * kSecond);
}

TEST(PaceTest, UnequalSharesAreNotMistakenForANeighbour) {
  // A worker sleeps because the others have more to do: trials find that out, ever more rarely.
  Machine unequal = {{3'000'000, 2'900'000, 5'000'000}, 0.3};
  PaceControl control(4, true, true);
  simulate(control, unequal, 10 * kSecond, 4);
  auto spent = simulate(control, unequal, 30 * kSecond, 4);
  EXPECT_GT(spent[kSpin], 30 * kSecond / 100 * 97);
}

TEST(PaceTest, WhatIsNotAvailableIsNotChosen) {
  Machine machine = {{100'000, 90'000, 10'000}, 0.5};
  PaceControl single(1, true, true), many(8, false, true), ordered(2, true, false);
  EXPECT_EQ(simulate(single, machine, kSecond, 1)[kSpin], kSecond);
  EXPECT_EQ(simulate(many, machine, kSecond, 8)[kSpin], 0u);
  EXPECT_EQ(simulate(ordered, machine, kSecond, 2)[kAlone], 0u);
}

/// A step over the bodies of bodies.c on memory of its own.
class BoundStep {
public:
  BoundStep(program::Program made, const std::vector<std::vector<float>> &params, const std::vector<float> &input)
      : program(std::make_shared<const program::Program>(std::move(made))) {
    std::string object = test::readFile(INGOT_TEST_BODIES);
    code = *CodeLibrary::load(std::as_bytes(std::span(object.data(), object.size())), "bodies");
    std::vector<program::BodyFunction> bodies;
    for (const program::Body &body : program->bodies)
      bodies.push_back(*code->body(body.symbol));
    StepMemory memory;
    size_t param = 0;
    for (const program::Buffer &buffer : program->buffers) {
      auto &values = buffers.emplace_back(static_cast<size_t>(buffer.numElements()), -1.0f);
      if (buffer.kind == program::BufferKind::Param)
        values = params[param++];
      if (buffer.kind == program::BufferKind::Input)
        values = input;
    }
    for (auto &values : buffers)
      memory.buffers.push_back(reinterpret_cast<std::byte *>(values.data()));
    scratch.resize(program->schedule.workers());
    memory.privateBase = scratch.data()->bytes;
    memory.privateStride = sizeof(Private);
    step = std::make_unique<Step>(program, bodies, memory);
  }

  const std::vector<float> &output() const {
    for (size_t i = 0; i < buffers.size(); ++i)
      if (program->buffers[i].kind == program::BufferKind::Output)
        return buffers[i];
    return buffers.back();
  }
  void spoil() {
    for (size_t i = 0; i < buffers.size(); ++i)
      if (program->buffers[i].kind == program::BufferKind::Output ||
          program->buffers[i].kind == program::BufferKind::Scratch)
        std::fill(buffers[i].begin(), buffers[i].end(), -1.0f);
  }

  std::unique_ptr<Step> step;

private:
  struct alignas(64) Private {
    std::byte bytes[4096];
  };
  std::shared_ptr<const program::Program> program;
  std::shared_ptr<const CodeLibrary> code;
  std::vector<std::vector<float>> buffers;
  std::vector<Private> scratch;
};

TEST(PaceTest, EveryPaceGivesTheSameBits) {
  test::Synthetic mlp = test::makeMlp(), chain = test::makeChain(20, 16);
  std::atomic<bool> cancel{false};
  for (uint32_t workers : {1u, 2u, 3u, 8u}) {
    auto executor = Executor::create({workers, {}});
    ASSERT_TRUE(executor);
    for (auto *synthetic : {&mlp, &chain}) {
      program::Program program = synthetic->programs[0];
      program.schedule = program::schedule(program, workers);
      std::vector<float> input = synthetic == &mlp ? test::mlpInput() : std::vector<float>(16, 1.5f), expected;
      BoundStep bound(program, synthetic->params, input);
      EXPECT_TRUE(bound.step->mayRunAlone());
      // Paces follow each other in every order, also within launches of several steps.
      for (size_t i = 0; i < 60; ++i) {
        bound.step->fixPace(static_cast<Pace>(i * i % kPaces));
        bound.spoil();
        if (i % 4 == 3) {
          int left = 5;
          std::function<bool()> between = [&] { return --left > 0; };
          ASSERT_TRUE(bound.step->runSteps(**executor, cancel, between).ok());
          EXPECT_EQ(left, 0);
        } else {
          ASSERT_TRUE(bound.step->run(**executor, cancel).ok());
        }
        if (i == 0)
          expected = bound.output();
        ASSERT_EQ(bound.output(), expected) << workers << " workers, step " << i;
      }
    }
  }
}

/// Row i of the first grid waits for row i - 1 of the second: neither range can run without the other.
TEST(PaceTest, RangesThatNeedEachOtherKeepTheirWorkers) {
  test::Synthetic mlp = test::makeMlp();
  program::Program program = mlp.programs[0];
  program::Affine row = {0, {1, 0, 0}, 1}, next = {1, {1, 0, 0}, 1};
  program.events.push_back({"turn", 5, 2});
  program.buffers.push_back(program.buffers[3]);
  program::Launch opening = program.launches[0];
  opening.grid = {1, 2};
  opening.arguments[2].buffer = opening.writes[0].buffer = opening.mustWrite[0].buffer = 5;
  opening.signals = {{1, {}}};
  program.launches[0].waits = {{1, row}};
  program.launches[1].signals = {{1, next}};
  program.launches.push_back(opening);
  program.schedule.queues = {{{2, 0, 2}, {0, 0, 8}}, {{1, 0, 8}}};
  BoundStep bound(program, mlp.params, test::mlpInput());
  EXPECT_FALSE(bound.step->mayRunAlone());
  bound.step->fixPace(Pace::Alone);
  std::atomic<bool> cancel{false};
  auto executor = Executor::create({2, {}});
  ASSERT_TRUE(executor);
  for (int i = 0; i < 50; ++i) {
    bound.spoil();
    ASSERT_TRUE(bound.step->run(**executor, cancel).ok());
    ASSERT_EQ(bound.output(), test::mlpReference(test::mlpInput(), mlp));
  }
}

/// Many sessions' worth of steps on one executor from several threads, at changing paces: for ThreadSanitizer.
TEST(PaceTest, StepsOfSeveralThreadsTakeTurns) {
  test::Synthetic chain = test::makeChain(12, 8);
  auto executor = Executor::create({4, {}});
  ASSERT_TRUE(executor);
  std::atomic<bool> cancel{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      program::Program program = chain.programs[0];
      program.schedule = program::schedule(program, 4);
      BoundStep bound(program, chain.params, std::vector<float>(8, static_cast<float>(t)));
      std::vector<float> expected;
      for (size_t i = 0; i < 200; ++i) {
        bound.step->fixPace(static_cast<Pace>((i + t) % kPaces));
        bound.spoil();
        if (!bound.step->run(**executor, cancel).ok())
          ++wrong;
        if (i == 0)
          expected = bound.output();
        wrong += bound.output() != expected;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

} // namespace
