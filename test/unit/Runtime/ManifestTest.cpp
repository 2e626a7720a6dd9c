#include "Synthetic.h"

#include "runtime/formats/Manifest.h"

#include <gtest/gtest.h>

#include <random>

using namespace ingot::runtime;
using namespace ingot::test;
using ingot::program::DType;

namespace {

Manifest makeManifest() {
  Manifest manifest = makeDecoder().manifest;
  manifest.tokenizer = ManifestTokenizer{"llama2c", "tokenizer.bin", {1}};
  manifest.eos = {1, 2};
  manifest.entries[0].specialisation = {{"batch", 1}};
  manifest.entries[0].inputs[0].range = {0, 255};
  for (ManifestParam &param : manifest.params) {
    param.member = "params.safetensors";
    param.layout = "panel16";
    param.offset = 64;
    param.sha256 = std::string(64, 'a');
  }
  manifest.state[0].from = {"past_key_values.0.key", "present.0.key"};
  manifest.memory = {10, 20, {{"decode", "generic", 1, 2, 3, 4}}};
  manifest.flops = {{"decode", 1000}};
  manifest.targetDescription = {"machine", 4, {1e11, 1e10, 1e-7, 1e-8, 1e-9}};
  manifest.fallbacks = {{"ingot.attention", "loc(1)", "no flash"}};
  return manifest;
}

std::string message(const std::string &text) {
  Result<Manifest> parsed = parseManifest(text);
  return parsed ? "accepted" : parsed.status().message();
}

TEST(ManifestTest, RoundTrip) {
  std::string text = printManifest(makeManifest());
  Result<Manifest> parsed = parseManifest(text);
  ASSERT_TRUE(parsed) << parsed.status().message();
  EXPECT_EQ(printManifest(*parsed), text);
  EXPECT_EQ(parsed->modelName(), "decoder");
  EXPECT_EQ(parsed->findState("kv")->role, "kv");
  EXPECT_EQ(parsed->findEntry("decode")->inputOfRole("start")->shape, std::vector<int64_t>{1});
  EXPECT_EQ(parsed->findEntry("nothing"), nullptr);
  EXPECT_EQ(parsed->costs().syncSeconds, 1e-7);
  EXPECT_EQ(Manifest().costs().syncSeconds, ingot::program::CostModel().syncSeconds);
}

/// Every mistake is found and named. Replaces `from`, which must occur, by `to`.
TEST(ManifestTest, NamesMistakes) {
  std::string text = printManifest(makeManifest());
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string copy = text;
    size_t at = copy.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return message(copy.replace(at, from.size(), to));
  };
  EXPECT_EQ(changed("\"format\": 1", "\"format\": 2"), "the artifact has format 2, but this runtime reads 1");
  EXPECT_EQ(changed("\"0.1.0\"", "\"7.0.0\""), "the artifact needs runtime 7.0.0, but this is 0.1.0");
  EXPECT_EQ(changed("\"0.1.0\"", "\"new\""), "manifest: min_runtime expects a version like 1.2.3, but got 'new'");
  EXPECT_EQ(changed("\"eos\"", "\"eons\""), "manifest: expects 'eos'");
  EXPECT_EQ(changed("\"format\": 1", "\"format\": 1, \"more\": 2"), "manifest: has the unknown key 'more'");
  EXPECT_EQ(changed("\"name\": \"embedding\"", "\"name\": \"head\""), "manifest.params[1]: repeats the name 'head'");
  EXPECT_EQ(changed("\"dtype\": \"i32\"", "\"dtype\": \"i33\""),
            "manifest.entries[0].inputs[0]: has the unknown dtype 'i33'");
  EXPECT_EQ(changed("\"role\": \"tokens\"", "\"role\": \"words\""),
            "manifest.entries[0].inputs[0]: has the unknown role 'words'");
  EXPECT_EQ(changed("\"offset\": 64", "\"offset\": -64"), "manifest.params[0]: 'offset' is negative");
  EXPECT_EQ(changed("\"offset\": 64", "\"offset\": 6.4"),
            "manifest.params[0]: 'offset' expects integer, but got number");
  EXPECT_EQ(changed(std::string(64, 'a'), std::string(64, 'z')),
            "manifest.params[0]: sha256 expects 64 lower-case hexadecimal digits");
  EXPECT_EQ(changed("\"params.safetensors\"", "\"../params\""), "manifest.params[0]: 'member' is no name of a member");
  EXPECT_EQ(changed("\"llama2c\"", "\"bpe\""), "manifest: tokenizer: has the unknown type 'bpe'");
  EXPECT_EQ(changed("\"launch\": \"megakernel\"", "\"launch\": \"rocket\""),
            "manifest.entries[0]: has the unknown launch 'rocket'");
  EXPECT_EQ(changed("\"sync_seconds\": 1e-07", "\"sync_seconds\": 0"),
            "manifest.target_description: 'sync_seconds' expects 1e-15 to 1, but got 0.0");
  EXPECT_EQ(changed("\"machine\",", "\"machine\", \"more\": 1,"),
            "manifest.target_description: has the unknown key 'more'");
  EXPECT_NE(changed("{", "{{").find("manifest: JSON is broken"), std::string::npos);
  EXPECT_NE(changed("\"eos\"", "\"format\": 1, \"eos\"").find("'format' appears twice"), std::string::npos);
  Manifest huge = makeManifest();
  huge.params[0].shape = {int64_t(1) << 60, int64_t(1) << 60};
  EXPECT_EQ(message(printManifest(huge)), "manifest.params[0]: has a shape that is negative or too large");
  huge.params[0].shape = {-1};
  EXPECT_EQ(message(printManifest(huge)), "manifest.params[0]: has a shape that is negative or too large");
}

