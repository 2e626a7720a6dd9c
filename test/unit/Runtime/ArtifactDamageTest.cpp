// Artifacts that were damaged, or changed and stored again with right checksums: always a message or a right start,
// never a crash. Code members are trusted like any program and stay as they are; their seals refuse changed programs.
#include "Synthetic.h"

#include "runtime/session/Generate.h"
#include "runtime/session/Session.h"

#include <gtest/gtest.h>

#include <random>

using namespace ingot;
using namespace ingot::runtime;
using namespace ingot::test;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

class ArtifactDamageTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    target = std::make_shared<CpuTarget>();
    target->executor = std::move(*Executor::create({2, {}}));
  }
  static void TearDownTestSuite() { target.reset(); }

  /// Opens, prepares and runs as far as it goes. Returns whether it went to the end.
  bool use(const std::string &path) {
    Result<std::shared_ptr<Artifact>> artifact = Artifact::open(path);
    if (!artifact) {
      EXPECT_FALSE(artifact.status().message().empty());
      return false;
    }
    SessionOptions options;
    options.memoryLimit = 1 << 28;
    Result<std::unique_ptr<Session>> session = Session::create(*artifact, target, options);
    if (!session) {
      EXPECT_FALSE(session.status().message().empty());
      return false;
    }
    GenerateOptions generation;
    generation.prompts = {{std::nullopt, {1, 2, 3, 4, 5, 6}}};
    generation.maxTokens = 4;
    return generate(**session, generation, [](const GeneratedToken &) { return true; }).ok();
  }

  static std::shared_ptr<CpuTarget> target;
  TemporaryDirectory directory;
};
std::shared_ptr<CpuTarget> ArtifactDamageTest::target;

TEST_F(ArtifactDamageTest, WholeArtifactWorks) {
  writeArtifact(directory / "a", makeDecoder());
  EXPECT_TRUE(use(directory / "a"));
}

TEST_F(ArtifactDamageTest, TruncatedArtifactsAreRefused) {
  writeArtifact(directory / "a", makeDecoder());
  std::string file = readFile(directory / "a");
  for (size_t size = 0; size < file.size(); size += 1 + size / 50) {
    writeFile(directory / "b", file.substr(0, size));
    EXPECT_FALSE(use(directory / "b")) << size << " bytes";
  }
}

TEST_F(ArtifactDamageTest, DamagedCodeIsNoticedBeforeItIsLoaded) {
  writeArtifact(directory / "a", makeDecoder());
  std::string file = readFile(directory / "a");
  size_t code = file.find("\177ELF");
  ASSERT_NE(code, std::string::npos);
  for (size_t offset : {4u, 100u, 1000u, 5000u}) {
    std::string damaged = file;
    damaged[code + offset] ^= 0x10;
    writeFile(directory / "b", damaged);
    EXPECT_FALSE(use(directory / "b"));
  }
}

TEST_F(ArtifactDamageTest, ResealedMembers) {
  Members members = membersOf(makeDecoder());
  std::mt19937 random(6);
  int accepted = 0;
  for (int i = 0; i < 600; ++i) {
    Members changed = members;
    std::string *data = nullptr;
    do {
      auto &[name, content] = changed[random() % changed.size()];
      data = name.rfind("code/", 0) == 0 ? nullptr : &content;
    } while (!data);
    switch (random() % 4) {
    case 0: // other bytes
      for (int changes = 1 + static_cast<int>(random() % 5); changes > 0; --changes)
        (*data)[random() % data->size()] = static_cast<char>(random());
      break;
    case 1: // another number: digits of JSON, or a 32-bit field
      for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
        size_t at = data->find_first_of("0123456789", random() % data->size());
        if (at != std::string::npos)
          (*data)[at] = static_cast<char>('0' + random() % 10);
      }
      break;
    case 2:
      data->resize(random() % data->size());
      break;
    case 3:
      data->insert(random() % data->size(), std::string(1 + random() % 20, static_cast<char>(random())));
      break;
    }
    writeMembers(directory / "b", changed);
    accepted += use(directory / "b");
  }
  // Changes of weights and of names that nobody reads are harmless; those of structure are not.
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 400);
}

TEST_F(ArtifactDamageTest, ProgramsThatTheCodeWasNotCompiledForAreRefused) {
  Synthetic decoder = makeDecoder();
  Members members = membersOf(decoder);
  // A body would run far beyond its buffers with this argument, and no declaration says so.
  decoder.programs[0].launches[1].arguments[5].value = 1 << 20;
  Members edited = membersOf(decoder);
  for (size_t i = 0; i < members.size(); ++i)
    if (members[i].first == "program/decode.cpu-generic.bin")
      members[i].second = edited[i].second;
  writeMembers(directory / "b", members);
  Result<std::shared_ptr<Artifact>> artifact = Artifact::open(directory / "b");
  ASSERT_TRUE(artifact);
  Result<std::unique_ptr<Session>> session = Session::create(*artifact, target, {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().message(),
            "entry 'decode': 'program/decode.cpu-generic.bin' is not the program that 'code/cpu-generic.so' was "
            "compiled for");
}

TEST_F(ArtifactDamageTest, MissingAndSwappedMembers) {
  Members members = membersOf(makeDecoder());
  for (size_t i = 0; i < members.size(); ++i) {
    Members fewer = members;
    fewer.erase(fewer.begin() + static_cast<long>(i));
    writeMembers(directory / "b", fewer);
    EXPECT_FALSE(use(directory / "b")) << "without " << members[i].first;
    for (size_t j = 0; j < members.size(); ++j) {
      if (i == j || members[j].first.rfind("code/", 0) == 0)
        continue;
      Members swapped = members;
      swapped[j].second = members[i].second;
      writeMembers(directory / "b", swapped);
      // Weights may be any bytes as long as there are enough of them.
      if (members[j].first != "params.safetensors") {
        EXPECT_FALSE(use(directory / "b")) << members[j].first << " holds " << members[i].first;
      } else {
        use(directory / "b");
      }
    }
  }
}

} // namespace
