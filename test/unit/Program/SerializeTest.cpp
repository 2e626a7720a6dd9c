#include "runtime/program/Serialize.h"

#include "runtime/program/Structure.h"
#include "runtime/program/testing/Generate.h"
#include "runtime/program/testing/Random.h"
#include "test/unit/Program/Builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

using runtime::StatusCode;
using ::testing::HasSubstr;

/// Reads bytes that may be anything. What is accepted must be well formed and must be written back as it was.
bool readHostile(const std::vector<uint8_t> &bytes) {
  // An exact copy on the heap lets AddressSanitizer see reads past the end.
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  auto result = deserialize(copy.data(), copy.size());
  if (!result.ok()) {
    EXPECT_FALSE(result.status().message().empty());
    return false;
  }
  EXPECT_TRUE(checkStructure(*result).ok());
  EXPECT_TRUE(checkSchedule(*result).ok());
  EXPECT_EQ(serialize(*result), copy);
  return true;
}

std::vector<uint8_t> sample() {
  TwoLaunches two;
  two.program.launches[1].arguments.push_back({Argument::Kind::Integer, 0, {}, -5});
  return serialize(two.program);
}

TEST(Serialize, RoundTripKeepsEverything) {
  std::vector<Program> programs;
  programs.reserve(201);
  for (uint64_t seed = 0; seed < 200; ++seed)
    programs.push_back(testing::randomSmallProgram(seed));
  programs.push_back(testing::decodeProgram({}, 3));
  for (const Program &program : programs) {
    std::vector<uint8_t> bytes = serialize(program);
    EXPECT_EQ(bytes, serialize(program));
    auto read = deserialize(bytes.data(), bytes.size());
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(serialize(*read), bytes);
    EXPECT_EQ(read->numTasks(), program.numTasks());
    EXPECT_EQ(read->buffers.back().shape, program.buffers.back().shape);
    EXPECT_EQ(read->launches.back().writes.size(), program.launches.back().writes.size());
    EXPECT_EQ(read->schedule.workers(), program.schedule.workers());
  }
}

TEST(Serialize, FieldsLandWhereTheyWere) {
  TwoLaunches two;
  two.program.launches[1].arguments.push_back({Argument::Kind::Integer, 0, {}, -5});
  two.program.launches[1].flops = 123;
  auto bytes = serialize(two.program);
  auto read = deserialize(bytes.data(), bytes.size());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->name, "test");
  EXPECT_EQ(read->target, "cpu:test");
  EXPECT_EQ(read->buffers[0].name, "weights");
  EXPECT_EQ(read->buffers[2].kind, BufferKind::Output);
  EXPECT_TRUE(read->launches[0].reads[0].stream);
  EXPECT_EQ(read->launches[0].writes[0].offset[0].coefficients[0], 4);
  EXPECT_EQ(read->launches[1].arguments.back().value, -5);
  EXPECT_EQ(read->launches[1].flops, 123u);
  EXPECT_EQ(read->events[0].signals, 2u);
  EXPECT_EQ(read->schedule.queues[0][1].launch, 1u);
}

TEST(Serialize, BytesAreLittleEndianWithMagicAndVersion) {
  std::vector<uint8_t> bytes = sample();
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 8), "INGOTPRG");
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin() + 8, bytes.begin() + 12), (std::vector<uint8_t>{1, 0, 0, 0}));
}

TEST(Serialize, RefusesOtherMagicVersionAndTail) {
  std::vector<uint8_t> bytes = sample();
  bytes[0] = 'X';
  EXPECT_THAT(deserialize(bytes.data(), bytes.size()).status().message(), HasSubstr("magic"));
  bytes = sample();
  bytes[8] = 2;
  EXPECT_EQ(deserialize(bytes.data(), bytes.size()).status().code(), StatusCode::unsupported);
  bytes = sample();
  bytes.push_back(0);
  EXPECT_THAT(deserialize(bytes.data(), bytes.size()).status().message(), HasSubstr("expects the file to end"));
}

TEST(Serialize, RefusesEveryTruncation) {
  std::vector<uint8_t> bytes = sample();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(readHostile({bytes.begin(), bytes.begin() + std::ptrdiff_t(size)})) << size;
}

TEST(Serialize, ForgedLengthsDoNotAllocate) {
  std::vector<uint8_t> bytes = sample();
  // The length of the program's name, its target, and whatever else lies at multiples of 1: 4 GiB each.
  for (size_t at = 12; at + 4 <= bytes.size(); ++at) {
    std::vector<uint8_t> forged = bytes;
    std::fill_n(forged.begin() + std::ptrdiff_t(at), 4, uint8_t(0xff));
    readHostile(forged);
  }
}

TEST(Serialize, SurvivesEveryByteChanged) {
  std::vector<uint8_t> bytes = sample();
  size_t accepted = 0, refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at)
    for (uint8_t value : {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff}) {
      std::vector<uint8_t> mutant = bytes;
      mutant[at] = value;
      ++(readHostile(mutant) ? accepted : refused);
    }
  EXPECT_GT(accepted, 0u); // names and costs may be anything
  EXPECT_GT(refused, bytes.size());
}

TEST(Serialize, SurvivesRandomMutations) {
  testing::Random random(7);
  std::vector<std::vector<uint8_t>> seeds = {sample(), serialize(testing::decodeProgram({}, 2))};
  for (uint64_t seed = 0; seed < 20; ++seed)
    seeds.push_back(serialize(testing::randomSmallProgram(seed)));
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> bytes = seeds[size_t(random.below(int64_t(seeds.size())))];
    for (int64_t changes = 1 + random.below(4); changes > 0; --changes) {
      auto at = bytes.begin() + random.below(int64_t(bytes.size()));
      switch (random.below(4)) {
      case 0:
        *at = uint8_t(random.next());
        break;
      case 1:
        *at = uint8_t(*at ^ (1 << random.below(8)));
        break;
      case 2:
        bytes.erase(at, std::min(at + 1 + random.below(8), bytes.end()));
        break;
      default:
        bytes.insert(at, size_t(1 + random.below(8)), uint8_t(random.next()));
      }
      if (bytes.empty())
        bytes.push_back(0);
    }
    readHostile(bytes);
  }
}

} // namespace
} // namespace ingot::program::test
