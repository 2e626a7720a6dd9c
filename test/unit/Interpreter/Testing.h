// Parses a program, runs it, and keeps what it reported.
#pragma once

#include "dialects/Registration.h"
#include "ingot/Interpreter/Interpreter.h"
#include "ingot/Interpreter/Models.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace ingot::interpreter {

class InterpreterTest : public ::testing::Test {
protected:
  InterpreterTest()
      : context(registry()), handler(&context, [this](mlir::Diagnostic &diagnostic) {
          llvm::raw_string_ostream os(messages);
          os << diagnostic << '\n';
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            os << note << '\n';
        }) {}

  /// Null, with the reason in `messages`, if the text is invalid.
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  /// The outputs of an entry; fails the test and returns nothing if it cannot run.
  Arrays run(llvm::StringRef text, const Arrays &inputs = {}, Options options = {}, llvm::StringRef entry = "main",
             ParamProvider params = {}) {
    auto module = parse(text);
    EXPECT_TRUE(module) << messages;
    if (!module)
      return {};
    Interpreter interpreter(*module, options, std::move(params));
    auto outputs = interpreter.run(entry, inputs);
    EXPECT_TRUE(mlir::succeeded(outputs)) << messages;
    return mlir::succeeded(outputs) ? *outputs : Arrays();
  }

  /// What a run that must fail reports.
  std::string fail(llvm::StringRef text, const Arrays &inputs = {}, Options options = {},
                   llvm::StringRef entry = "main") {
    auto module = parse(text);
    EXPECT_TRUE(module) << messages;
    if (!module)
      return "";
    Interpreter interpreter(*module, options);
    EXPECT_TRUE(mlir::failed(interpreter.run(entry, inputs)));
    return std::exchange(messages, "");
  }

  static Array floats(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values, Element element = Element::f32) {
    return Array::ofFloats(element, shape, values);
  }
  static Array ints(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values, Element element = Element::i32) {
    return Array::ofInts(element, shape, values);
  }

  /// Arrays by name.
  static Arrays named(std::initializer_list<std::pair<llvm::StringRef, Array>> list) {
    Arrays arrays;
    for (const auto &[name, array] : list)
      arrays[name] = array;
    return arrays;
  }

  /// Distinct, irregular values in (-1, 1) that are exact in f32.
  static std::vector<double> irregular(int64_t count, uint64_t seed) {
    Random random(seed);
    std::vector<double> values(count);
    for (double &value : values)
      value = static_cast<float>(2 * random.unit() - 1);
    return values;
  }

  static void expectNear(const std::vector<double> &actual, const std::vector<double> &expected, double bound) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], bound) << "element " << i;
  }

  static Options typed(uint64_t seed = 0) { return {Mode::Typed, seed}; }

  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    registerInterpreterModels(registry);
    return registry;
  }

  mlir::MLIRContext context;
  std::string messages;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace ingot::interpreter
