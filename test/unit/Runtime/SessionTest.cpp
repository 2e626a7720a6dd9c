// Whole artifacts through sessions: results, worker counts, launches, generation, memory.
#include "Synthetic.h"

#include "runtime/cpu/Executor.h"
#include "runtime/session/Generate.h"
#include "runtime/session/Session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ingot;
using namespace ingot::runtime;
using namespace ingot::test;
using program::DType;

namespace {

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

TEST_F(SessionTest, MemoryIsWhatWasPlanned) {
  write(makeMlp());
  std::unique_ptr<Session> session = makeSession(3);
  auto bytes = [&](MemoryUse use) { return session->memory()[static_cast<size_t>(use)]; };
  const ManifestMemory &planned = session->artifact().manifest().memory;
  EXPECT_EQ(bytes(MemoryUse::Arena), planned.entries[0].arena);
  EXPECT_EQ(bytes(MemoryUse::Inputs), planned.entries[0].inputs);
  EXPECT_EQ(bytes(MemoryUse::Outputs), planned.entries[0].outputs);
  EXPECT_EQ(bytes(MemoryUse::Private), 3 * planned.entries[0].privatePerWorker);
  EXPECT_EQ(bytes(MemoryUse::State), planned.state);
  EXPECT_EQ(session->paramBytes(), planned.params);
  EXPECT_EQ(bytes(MemoryUse::Arena), 256u);
  EXPECT_EQ(bytes(MemoryUse::Private), 3u * 64);
  EXPECT_EQ(bytes(MemoryUse::Inputs), 128u);
  EXPECT_EQ(bytes(MemoryUse::Outputs), 128u);
  EXPECT_EQ(session->paramBytes(), 2u * 8 * 16 * 4);
  write(makeDecoder(32));
  EXPECT_EQ(open()->kvBytesPerToken(), 4u * 4);
}

TEST_F(SessionTest, MemoryNeedIsCheckedBeforeItIsTaken) {
  write(makeMlp());
  SessionOptions options;
  options.memoryLimit = 100;
  Result<std::unique_ptr<Session>> session = Session::create(open(), makeTarget(2), options);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), StatusCode::outOfMemory);
  EXPECT_NE(session.status().message().find("but its limit is 100"), std::string::npos) << session.status().message();

  write(makeDecoder(int64_t(1) << 40));
  session = Session::create(open(), makeTarget(2), {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), StatusCode::outOfMemory);
  EXPECT_NE(session.status().message().find("are available"), std::string::npos) << session.status().message();
}

TEST_F(SessionTest, RejectsWrongTensors) {
  write(makeMlp());
  std::unique_ptr<Session> session = makeSession(2);
  std::vector<float> y;
  Status status = forward(*session, std::vector<float>(32), {8, 4}, y);
  EXPECT_EQ(status.message(), "input 'x' expects f32[4,8], but got f32[8,4]");
  status = session->run("forward", {}, {});
  EXPECT_EQ(status.message(), "expects 1 inputs, but got 0");
  status = session->run("backward", {}, {});
  EXPECT_EQ(status.message(), "the artifact has no entry 'backward'; it has 'forward'");
}

TEST_F(SessionTest, GeneratesTheReferenceWithAndWithoutPrefill) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  for (size_t length : {1u, 2u, 3u, 4u, 5u, 8u, 11u}) {
    GenerateOptions options;
    for (size_t i = 0; i < length; ++i)
      options.tokens.push_back(static_cast<int32_t>(i * 37 % 256));
    options.maxTokens = 12;
    std::vector<int32_t> expected = decoderReference(decoder, options.tokens, 12);
    for (bool decodeOnly : {false, true}) {
      options.decodeOnly = decodeOnly;
      EXPECT_EQ(generateTokens(*makeSession(2), options), expected) << length << " tokens, decode only " << decodeOnly;
    }
  }
}

