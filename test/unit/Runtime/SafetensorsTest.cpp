#include "Synthetic.h"

#include "runtime/formats/Safetensors.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

using namespace ingot::runtime;
using namespace ingot::test;
using ingot::program::DType;

namespace {

std::span<const std::byte> bytes(const std::string &text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string withHeader(const std::string &header, size_t dataBytes) {
  uint64_t size = header.size();
  std::string file(reinterpret_cast<const char *>(&size), 8);
  return file + header + std::string(dataBytes, '\1');
}

std::string message(const std::string &file) {
  Result<Safetensors> parsed = Safetensors::parse(bytes(file));
  return parsed ? "accepted" : parsed.status().message();
}

const std::vector<SafetensorsEntry> kEntries = {{"odd", DType::i8, {3}},      {"weights", DType::f32, {16, 4}},
                                                {"half", DType::bf16, {5}},   {"scalar", DType::f64, {}},
                                                {"none", DType::f32, {0, 7}}, {"flags", DType::i1, {2}}};

std::string writeEntries() {
  Result<SafetensorsLayout> layout = layoutSafetensors(kEntries, {{"format", "pt"}});
  EXPECT_TRUE(layout);
  std::string file = layout->header;
  file.resize(layout->fileSize);
  for (size_t i = 0; i < kEntries.size(); ++i)
    std::memset(file.data() + layout->offsets[i], static_cast<int>(i),
                i + 1 < kEntries.size() && kEntries[i].shape != std::vector<int64_t>{0, 7} ? 1 : 0);
  return file;
}

TEST(SafetensorsTest, LayoutIsAligned) {
  Result<SafetensorsLayout> layout = layoutSafetensors(kEntries, {{"format", "pt"}});
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->header.size() % 64, 0u);
  for (size_t i = 0; i < kEntries.size(); ++i)
    EXPECT_EQ(layout->offsets[i] % byteSize(kEntries[i].dtype), 0u) << kEntries[i].name;
  EXPECT_EQ(layout->offsets[1] % 64, 0u);
  EXPECT_EQ(layout->fileSize, layout->header.size() + 3 + 256 + 10 + 8 + 0 + 2);
}

TEST(SafetensorsTest, RoundTrip) {
  std::string file = writeEntries();
  Result<Safetensors> parsed = Safetensors::parse(bytes(file));
  ASSERT_TRUE(parsed) << parsed.status().message();
  EXPECT_EQ(parsed->metadata().at("format"), "pt");
  for (const SafetensorsEntry &entry : kEntries) {
    const SafetensorsTensor *tensor = parsed->find(entry.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->dtype, entry.dtype);
    EXPECT_EQ(tensor->shape, entry.shape);
    EXPECT_EQ(static_cast<size_t>(tensor->data.data() - bytes(file).data()), tensor->offset);
  }
}

TEST(SafetensorsTest, ReferenceImplementationReadsIt) {
  std::string python = std::string(INGOT_SOURCE_DIR) + "/.venv/bin/python";
  if (std::system((python + " -c 'import safetensors.numpy' > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "the Python package safetensors is not installed; run scripts/setup";
  TemporaryDirectory directory;
  std::vector<SafetensorsEntry> entries = {{"b", DType::i32, {3}}, {"a", DType::f32, {2, 8, 4}}, {"c", DType::i1, {1}}};
  Result<SafetensorsLayout> layout = layoutSafetensors(entries, {{"who", "ingot"}});
  std::string file = layout->header;
  file.resize(layout->fileSize);
  int32_t value = 77;
  std::memcpy(file.data() + layout->offsets[0] + 4, &value, 4);
  writeFile(directory / "x.safetensors", file);
  EXPECT_EQ(std::system((python +
                         " -c \"import sys, safetensors.numpy as s; t = s.load_file(sys.argv[1]); "
                         "assert t['b'].tolist() == [0, 77, 0] and t['a'].shape == (2, 8, 4) and "
                         "t['c'].dtype == bool and len(t) == 3\" " +
                         (directory / "x.safetensors"))
                            .c_str()),
            0);
}

TEST(SafetensorsTest, RefusesBrokenFiles) {
  EXPECT_EQ(message("abc"), "safetensors file is broken: it has only 3 bytes");
  EXPECT_EQ(message(std::string(8, '\xff')), "safetensors file is broken: its header reaches beyond the file");
  EXPECT_NE(message(withHeader("{", 0)).find("JSON is broken"), std::string::npos);
  EXPECT_EQ(message(withHeader("[]", 0)), "safetensors file is broken: its header is no object");
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(message(withHeader("{" + a + "}", 8)), "accepted");
  EXPECT_EQ(message(withHeader("{" + a + "}", 7)), "safetensors file is broken: tensor 'a' reaches beyond the file");
  EXPECT_EQ(message(withHeader("{" + a + "}", 9)), "safetensors file is broken: it has bytes that belong to no tensor");
  EXPECT_NE(message(withHeader("{" + a + "," + a + "}", 8)).find("'a' appears twice"), std::string::npos);
  auto one = [&](const char *dtype, const char *shape, const char *offsets) {
    return message(withHeader(
        std::string(R"({"a":{"dtype":)") + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", 8));
  };
  EXPECT_EQ(one("\"F32\"", "[2]", "[0,8]"), "accepted");
  EXPECT_EQ(one("\"U8\"", "[8]", "[0,8]"), "accepted");
  for (auto [dtype, shape, offsets] :
       {std::tuple("\"F31\"", "[2]", "[0,8]"), std::tuple("7", "[2]", "[0,8]"), std::tuple("\"F32\"", "[3]", "[0,8]"),
        std::tuple("\"F32\"", "[-2]", "[0,8]"), std::tuple("\"F32\"", "[2]", "[8,0]"),
        std::tuple("\"F32\"", "[2]", "[0]"), std::tuple("\"F32\"", "[4611686018427387904,4]", "[0,8]"),
        std::tuple("\"F32\"", "2", "[0,8]"), std::tuple("\"F32\"", "[1]", "[4,8]"),
        std::tuple("\"F32\"", "[1.5]", "[0,8]"), std::tuple("\"F32\"", "[2]", "[0,18446744073709551615]")})
    EXPECT_NE(one(dtype, shape, offsets), "accepted") << dtype << shape << offsets;
  std::string deep(100000, '[');
  EXPECT_NE(message(withHeader(deep, 0)).find("nested too deeply"), std::string::npos);
}

TEST(SafetensorsTest, RandomDamageNeverCrashes) {
  std::string file = writeEntries();
  std::mt19937 random(2);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = file;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    message(damaged);
  }
}

} // namespace
