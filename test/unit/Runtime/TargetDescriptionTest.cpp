#include "runtime/formats/TargetDescription.h"
#include "runtime/formats/Manifest.h"

#include <gtest/gtest.h>

#include <random>

using namespace ingot::runtime;

namespace {

const TargetDescription kDescription = {"a machine \"x\"", 3, {1.5e11, 2e10, 5e-8, 2.5e-9, 1e-9}};

std::string message(const std::string &text) {
  Result<TargetDescription> parsed = parseTargetDescription(text);
  return parsed ? "accepted" : parsed.status().message();
}

TEST(TargetDescriptionTest, RoundTrip) {
  std::string text = printTargetDescription(kDescription);
  Result<TargetDescription> parsed = parseTargetDescription(text);
  ASSERT_TRUE(parsed) << parsed.status().message();
  EXPECT_EQ(printTargetDescription(*parsed), text);
  EXPECT_EQ(parsed->device, kDescription.device);
  EXPECT_EQ(parsed->workers, 3u);
  EXPECT_EQ(parsed->costs.flopsPerSecond, 1.5e11);
  EXPECT_EQ(parsed->costs.bytesPerSecond, 2e10);
  EXPECT_EQ(parsed->costs.syncSeconds, 5e-8);
  EXPECT_EQ(parsed->costs.taskSeconds, 2.5e-9);
  EXPECT_EQ(parsed->costs.counterSeconds, 1e-9);
}

TEST(TargetDescriptionTest, NamesMistakes) {
  const std::string text = printTargetDescription(kDescription);
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string copy = text;
    size_t at = copy.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return message(copy.replace(at, from.size(), to));
  };
  const std::string place = "target description: ";
  EXPECT_EQ(changed("ingot-target-description", "a-description"),
            place + "'format' expects ingot-target-description, but got 'a-description'");
  EXPECT_EQ(changed("\"version\": 1", "\"version\": 2"), place + "'version' expects 1, but got 2");
  EXPECT_EQ(changed("\"workers\": 3", "\"workers\": 0"), place + "'workers' expects 1 to 1024, but got 0");
  EXPECT_EQ(changed("\"workers\": 3", "\"workers\": 1025"), place + "'workers' expects 1 to 1024, but got 1025");
  EXPECT_EQ(changed("\"workers\": 3", "\"workers\": -3"), place + "'workers' is negative");
  const std::string unprintable = place + "'device' expects a printable name, but got one with a control character";
  EXPECT_EQ(changed("a machine", "\\u001b[31m"), unprintable);
  EXPECT_EQ(changed("a machine", "two\\nlines"), unprintable);
  EXPECT_EQ(changed("a machine", "\\u007f"), unprintable);
  EXPECT_EQ(changed("a machine", std::string(4097 - 4, 'x')),
            place + "'device' expects at most 4096 bytes, but got 4097");
  EXPECT_EQ(changed("a machine", std::string(4096 - 4, 'x')), "accepted");
  EXPECT_EQ(changed("\"device\"", "\"more\": 1, \"device\""), place + "has the unknown key 'more'");
  EXPECT_EQ(changed("150000000000.0", "0"), place + "'flops_per_second' expects 1e3 to 1e18, but got 0.0");
  EXPECT_EQ(changed("150000000000.0", "1e19"), place + "'flops_per_second' expects 1e3 to 1e18, but got 1e+19");
  EXPECT_EQ(changed("20000000000.0", "-1e9"), place + "'bytes_per_second' expects 1e3 to 1e18, but got -1000000000.0");
  EXPECT_EQ(changed("5e-08", "1.5"), place + "'sync_seconds' expects 1e-15 to 1, but got 1.5");
  EXPECT_EQ(changed("5e-08", "null"), place + "'sync_seconds' expects number, but got null");
  EXPECT_EQ(changed("2.5e-09", "\"1\""), place + "'task_seconds' expects number, but got string");
  EXPECT_EQ(changed("1e-09", "0"), place + "'counter_seconds' expects 1e-15 to 1, but got 0.0");
  for (const char *bad : {"1e999", "NaN", "Infinity", "-", ""})
    EXPECT_NE(changed("1e-09", bad).find(place), std::string::npos) << bad;
  for (const char *key : {"format", "version", "device", "workers", "flops_per_second", "bytes_per_second",
                          "sync_seconds", "task_seconds", "counter_seconds"}) {
    const std::string name = std::string("\"") + key + "\"";
    EXPECT_EQ(changed(name + ":", "\"other\":"), place + "expects '" + key + "'");
    EXPECT_NE(changed(name + ":", name + ": 1, " + name + ":").find("appears twice"), std::string::npos);
  }
  for (const char *other : {"", "[]", "1", "null", "\"x\""})
    EXPECT_NE(message(other).find("target description"), std::string::npos) << other;
}

/// Whatever is broken, the reader returns, and what it accepts is within bounds.
TEST(TargetDescriptionTest, DamagedTextIsReadOrRefused) {
  const std::string text = printTargetDescription(kDescription);
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string copy = text;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      static constexpr char kBytes[] = "0123456789-+.eE{}[],:\"\\ \n\0\xff";
      copy[random() % copy.size()] = kBytes[random() % (sizeof(kBytes) - 1)];
    }
    Result<TargetDescription> parsed =
        parseTargetDescription(random() % 4 ? copy : copy.substr(0, random() % copy.size()));
    if (!parsed) {
      ++refused;
      continue;
    }
    EXPECT_TRUE(parsed->workers >= 1 && parsed->workers <= kMaxDescribedWorkers);
    EXPECT_TRUE(parsed->costs.flopsPerSecond >= 1e3 && parsed->costs.flopsPerSecond <= 1e18);
    EXPECT_TRUE(parsed->costs.counterSeconds >= 1e-15 && parsed->costs.counterSeconds <= 1);
  }
  EXPECT_GT(refused, 2000);
}

} // namespace
