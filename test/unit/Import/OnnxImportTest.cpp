// What the importer gives a driver: shared parameters, several entries, metadata, the decoder's interface.
#include "ImportFixture.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::testing;

namespace {

OnnxImportOptions withRows(const std::string &entry, int64_t rows) {
  OnnxImportOptions options;
  options.entry = entry;
  options.dims["n"] = rows;
  return options;
}

int64_t rowsOf(ModuleOp module, StringRef entry) {
  return cast<ShapedType>(module.lookupSymbol<func::FuncOp>(entry).getArgumentTypes()[0]).getDimSize(0);
}

TEST(OnnxImport, SpecialisationsShareParameters) {
  Diagnosed d;
  auto module = d.emptyModule();
  ParamStore params;
  {
    auto model = d.parse(linearModel().SerializeAsString());
    ASSERT_TRUE(model) << d.errors;
    ASSERT_TRUE(succeeded(importOnnx(*model, *module, withRows("decode", 1), params))) << d.errors;
    const char *bytes = params.find("w")->bytes.data();
    ASSERT_TRUE(succeeded(importOnnx(*model, *module, withRows("prefill", 64), params))) << d.errors;
    EXPECT_EQ(params.find("w")->bytes.data(), bytes);
  }
  EXPECT_EQ(llvm::range_size(module->getOps<ParamOp>()), 1);
  EXPECT_EQ(rowsOf(*module, "decode"), 1);
  EXPECT_EQ(rowsOf(*module, "prefill"), 64);
  EXPECT_TRUE(succeeded(verify(*module)));
  // The model is gone; the store keeps what its bytes lie in.
  const ParamData *w = params.find("w");
  ASSERT_EQ(w->bytes.size(), 64u);
  float last;
  memcpy(&last, w->bytes.data() + 60, sizeof(last));
  EXPECT_EQ(last, 15.0f);
}

TEST(OnnxImport, InitialisersAreViewedInPlace) {
  Diagnosed d;
  llvm::SmallString<128> folder;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("ingot-onnx", folder));
  llvm::SmallString<128> data(folder);
  llvm::sys::path::append(data, "w.bin");
  {
    std::error_code error;
    llvm::raw_fd_ostream out(data, error);
    ASSERT_FALSE(error);
    out << std::string(3, 'x') << std::string(1 << 20, '\0'); // data at an odd offset
  }
  onnx::ModelProto proto = linearModel();
  onnx::TensorProto &tensor = *proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (auto [key, value] : {std::pair("location", "w.bin"), {"offset", "3"}}) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  addInitializer(proto, "v", {4, 4}) = tensor;
  proto.mutable_graph()->mutable_initializer(1)->set_name("v");
  addNode(proto, "MatMul", {"y", "v"}, "z");
  proto.mutable_graph()->mutable_output(0)->set_name("z");
  ParamStore params;
  auto module = d.emptyModule();
  {
    auto model = d.parse(proto.SerializeAsString(), folder);
    ASSERT_TRUE(model) << d.errors;
    ASSERT_TRUE(succeeded(importOnnx(*model, *module, withRows("main", 2), params))) << d.errors;
  }
  // Two tensors in one file are views of one mapping.
  EXPECT_EQ(params.find("w")->bytes.data(), params.find("v")->bytes.data());
  EXPECT_EQ(params.find("w")->bytes[63], '\0');
  llvm::sys::fs::remove_directories(folder);
}

TEST(OnnxImport, OtherElementsUnderTheSameNameAreRefused) {
  Diagnosed d;
  auto module = d.emptyModule();
  ParamStore params;
  auto first = d.parse(linearModel().SerializeAsString());
  ASSERT_TRUE(succeeded(importOnnx(*first, *module, withRows("a", 1), params)));
  onnx::ModelProto other = linearModel();
  other.mutable_graph()->mutable_initializer(0)->mutable_raw_data()->at(0) = 1;
  auto second = d.parse(other.SerializeAsString());
  EXPECT_TRUE(failed(importOnnx(*second, *module, withRows("b", 1), params)));
  EXPECT_NE(d.errors.find("has other elements for parameter 'w' than the module has already"), std::string::npos)
      << d.errors;
  EXPECT_FALSE(module->lookupSymbol("b"));
}