TEST_F(SessionTest, GenerationContinuesAndForks) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {1, 2, 3}, 12);
  std::unique_ptr<Session> session = makeSession(2);
  GenerateOptions options;
  options.tokens = {1, 2, 3};
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generateTokens(*session, options);
  Result<std::unique_ptr<Session>> fork = session->fork();
  ASSERT_TRUE(fork);
  options.tokens.clear();
  options.maxTokens = 7;
  for (Session *each : {session.get(), fork->get()}) {
    std::vector<int32_t> all = tokens, more = generateTokens(*each, options);
    all.insert(all.end(), more.begin(), more.end());
    EXPECT_EQ(all, expected);
  }
  session->reset();
  options.tokens = {1, 2, 3};
  options.maxTokens = 12;
  EXPECT_EQ(generateTokens(*session, options), expected);
}

TEST_F(SessionTest, GenerationEnds) {
  Synthetic decoder = makeDecoder(16);
  std::vector<int32_t> expected = decoderReference(decoder, {9}, 40);
  decoder.manifest.eos = {expected[3]};
  write(decoder);
  GenerateOptions options;
  options.tokens = {9};
  std::vector<int32_t> untilEos = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilEos.back(), expected[3]);
  EXPECT_LE(untilEos.size(), 4u);
  options.ignoreEos = true;
  // 16 positions: the prompt's and 15 tokens' are in the cache, one more token is known after that.
  std::vector<int32_t> untilFull = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilFull, std::vector<int32_t>(expected.begin(), expected.begin() + 16));
  options.tokens.assign(17, 1);
  Result<GenerateResult> tooLong = generate(*makeSession(1), options, [](auto &) { return true; });
  ASSERT_FALSE(tooLong);
  EXPECT_EQ(tooLong.status().message(), "the prompt has 17 tokens, but only 16 of max_seq 16 positions are free");
  options.tokens = {256};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
  options.tokens = {};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
}

TEST_F(SessionTest, StopTextsAreHeldBackAndCutOff) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a', 'b'}, 12);
  std::string text(expected.begin(), expected.end());
  GenerateOptions options;
  options.prompt = "ab";
  options.maxTokens = 12;
  options.stops = {text.substr(5, 3)};
  std::string shown;
  Result<GenerateResult> result = generate(*makeSession(2), options, [&](const GeneratedToken &token) {
    shown += token.text;
    return true;
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(shown, text.substr(0, text.find(options.stops[0])));
  EXPECT_EQ(result->reason, FinishReason::Stop);
}

TEST_F(SessionTest, ChecksTokensAndPositions) {
  write(makeDecoder(32));
  std::unique_ptr<Session> session = makeSession(2);
  auto decode = [&](int32_t token, int32_t start, int32_t count) {
    std::vector<float> logits(256);
    std::vector<int64_t> matrix = {1, 1}, vector = {1}, cube = {1, 1, 256};
    TensorView inputs[] = {{DType::i32, matrix, reinterpret_cast<std::byte *>(&token)},
                           {DType::i32, vector, reinterpret_cast<std::byte *>(&start)},
                           {DType::i32, vector, reinterpret_cast<std::byte *>(&count)}};
    TensorView output = {DType::f32, cube, reinterpret_cast<std::byte *>(logits.data())};
    return session->run("decode", inputs, {&output, 1});
  };
  EXPECT_TRUE(decode(3, 31, 1));
  EXPECT_EQ(decode(3, 32, 1).message(), "positions 32 to 32 do not fit into max_seq 32");
  EXPECT_EQ(decode(256, 0, 1).message(), "input 'tokens' expects values from 0 to 255, but got 256");
  EXPECT_FALSE(decode(-1, 0, 1));
  EXPECT_FALSE(decode(0, -1, 1));
  EXPECT_FALSE(decode(0, 0, 2));
  EXPECT_FALSE(decode(0, 0, -1));
  EXPECT_FALSE(decode(0, INT32_MAX, 1));
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
  session->reset();
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

TEST_F(SessionTest, ParametersCanBeReplacedAndSaved) {
  Synthetic mlp = makeMlp(), other = mlp;
  for (std::vector<float> &param : other.params)
    for (float &value : param)
      value = 1 - value;
  write(other);
  ASSERT_TRUE(makeSession(2)->saveParams(directory / "other.safetensors"));
  write(mlp);
  std::unique_ptr<Session> session = makeSession(2);
  ASSERT_TRUE(session->loadParams(directory / "other.safetensors"));
  std::vector<float> y;
  ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
  EXPECT_EQ(y, mlpReference(mlpInput(), other));
  Result<std::unique_ptr<Session>> fork = session->fork();
  ASSERT_TRUE(fork);
  ASSERT_TRUE(forward(**fork, mlpInput(), {4, 8}, y));
  EXPECT_EQ(y, mlpReference(mlpInput(), other));
  mlp.manifest.params[0].layout = "spiral";
  write(mlp);
  session = makeSession(2);
  Status status = session->loadParams(directory / "other.safetensors");
  EXPECT_EQ(status.message(), "parameter 'w1': layout 'spiral' is not supported yet");
}

TEST_F(SessionTest, ParametersInPanelsAreRowMajorInFiles) {
  // w2 as two panels of 4 columns: both bodies read it as [2, 16, 4] would be read, so only files are compared here.
  Synthetic mlp = makeMlp();
  write(mlp);
  ASSERT_TRUE(makeSession(1)->saveParams(directory / "plain.safetensors"));
  std::string plain = readFile(directory / "plain.safetensors");
  Synthetic packed = mlp;
  packed.manifest.params[1].layout = "panels<axis = 1, width = 4>";
  packed.manifest.params[1].shape = packed.programs[0].buffers[2].shape = {2, 16, 4};
  packed.programs[0].launches[1].reads[1] = {2, std::vector<program::Affine>(3), {2, 16, 4}, false};
  for (size_t k = 0; k < 16; ++k)
    for (size_t j = 0; j < 8; ++j)
      packed.params[1][j / 4 * 64 + k * 4 + j % 4] = mlp.params[1][k * 8 + j];
  write(packed);
  std::unique_ptr<Session> session = makeSession(1);
  ASSERT_TRUE(session->saveParams(directory / "packed.safetensors"));
  EXPECT_EQ(readFile(directory / "packed.safetensors"), plain);
  std::vector<float> before, after;
  ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, before));
  ASSERT_TRUE(session->loadParams(directory / "plain.safetensors"));
  ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, after));
  EXPECT_EQ(before, after);
}

