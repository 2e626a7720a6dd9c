// Sessions on handmade artifacts in a directory of their own.
#pragma once

#include "Synthetic.h"

#include "runtime/cpu/Executor.h"
#include "runtime/session/Generate.h"
#include "runtime/session/Session.h"

#include <gtest/gtest.h>

namespace ingot::test {

using namespace runtime;
using program::DType;

class SessionTest : public testing::Test {
protected:
  void write(const Synthetic &synthetic) { writeArtifact(directory / "model.ingot", synthetic); }

  std::shared_ptr<Artifact> open() {
    Result<std::shared_ptr<Artifact>> artifact = Artifact::open(directory / "model.ingot");
    EXPECT_TRUE(artifact) << artifact.status().message();
    return artifact ? *artifact : nullptr;
  }

  static std::shared_ptr<CpuTarget> makeTarget(uint32_t workers) {
    auto target = std::make_shared<CpuTarget>();
    Result<std::unique_ptr<Executor>> executor = Executor::create({workers, {}});
    EXPECT_TRUE(executor) << executor.status().message();
    target->executor = std::move(*executor);
    return target;
  }

  std::unique_ptr<Session> makeSession(uint32_t workers, SessionOptions options = {}) {
    Result<std::unique_ptr<Session>> session = Session::create(open(), makeTarget(workers), options);
    EXPECT_TRUE(session) << session.status().message();
    return session ? std::move(*session) : nullptr;
  }

  /// Runs `forward` on f32 tensors.
  static Status forward(Session &session, std::vector<float> x, std::vector<int64_t> shape, std::vector<float> &y) {
    y.assign(x.size(), -1);
    TensorView in = {DType::f32, shape, reinterpret_cast<std::byte *>(x.data())};
    TensorView out = {DType::f32, shape, reinterpret_cast<std::byte *>(y.data())};
    return session.run("forward", {&in, 1}, {&out, 1});
  }

  /// Workers that have something to do.
  static uint32_t busyWorkers(Session &session) {
    uint32_t busy = 0;
    for (const auto &queue : session.findEntry("forward")->prepared->program->schedule.queues)
      busy += !queue.empty();
    return busy;
  }

  static std::vector<int32_t> generateTokens(Session &session, const GenerateOptions &options) {
    std::vector<int32_t> tokens;
    Result<GenerateResult> result = generate(session, options, [&](const GeneratedToken &token) {
      if (token.id >= 0)
        tokens.push_back(token.id);
      return true;
    });
    EXPECT_TRUE(result) << result.status().message();
    return tokens;
  }

  TemporaryDirectory directory;
};

} // namespace ingot::test
