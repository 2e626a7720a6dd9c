// The front without MLIR: text and bytes.
#include "ingot/Interpreter/Host.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace ingot::interpreter;

namespace {

HostTensor floats(std::vector<int64_t> shape, const std::vector<float> &values) {
  std::vector<char> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {"f32", std::move(shape), std::move(bytes)};
}

std::vector<float> valuesOf(const HostTensor &tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

const char *kText = R"(
  ingot.param @w : tensor<2x3xf32, #ingot.panels<axis = 0, width = 2>>
  ingot.state @sum init 0.0 : tensor<2xf32>
  func.func @main(%x: tensor<3xf32> {ingot.input = "x"}, %s: tensor<2xf32> {ingot.state = @sum},
      %w: tensor<2x3xf32, #ingot.panels<axis = 0, width = 2>> {ingot.param = @w})
      -> (tensor<2xf32> {ingot.output = "y"}, tensor<2xf32> {ingot.state = @sum}) {
    %0 = ingot.dot %w, %x contract [1] x [0]
        : (tensor<2x3xf32, #ingot.panels<axis = 0, width = 2>>, tensor<3xf32>) -> tensor<2xf32>
    %1 = arith.addf %0, %s : tensor<2xf32>
    return %1, %1 : tensor<2xf32>, tensor<2xf32>
  })";

HostOptions withParams(HostTensor tensor) {
  HostOptions options;
  options.params = [tensor](const std::string &name) { return name == "w" ? std::optional(tensor) : std::nullopt; };
  return options;
}

TEST(Host, RunsStepsOnRowMajorAndOnStoredParameters) {
  for (const HostTensor &w : {floats({2, 3}, {1, 2, 3, 4, 5, 6}), floats({1, 3, 2}, {1, 4, 2, 5, 3, 6})}) {
    std::string error;
    auto interpreter = HostInterpreter::create(kText, "test.mlir", withParams(w), error);
    ASSERT_TRUE(interpreter) << error;
    HostTensors inputs = {{"x", floats({3}, {1, 1, 2})}};
    auto first = interpreter->run("main", inputs, error), second = interpreter->run("main", inputs, error);
    ASSERT_TRUE(first && second) << error;
    EXPECT_EQ(first->at("y").dtype, "f32");
    EXPECT_EQ(first->at("y").shape, std::vector<int64_t>{2});
    EXPECT_EQ(valuesOf(first->at("y")), (std::vector<float>{9, 21}));
    EXPECT_EQ(valuesOf(second->at("y")), (std::vector<float>{18, 42}));
    interpreter->reset();
    EXPECT_EQ(valuesOf(interpreter->run("main", inputs, error)->at("y")), (std::vector<float>{9, 21}));
  }
}

TEST(Host, BadTextAndTensorsAreReported) {
  std::string error;
  EXPECT_FALSE(HostInterpreter::create("func.func @main(", "test.mlir", {}, error));
  EXPECT_NE(error.find("test.mlir:1:"), std::string::npos) << error;
  auto expectFailure = [](HostTensor w, HostTensor x, const char *expected) {
    std::string message;
    auto interpreter = HostInterpreter::create(kText, "test.mlir", withParams(std::move(w)), message);
    ASSERT_TRUE(interpreter) << message;
    EXPECT_FALSE(interpreter->run("main", {{"x", std::move(x)}}, message));
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  };
  HostTensor w = floats({2, 3}, {1, 2, 3, 4, 5, 6}), x = floats({3}, {1, 1, 2});
  expectFailure(w, {"f8", {3}, x.bytes}, "'x': dtype f8 is not supported yet");
  expectFailure(w, {"f32", {int64_t(1) << 60, 16}, x.bytes},
                "'x': expects as many bytes as its shape says, but got 12");
  expectFailure(w, {"f32", {-3}, x.bytes}, "'x': expects as many bytes as its shape says");
  expectFailure(w, {"f32", {3}, std::vector<char>(11)}, "but got 11");
  expectFailure({"f32", {3, 2}, w.bytes}, x, "expects parameter 'w' of shape [2, 3], but got [3, 2]");
  expectFailure({"f32", {7}, w.bytes}, x, "parameter 'w': expects as many bytes as its shape says, but got 24");
}

TEST(Host, InterpretMainGivesExitCodes) {
  HostTensors outputs;
  HostTensor w = floats({2, 3}, {1, 2, 3, 4, 5, 6}), x = floats({3}, {1, 1, 2});
  EXPECT_EQ(interpretMain(kText, "test.mlir", "main", withParams(w), {{"x", x}}, outputs), 0);
  EXPECT_EQ(outputs.count("y"), 1u);
  EXPECT_EQ(interpretMain(kText, "test.mlir", "other", withParams(w), {{"x", x}}, outputs), 1);
}

} // namespace
