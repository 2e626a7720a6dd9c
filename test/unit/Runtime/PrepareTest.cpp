// What a session takes and accepts: memory, parameters, programs, tensors.
#include "SessionFixture.h"

using namespace ingot;
using namespace ingot::test;

namespace {

using PrepareTest = SessionTest;

TEST_F(PrepareTest, MemoryIsWhatWasPlanned) {
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

TEST_F(PrepareTest, MemoryNeedIsCheckedBeforeItIsTaken) {
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

TEST_F(PrepareTest, RejectsWrongTensors) {
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

TEST_F(PrepareTest, ParametersCanBeReplacedAndSaved) {
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

/// A constant is the program's: files of weights do not have it, need not have it, and do not replace it.
TEST_F(PrepareTest, ConstantsAreNoWeights) {
  Synthetic mlp = makeMlp(), other = mlp;
  for (std::vector<float> &param : other.params)
    for (float &value : param)
      value = 1 - value;
  write(other);
  ASSERT_TRUE(makeSession(2)->saveParams(directory / "all.safetensors"));
  other.manifest.params[1].constant = true;
  write(other);
  ASSERT_TRUE(makeSession(2)->saveParams(directory / "weights.safetensors"));
  std::string weights = readFile(directory / "weights.safetensors");
  EXPECT_NE(weights.find("\"w1\""), std::string::npos);
  EXPECT_EQ(weights.find("\"w2\""), std::string::npos);
  mlp.manifest.params[1].constant = true;
  write(mlp);
  std::unique_ptr<Session> session = makeSession(2);
  other.params[1] = mlp.params[1];
  for (const char *file : {"all.safetensors", "weights.safetensors"}) {
    Status status = session->loadParams(directory / file);
    ASSERT_TRUE(status) << status.message();
    std::vector<float> y;
    ASSERT_TRUE(forward(*session, mlpInput(), {4, 8}, y));
    EXPECT_EQ(y, mlpReference(mlpInput(), other)) << file;
  }
}

TEST_F(PrepareTest, ParametersInPanelsAreRowMajorInFiles) {
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

TEST_F(PrepareTest, UnverifiedProgramsDoNotRun) {
  Synthetic mlp = makeMlp();
  mlp.programs[0].launches[1].waits.clear(); // a race between the two layers
  mlp.programs[0].schedule.queues = {{{0, 0, 8}}, {{1, 0, 8}}};
  write(mlp);
  Result<std::unique_ptr<Session>> session = Session::create(open(), makeTarget(2), {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), StatusCode::corrupt);
  EXPECT_NE(session.status().message().find("entry 'forward'"), std::string::npos) << session.status().message();
}

TEST_F(PrepareTest, ProgramAndManifestMustAgree) {
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

} // namespace