TEST_F(SessionTest, UnverifiedProgramsDoNotRun) {
  Synthetic mlp = makeMlp();
  mlp.programs[0].launches[1].waits.clear(); // a race between the two layers
  mlp.programs[0].schedule.queues = {{{0, 0, 8}}, {{1, 0, 8}}};
  write(mlp);
  Result<std::unique_ptr<Session>> session = Session::create(open(), makeTarget(2), {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), StatusCode::corrupt);
  EXPECT_NE(session.status().message().find("entry 'forward'"), std::string::npos) << session.status().message();
}

TEST_F(SessionTest, ProgramAndManifestMustAgree) {
  auto message = [&](const std::function<void(Synthetic &)> &change) {
    Synthetic mlp = makeMlp();
    change(mlp);
    write(mlp);
    Result<std::unique_ptr<Session>> session = Session::create(open(), makeTarget(2), {});
    return session ? std::string("accepted") : session.status().message();
  };
  EXPECT_EQ(message([](Synthetic &a) { a.manifest.entries[0].inputs[0].shape = {8, 4}; }),
            "entry 'forward': its program expects input 'x' of type f32[4,8], but the manifest says f32[8,4]");
  EXPECT_EQ(message([](Synthetic &a) { a.manifest.entries[0].outputs[0].name = "z"; }),
            "entry 'forward': its program uses the unknown output 'y'");
  EXPECT_EQ(message([](Synthetic &a) { a.manifest.params[1].shape = {8, 16}; }),
            "entry 'forward': its program expects param 'w2' of type f32[16,8], but the manifest says f32[8,16]");
  EXPECT_EQ(message([](Synthetic &a) { a.programs[0].bodies[0].symbol = "nobody"; }),
            "entry 'forward': 'code/cpu-generic.so' has no function 'nobody'");
  EXPECT_EQ(message([](Synthetic &a) { a.programs[0].target = "cpu:avx2"; }),
            "entry 'forward': its program is for 'cpu:avx2', but the manifest says generic");
  EXPECT_EQ(message([](Synthetic &a) { a.manifest.targets[0].isa = "sm_90a"; }),
            "the artifact has no code for any cpu");
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