/// A state may start as a parameter of its type.
TEST(ManifestTest, StatesThatStartAsParameters) {
  Manifest manifest = makeManifest();
  manifest.params[0].layout = "panels<axis = 1, width = 4>";
  manifest.params[0].shape = {2, 16, 4}; // of 16x8
  ManifestState state;
  state.name = "trained";
  state.shape = {16, 8};
  state.param = manifest.params[0].name;
  manifest.state.push_back(state);
  auto printed = [&] {
    manifest.state.back() = state;
    return message(printManifest(manifest));
  };
  EXPECT_EQ(printed(), "accepted");
  EXPECT_EQ(parseManifest(printManifest(manifest))->findState("trained")->param, "embedding");
  state.dtype = DType::bf16;
  EXPECT_EQ(printed(), "accepted") << "float32 and bfloat16 stand for each other";
  state.dtype = DType::i32;
  EXPECT_EQ(printed(), "manifest: state 'trained' expects the type of parameter 'embedding', but has i32[16,8]");
  state.dtype = DType::f32;
  state.shape = {8, 16};
  EXPECT_EQ(printed(), "manifest: state 'trained' expects the type of parameter 'embedding', but has f32[8,16]");
  state.shape = {16, 8};
  state.param = "nothing";
  EXPECT_EQ(printed(), "manifest: state 'trained' starts as the unknown parameter 'nothing'");
}

/// A constant is in the artifact, wherever weights are, and is no start of what is trained.
TEST(ManifestTest, Constants) {
  Manifest manifest = makeManifest();
  EXPECT_EQ(printManifest(manifest).find("\"constant\""), std::string::npos);
  manifest.params[0].constant = true;
  std::string text = printManifest(manifest);
  Result<Manifest> parsed = parseManifest(text);
  ASSERT_TRUE(parsed) << parsed.status().message();
  EXPECT_TRUE(parsed->params[0].constant);
  EXPECT_FALSE(parsed->params[1].constant);
  std::string number = text;
  EXPECT_EQ(message(number.replace(number.find("\"constant\": true"), 16, "\"constant\": 1")),
            "manifest.params[0]: constant expects true or false");

  manifest.externalParams = "weights.safetensors";
  for (size_t i = 1; i < manifest.params.size(); ++i)
    manifest.params[i].member = manifest.externalParams;
  EXPECT_EQ(message(printManifest(manifest)), "accepted");
  manifest.params[0].member = manifest.externalParams;
  EXPECT_EQ(message(printManifest(manifest)), "manifest: constant 'embedding' is in the external file");
  manifest.params[0].constant = false;
  EXPECT_EQ(message(printManifest(manifest)), "accepted");
  manifest.params[1].member = "params.safetensors";
  EXPECT_EQ(message(printManifest(manifest)), "manifest: parameter 'head' is not in the external file");

  manifest = makeManifest();
  manifest.params[0].layout = "";
  manifest.params[0].constant = true;
  ManifestState state;
  state.name = "trained";
  state.shape = manifest.params[0].shape;
  state.param = manifest.params[0].name;
  manifest.state.push_back(state);
  EXPECT_EQ(message(printManifest(manifest)), "manifest: state 'trained' starts as the constant 'embedding'");
}

