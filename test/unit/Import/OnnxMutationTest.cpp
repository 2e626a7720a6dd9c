// Damaged files: never a crash, never a hang, always a message. Runs in CI under the address and undefined-behaviour
// sanitizers.
#include "ImportFixture.h"
#include "MutateOnnx.h"

#include <chrono>
#include <filesystem>
#include <fstream>

using namespace mlir;
using namespace ingot;
using namespace ingot::testing;

namespace {

std::vector<std::string> corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(INGOT_SOURCE_DIR "/test/fuzz/corpus/onnx"))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  for (const auto &path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

/// Imports `bytes` with every symbolic dimension 2. Checks what must hold whatever the bytes are; returns success.
bool importChecked(const std::string &bytes, const std::string &what) {
  auto start = std::chrono::steady_clock::now();
  Diagnosed d;
  auto module = d.emptyModule();
  ParamStore params;
  bool done = false;
  if (auto model = d.parse(bytes)) {
    OnnxImportOptions options;
    for (const OnnxInput &input : model->inputs())
      for (const OnnxDim &dim : input.dims)
        if (!dim.name.empty())
          options.dims[dim.name] = 2;
    done = succeeded(importOnnx(*model, *module, options, params));
  }
  EXPECT_EQ(done, d.errors.empty()) << what << ": " << d.errors;
  EXPECT_EQ(d.errors.find("does not verify"), std::string::npos) << what << ": " << d.errors;
  if (!done) {
    EXPECT_TRUE(module->getBody()->empty()) << what;
    EXPECT_TRUE(params.all().empty()) << what;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << what;
  return done;
}

TEST(OnnxMutation, TheCorpusItselfIsImported) {
  auto files = corpus();
  ASSERT_GE(files.size(), 10u);
  size_t done = 0;
  for (const std::string &file : files)
    done += importChecked(file, "corpus");
  // Some seeds need other extents than 2; most must work, or the mutants would test little.
  EXPECT_GE(done * 4, files.size() * 3);
}

TEST(OnnxMutation, ChangedBytes) {
  auto files = corpus();
  size_t refused = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    refused += !importChecked(mutateBytes(files[seed % files.size()], random), "bytes, seed " + std::to_string(seed));
  }
  EXPECT_GT(refused, 250u);
}

TEST(OnnxMutation, ChangedFields) {
  auto files = corpus();
  size_t refused = 0, count = 2000;
  for (uint64_t seed = 0; seed < count; ++seed) {
    Random random(seed);
    refused +=
        !importChecked(mutateMessage(files[seed % files.size()], random), "fields, seed " + std::to_string(seed));
  }
  EXPECT_GT(refused, count / 4);
  EXPECT_LT(refused, count); // some mutants are still models
}

} // namespace
