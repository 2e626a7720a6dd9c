// The handwritten Llama on stories260K: greedy tokens and logits of llama2.c, prefill, cached against recomputed.
#include "test/unit/Interpreter/Testing.h"

#include "ingot/Interpreter/Generate.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>
#include <fstream>

using namespace ingot::interpreter;

namespace {

const std::string kData = INGOT_SHARED_DATA_DIR "/llm/";

/// The checkpoint's tensors under the names of examples/llama2c/export_safetensors.py.
class Checkpoint {
public:
  static std::optional<Checkpoint> load(const std::string &path) {
    auto file = llvm::MemoryBuffer::getFile(path, false, false);
    if (!file)
      return std::nullopt;
    Checkpoint checkpoint;
    const char *at = (*file)->getBufferStart() + 7 * sizeof(int32_t);
    auto take = [&](Shape shape) {
      Array array = Array::ofBytes(Element::f32, shape, at);
      at += array.numElements() * sizeof(float);
      return array;
    };
    auto perLayer = [&](const std::string &name, Shape shape) {
      for (int layer = 0; layer < 5; ++layer)
        checkpoint.arrays["layers." + std::to_string(layer) + "." + name + ".weight"] = take(shape);
    };
    checkpoint.arrays["tok_embeddings.weight"] = take({512, 64});
    perLayer("attention_norm", {64});
    perLayer("attention.wq", {64, 64});
    perLayer("attention.wk", {32, 64});
    perLayer("attention.wv", {32, 64});
    perLayer("attention.wo", {64, 64});
    perLayer("ffn_norm", {64});
    perLayer("feed_forward.w1", {172, 64});
    perLayer("feed_forward.w2", {64, 172});
    perLayer("feed_forward.w3", {172, 64});
    checkpoint.arrays["norm.weight"] = take({64});
    checkpoint.arrays["rope.cos"] = table([](double x) { return std::cos(x); });
    checkpoint.arrays["rope.sin"] = table([](double x) { return std::sin(x); });
    return checkpoint;
  }

  ParamProvider provider() const {
    return [arrays = arrays](llvm::StringRef name) {
      auto it = arrays.find(name);
      return it == arrays.end() ? std::nullopt : std::optional(it->second);
    };
  }

private:
  template <typename Fn> static Array table(Fn fn) {
    std::vector<double> values;
    for (int position = 0; position < 512; ++position)
      for (int i = 0; i < 4; ++i)
        values.push_back(static_cast<float>(fn(position * std::pow(10000.0, -i / 4.0))));
    return Array::ofFloats(Element::f32, {512, 4}, values);
  }

  Arrays arrays;
};

class DecoderTest : public InterpreterTest {
protected:
  void SetUp() override {
    auto loaded = Checkpoint::load(kData + "stories260K.bin");
    if (!loaded)
      GTEST_SKIP() << "no " << kData << "stories260K.bin";
    checkpoint = *loaded;
    module = mlir::parseSourceFile<mlir::ModuleOp>(INGOT_SOURCE_DIR "/examples/handwritten/llama.mlir", &context);
    ASSERT_TRUE(module) << messages;
  }

  /// The golden run: 64 positions, the first token is BOS.
  static std::vector<int64_t> goldenTokens() {
    std::ifstream file(kData + "stories260K.tokens.txt");
    return {std::istream_iterator<int64_t>(file), std::istream_iterator<int64_t>()};
  }

  std::vector<int64_t> generate(const DecoderEntries &entries, int64_t count, Mode mode,
                                const LogitsCallback &onLogits = {}, std::vector<int64_t> prompt = {1}) {
    Interpreter interpreter(*module, {mode, 0}, checkpoint.provider());
    auto tokens = greedyGenerate(interpreter, entries, prompt, count, onLogits);
    EXPECT_TRUE(mlir::succeeded(tokens)) << messages;
    return mlir::succeeded(tokens) ? *tokens : std::vector<int64_t>();
  }

  Checkpoint checkpoint;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

TEST_F(DecoderTest, TellsTheGoldenStory) {
  auto golden = goldenTokens();
  ASSERT_EQ(golden.size(), 64u);
  std::ifstream file(kData + "stories260K.logits.f32", std::ios::binary);
  std::vector<float> expected(64 * 512);
  ASSERT_TRUE(file.read(reinterpret_cast<char *>(expected.data()), static_cast<std::streamsize>(expected.size() * 4)));
  for (Mode mode : {Mode::Exact, Mode::Typed}) {
    size_t row = 0;
    double worst = 0, largest = 0;
    auto tokens = generate({}, 63, mode, [&](llvm::ArrayRef<double> logits) {
      for (size_t v = 0; v < 512; ++v) {
        worst = std::max(worst, std::fabs(logits[v] - expected[row * 512 + v]));
        largest = std::max(largest, std::fabs(logits[v]));
      }
      ++row;
    });
    EXPECT_EQ(tokens, std::vector<int64_t>(golden.begin() + 1, golden.end()));
    // The golden logits are float32 themselves; llama2.c's own error is of this size.
    EXPECT_LT(worst / largest, 2e-5) << (mode == Mode::Exact ? "exact" : "typed");
  }
}

TEST_F(DecoderTest, PrefillAndDecodeEqualsDecodeOnly) {
  auto golden = goldenTokens();
  std::vector<int64_t> prompt(golden.begin(), golden.begin() + 20), rest(golden.begin() + 20, golden.end());
  EXPECT_EQ(generate({"decode", "prefill"}, 44, Mode::Exact, {}, prompt), rest);
  EXPECT_EQ(generate({"decode", ""}, 44, Mode::Exact, {}, prompt), rest);
}

TEST_F(DecoderTest, CachedDecodeEqualsFullRecompute) {
  // Every position once from the cache and once from a fresh state by prefill of the whole text before it.
  auto golden = goldenTokens();
  std::vector<std::vector<double>> cached;
  generate({}, 63, Mode::Exact, [&](llvm::ArrayRef<double> logits) { cached.push_back(logits.vec()); });
  for (size_t length : {1, 17, 40, 63}) {
    std::vector<double> fresh;
    generate(
        {"decode", "prefill"}, 1, Mode::Exact, [&](llvm::ArrayRef<double> logits) { fresh = logits.vec(); },
        std::vector<int64_t>(golden.begin(), golden.begin() + static_cast<int64_t>(length)));
    ASSERT_EQ(cached.size(), 63u);
    expectNear(fresh, cached[length - 1], 1e-10);
  }
}

TEST_F(DecoderTest, FourHundredTokens) {
  auto exact = generate({}, 400, Mode::Exact), rounded = generate({}, 400, Mode::Typed);
  EXPECT_EQ(exact.size(), 400u);
  EXPECT_EQ(exact, rounded);
}

} // namespace