/// Inputs and outputs of a step of training.
TEST(ManifestTest, RolesOfTraining) {
  Manifest manifest = makeManifest();
  ManifestEntry &entry = manifest.entries[0];
  entry.inputs = {{"tokens", DType::i32, {2, 8}, "tokens", {}},
                  {"targets", DType::i32, {2, 8}, "targets", {}},
                  {"weights", DType::f32, {2, 8}, "weights", {}},
                  {"lr", DType::f32, {}, "lr", {}},
                  {"step", DType::i32, {1}, "step", {}}};
  entry.outputs = {{"loss", DType::f32, {}, "loss", {}}, {"norm", DType::f32, {}, "grad_norm", {}}};
  EXPECT_EQ(message(printManifest(manifest)), "accepted");
  EXPECT_TRUE(parseManifest(printManifest(manifest))->entries[0].trains());
  EXPECT_FALSE(parseManifest(printManifest(manifest))->entries[1].trains());
  auto with = [&](size_t input, DType dtype, std::vector<int64_t> shape) {
    Manifest copy = manifest;
    copy.entries[0].inputs[input].dtype = dtype;
    copy.entries[0].inputs[input].shape = std::move(shape);
    return message(printManifest(copy));
  };
  EXPECT_EQ(with(1, DType::f32, {2, 8}), "manifest.entries[0].inputs[1]: role 'targets' expects i32");
  EXPECT_EQ(with(1, DType::i32, {2, 7}),
            "manifest.entries[0]: 'targets' expects the shape of the input with role 'tokens'");
  EXPECT_EQ(with(2, DType::f32, {1, 8}),
            "manifest.entries[0]: 'weights' expects the shape of the input with role 'tokens'");
  EXPECT_EQ(with(3, DType::f32, {2}), "manifest.entries[0].inputs[3]: role 'lr' expects one f32");
  EXPECT_EQ(with(4, DType::f32, {}), "manifest.entries[0].inputs[4]: role 'step' expects one i32");
}

/// Logits of a prompt are those of all rows, or of the last one.
TEST(ManifestTest, RowsOfLogits) {
  Manifest manifest = makeManifest();
  ManifestEntry &prefill = manifest.entries[1];
  ASSERT_EQ(prefill.inputs[0].shape, (std::vector<int64_t>{1, 4}));
  for (int64_t rows : {4, 1, 2, 0, 5}) {
    prefill.outputs[0].shape = {1, rows, 256};
    std::string got = message(printManifest(manifest));
    if (rows == 4 || rows == 1)
      EXPECT_EQ(got, "accepted");
    else
      EXPECT_EQ(got, "manifest.entries[1]: 'logits' expects the batch and length of 'tokens', or one row");
  }
  prefill.outputs[0].shape = {2, 1, 256};
  EXPECT_EQ(message(printManifest(manifest)),
            "manifest.entries[1]: 'logits' expects the batch and length of 'tokens', or one row");
}

TEST(ManifestTest, RandomDamageNeverCrashes) {
  std::string text = printManifest(makeManifest());
  std::mt19937 random(3);
  const char interesting[] = "{}[]\",:-0e9\\";
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = text;
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes)
      damaged[random() % damaged.size()] =
          random() % 2 ? interesting[random() % (sizeof(interesting) - 1)] : static_cast<char>(random());
    message(damaged);
  }
}

} // namespace