TEST(OnnxImport, FailureLeavesTheModuleAsItWas) {
  Diagnosed d;
  auto module = d.emptyModule();
  ParamStore params;
  onnx::ModelProto proto = linearModel();
  addNode(proto, "Add", {"y", "x"}, "z").add_input("one too many");
  addNode(proto, "Neg", {"x"}, "one too many");
  proto.mutable_graph()->mutable_node()->SwapElements(1, 2);
  auto model = d.parse(proto.SerializeAsString());
  ASSERT_TRUE(model) << d.errors;
  EXPECT_TRUE(failed(importOnnx(*model, *module, withRows("main", 1), params)));
  EXPECT_EQ(d.errors, "Add expects at most 2 inputs, but got 3\n");
  EXPECT_TRUE(module->getBody()->empty());
  EXPECT_TRUE(params.all().empty());
}

TEST(OnnxImport, EntryNamesAreUnique) {
  Diagnosed d;
  auto module = d.emptyModule();
  ParamStore params;
  auto model = d.parse(linearModel().SerializeAsString());
  ASSERT_TRUE(succeeded(importOnnx(*model, *module, withRows("main", 1), params)));
  EXPECT_TRUE(failed(importOnnx(*model, *module, withRows("main", 2), params)));
  EXPECT_NE(d.errors.find("cannot become entry 'main'"), std::string::npos) << d.errors;
}

TEST(OnnxImport, TypedFieldsHoldTheSameElementsAsRawData) {
  Diagnosed d;
  onnx::ModelProto proto = linearModel();
  onnx::TensorProto &tensor = *proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  for (int i = 0; i < 16; ++i)
    tensor.add_float_data(static_cast<float>(i));
  auto module = d.emptyModule();
  ParamStore params;
  auto model = d.parse(proto.SerializeAsString());
  ASSERT_TRUE(model) << d.errors;
  ASSERT_TRUE(succeeded(importOnnx(*model, *module, withRows("main", 1), params))) << d.errors;
  model.reset();
  ParamStore raw;
  auto rawModule = d.emptyModule();
  auto rawModel = d.parse(linearModel().SerializeAsString());
  ASSERT_TRUE(succeeded(importOnnx(*rawModel, *rawModule, withRows("main", 1), raw)));
  EXPECT_EQ(params.find("w")->bytes, raw.find("w")->bytes);
}

TEST(OnnxImport, DecoderInterfaceIsRecognised) {
  Diagnosed d;
  for (const char *style : {"named", "decomposed"}) {
    std::string path = std::string(INGOT_SOURCE_DIR "/test/fuzz/corpus/onnx/decoder-") + style + ".onnx";
    auto model = OnnxModel::load(path, &d.context);
    ASSERT_TRUE(model) << d.errors;
    auto decoder = model->decoder();
    ASSERT_TRUE(decoder);
    EXPECT_EQ(decoder->layers, 1);
    EXPECT_EQ(decoder->batch.name, "batch");
    EXPECT_EQ(decoder->sequence.name, "sequence");
    EXPECT_EQ(decoder->past.name, "past_sequence_length");
    EXPECT_EQ(decoder->pastInputs, (std::vector<std::string>{"past_key_values.0.key", "past_key_values.0.value"}));
  }
  auto plain = d.parse(linearModel().SerializeAsString());
  EXPECT_FALSE(plain->decoder());
}

TEST(OnnxImport, MetadataIsKept) {
  Diagnosed d;
  onnx::ModelProto proto = linearModel();
  auto *property = proto.add_metadata_props();
  property->set_key("ingot.max_seq");
  property->set_value("64");
  EXPECT_EQ(d.parse(proto.SerializeAsString())->metadata().at("ingot.max_seq"), "64");
}

} // namespace
