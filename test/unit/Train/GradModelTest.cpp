// Gradients of whole models against differences of their loss, one direction for each parameter.
#include "test/unit/Train/GradCheck.h"

#include "llvm/ADT/STLExtras.h"

#include <fstream>
#include <gtest/gtest.h>

using namespace ingot::test;

namespace {

class GradModel : public testing::TestWithParam<const char *> {};

TEST_P(GradModel, AgreesWithDifferences) {
  std::ifstream file(std::string(INGOT_SOURCE_DIR "/test/Train/Inputs/") + GetParam() + ".mlir");
  GradCheck check(std::string(std::istreambuf_iterator<char>(file), {}), -0.5, 0.5);
  ASSERT_TRUE(check.ok());
  EXPECT_GE(check.params().size(), 4u);
  for (size_t param = 0; param < check.params().size(); ++param) {
    std::vector<double> gradient = check.gradient(param);
    bool zero = llvm::all_of(gradient, [](double number) { return number == 0; });
    bool table = check.params()[param] == "cos" || check.params()[param] == "sin"; // of angles: not trained
    EXPECT_EQ(zero, table) << check.params()[param];
    if (!table)
      check.expectAgreementAlong(param, param);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradModel, testing::Values("mlp", "nano-gpt", "nano-llama"), [](const auto &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
