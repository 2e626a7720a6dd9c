// tensor, memref, scf and func.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;
using V = std::vector<double>;

namespace {

class TensorTest : public InterpreterTest {};

TEST_F(TensorTest, SlicesAndReshapes) {
  Arrays out = run(R"(
    func.func @main(%a: tensor<2x6xf32>, %i: index)
        -> (tensor<3xf32>, tensor<2x6xf32>, tensor<2x2x3xf32>, tensor<12xf32>, tensor<2x6xf32>) {
      %0 = tensor.extract_slice %a[1, %i] [1, 3] [1, 2] : tensor<2x6xf32> to tensor<3xf32>
      %1 = tensor.insert_slice %0 into %a[0, 0] [1, 3] [1, 1] : tensor<3xf32> into tensor<2x6xf32>
      %2 = tensor.expand_shape %a [[0], [1, 2]] output_shape [2, 2, 3] : tensor<2x6xf32> into tensor<2x2x3xf32>
      %3 = tensor.collapse_shape %a [[0, 1]] : tensor<2x6xf32> into tensor<12xf32>
      return %0, %1, %2, %3, %a : tensor<3xf32>, tensor<2x6xf32>, tensor<2x2x3xf32>, tensor<12xf32>, tensor<2x6xf32>
    })",
                   named({{"arg0", floats({2, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})},
                          {"arg1", ints({}, {1}, Element::index)}}));
  EXPECT_EQ(out["result0"].floats(), (V{7, 9, 11}));
  EXPECT_EQ(out["result1"].floats(), (V{7, 9, 11, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(Shape(out["result2"].shape()), (Shape{2, 2, 3}));
  EXPECT_EQ(out["result3"].floats()[7], 7);
  EXPECT_EQ(out["result4"].floats()[0], 0) << "tensors are values";
}

TEST_F(TensorTest, UpdatesInPlaceOnlyWhatNobodyElseSees) {
  // %1 reuses %0's cells; the slice of %2 is still read after %3, so %3 must not.
  Arrays out = run(R"(
    func.func @main(%v: tensor<1xf32>) -> (tensor<3xf32>, tensor<1xf32>, tensor<3xf32>) {
      %c = arith.constant 1.0 : f32
      %0 = tensor.splat %c : tensor<3xf32>
      %1 = tensor.insert_slice %v into %0[0] [1] [1] : tensor<1xf32> into tensor<3xf32>
      %2 = tensor.insert_slice %v into %1[1] [1] [1] : tensor<1xf32> into tensor<3xf32>
      %s = tensor.extract_slice %2[2] [1] [1] : tensor<3xf32> to tensor<1xf32>
      %3 = tensor.insert_slice %v into %2[2] [1] [1] : tensor<1xf32> into tensor<3xf32>
      %4 = tensor.insert_slice %s into %3[0] [1] [1] : tensor<1xf32> into tensor<3xf32>
      return %3, %s, %4 : tensor<3xf32>, tensor<1xf32>, tensor<3xf32>
    })",
                   named({{"arg0", floats({1}, {7})}}));
  EXPECT_EQ(out["result0"].floats(), (V{7, 7, 7}));
  EXPECT_EQ(out["result1"].floats(), (V{1}));
  EXPECT_EQ(out["result2"].floats(), (V{1, 7, 7}));
}

TEST_F(TensorTest, ConcatPadAndElements) {
  Arrays out = run(R"(
    func.func @main(%a: tensor<1x2xf32>, %b: tensor<2x2xf32>) -> (tensor<3x2xf32>, tensor<3x4xf32>, f32, tensor<2xf32>, index) {
      %0 = tensor.concat dim(0) %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
      %z = arith.constant -1.0 : f32
      %1 = tensor.pad %a low[1, 0] high[1, 2] {
      ^bb0(%i: index, %j: index):
        tensor.yield %z : f32
      } : tensor<1x2xf32> to tensor<3x4xf32>
      %c1 = arith.constant 1 : index
      %2 = tensor.extract %b[%c1, %c1] : tensor<2x2xf32>
      %3 = tensor.from_elements %2, %z : tensor<2xf32>
      %4 = tensor.dim %0, %c1 : tensor<3x2xf32>
      return %0, %1, %2, %3, %4 : tensor<3x2xf32>, tensor<3x4xf32>, f32, tensor<2xf32>, index
    })",
                   named({{"arg0", floats({1, 2}, {1, 2})}, {"arg1", floats({2, 2}, {3, 4, 5, 6})}}));
  EXPECT_EQ(out["result0"].floats(), (V{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(out["result1"].floats(), (V{-1, -1, -1, -1, 1, 2, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(out["result2"].floats(), (V{6}));
  EXPECT_EQ(out["result3"].floats(), (V{6, -1}));
  EXPECT_EQ(out["result4"].ints(), (std::vector<int64_t>{2}));
}

TEST_F(TensorTest, EmptyTensorsAreNaN) {
  Arrays out =
      run("func.func @main() -> tensor<2xf32> {\n%0 = tensor.empty() : tensor<2xf32>\nreturn %0 : tensor<2xf32>\n}");
  EXPECT_EQ(countNaNs(out["result0"]), 2);
}

TEST_F(TensorTest, SlicesOutsideAreReported) {
  std::string message = fail(R"(
    func.func @main(%a: tensor<4xf32>, %i: index) -> tensor<2xf32> {
      %0 = tensor.extract_slice %a[%i] [2] [1] : tensor<4xf32> to tensor<2xf32>
      return %0 : tensor<2xf32>
    })",
                             named({{"arg0", floats({4}, {1, 2, 3, 4})}, {"arg1", ints({}, {3}, Element::index)}}));
  EXPECT_NE(message.find("leaves dimension 0 of extent 4: offset 3, size 2, stride 1"), std::string::npos) << message;
}

TEST_F(TensorTest, LoopsBranchesAndCalls) {
  // The sum of i * i for i in 0, 2, 4, negated by a call when it is large.
  Arrays out = run(R"(
    func.func private @negate(%x: f32) -> f32 {
      %0 = arith.negf %x : f32
      return %0 : f32
    }
    func.func @main(%limit: f32) -> f32 {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %c5 = arith.constant 5 : index
      %zero = arith.constant 0.0 : f32
      %sum = scf.for %i = %c0 to %c5 step %c2 iter_args(%s = %zero) -> f32 {
        %ii = arith.muli %i, %i : index
        %int = arith.index_cast %ii : index to i32
        %f = arith.sitofp %int : i32 to f32
        %next = arith.addf %s, %f : f32
        scf.yield %next : f32
      }
      %large = arith.cmpf ogt, %sum, %limit : f32
      %r = scf.if %large -> f32 {
        %n = func.call @negate(%sum) : (f32) -> f32
        scf.yield %n : f32
      } else {
        scf.yield %sum : f32
      }
      return %r : f32
    })",
                   named({{"arg0", floats({}, {10})}}));
  EXPECT_EQ(out["result0"].floats(), (V{-20}));
}

TEST_F(TensorTest, MemrefsAreWrittenThroughViews) {
  Arrays out = run(R"(
    func.func @main(%x: tensor<4xf32>) -> (f32, f32, f32, memref<4x4xf32>) {
      %m = memref.alloc() : memref<4x4xf32>
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %v = arith.constant 5.0 : f32
      %s = memref.subview %m[1, 2] [2, 2] [2, 1] : memref<4x4xf32> to memref<2x2xf32, strided<[8, 1], offset: 6>>
      memref.store %v, %s[%c1, %c0] : memref<2x2xf32, strided<[8, 1], offset: 6>>
      %c3 = arith.constant 3 : index
      %0 = memref.load %m[%c3, %c2] : memref<4x4xf32>
      %1 = memref.load %m[%c0, %c0] : memref<4x4xf32>
      %f = memref.collapse_shape %m [[0, 1]] : memref<4x4xf32> into memref<16xf32>
      %c14 = arith.constant 14 : index
      %2 = memref.load %f[%c14] : memref<16xf32>
      return %0, %1, %2, %m : f32, f32, f32, memref<4x4xf32>
    })",
                   named({{"arg0", floats({4}, {1, 2, 3, 4})}}));
  EXPECT_EQ(out["result0"].floats(), (V{5}));
  EXPECT_TRUE(std::isnan(out["result1"].floats()[0])) << "fresh memory is poison";
  EXPECT_EQ(out["result2"].floats(), (V{5}));
  EXPECT_EQ(countNaNs(out["result3"]), 15);
}

const char *kForall = R"(
  func.func @main(%x: tensor<6x4xf32>) -> (tensor<6x4xf32>, tensor<3xf32>) {
    %e = tensor.empty() : tensor<6x4xf32>
    %m = tensor.empty() : tensor<3xf32>
    %0:2 = scf.forall (%i, %j) = (0, 0) to (6, 2) step (2, 1) shared_outs(%o = %e, %p = %m) -> (tensor<6x4xf32>, tensor<3xf32>) {
      %c = affine.apply affine_map<(j) -> (j * 2)>(%j)
      %s = tensor.extract_slice %x[%i, %c] [2, 2] [1, 1] : tensor<6x4xf32> to tensor<2x2xf32>
      %d = arith.addf %s, %s : tensor<2x2xf32>
      %r = affine.apply affine_map<(i) -> (i floordiv 2)>(%i)
      %q = tensor.extract_slice %d[0, 0] [1, 1] [1, 1] : tensor<2x2xf32> to tensor<1xf32>
      %n = affine.apply affine_map<(j) -> (1 - j)>(%j)
      %t = tensor.extract_slice %q[0] [%n] [1] : tensor<1xf32> to tensor<?xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %d into %o[%i, %c] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<6x4xf32>
        tensor.parallel_insert_slice %t into %p[%r] [%n] [1] : tensor<?xf32> into tensor<3xf32>
      }
    }
    return %0#0, %0#1 : tensor<6x4xf32>, tensor<3xf32>
  })";

TEST_F(TensorTest, ForallDoesNotDependOnTheOrder) {
  auto x = irregular(24, 7);
  V doubled, firsts;
  for (double value : x)
    doubled.push_back(2 * value);
  for (int row : {0, 2, 4})
    firsts.push_back(2 * x[row * 4]);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Arrays out = run(kForall, named({{"arg0", floats({6, 4}, x)}}), {Mode::Exact, seed});
    EXPECT_EQ(out["result0"].floats(), doubled) << seed;
    EXPECT_EQ(out["result1"].floats(), firsts) << seed;
  }
}

TEST_F(TensorTest, ForallTasksSeeTheInitialValue) {
  // Each task adds its neighbour's initial element to its own.
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Arrays out = run(R"(
      func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
        %0 = scf.forall (%i) in (4) shared_outs(%o = %x) -> (tensor<4xf32>) {
          %k = affine.apply affine_map<(i) -> ((i + 1) mod 4)>(%i)
          %a = tensor.extract_slice %o[%i] [1] [1] : tensor<4xf32> to tensor<1xf32>
          %b = tensor.extract_slice %o[%k] [1] [1] : tensor<4xf32> to tensor<1xf32>
          %s = arith.addf %a, %b : tensor<1xf32>
          scf.forall.in_parallel {
            tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
          }
        }
        return %0 : tensor<4xf32>
      })",
                     named({{"arg0", floats({4}, {1, 2, 4, 8})}}), {Mode::Exact, seed});
    EXPECT_EQ(out["result0"].floats(), (V{3, 6, 12, 9})) << seed;
  }
}

TEST_F(TensorTest, ForallWithOverlappingInsertsIsReported) {
  std::string message = fail(R"(
    func.func @main(%x: tensor<2xf32>) -> tensor<3xf32> {
      %e = tensor.empty() : tensor<3xf32>
      %0 = scf.forall (%i) in (2) shared_outs(%o = %e) -> (tensor<3xf32>) {
        scf.forall.in_parallel {
          tensor.parallel_insert_slice %x into %o[%i] [2] [1] : tensor<2xf32> into tensor<3xf32>
        }
      }
      return %0 : tensor<3xf32>
    })",
                             named({{"arg0", floats({2}, {1, 2})}}));
  EXPECT_NE(message.find("writes an element that another task of the 'scf.forall' writes too"), std::string::npos)
      << message;
}

TEST_F(TensorTest, BufferisedForallWritesInPlace) {
  Arrays out = run(R"(
    func.func @main(%x: memref<4xf32>) -> memref<4xf32> {
      %y = memref.alloc() : memref<4xf32>
      scf.forall (%i) in (4) {
        %v = memref.load %x[%i] : memref<4xf32>
        %w = arith.mulf %v, %v : f32
        memref.store %w, %y[%i] : memref<4xf32>
      }
      return %y : memref<4xf32>
    })",
                   named({{"arg0", floats({4}, {1, 2, 3, 4})}}));
  EXPECT_EQ(out["result0"].floats(), (V{1, 4, 9, 16}));
}

TEST_F(TensorTest, InputsAreChecked) {
  const char *text =
      "func.func @main(%x: tensor<2xf32> {ingot.input = \"x\"}) -> tensor<2xf32> {\nreturn %x : tensor<2xf32>\n}";
  EXPECT_NE(fail(text).find("expects an input 'x'"), std::string::npos);
  EXPECT_NE(fail(text, named({{"x", floats({3}, {1, 2, 3})}})).find("input 'x' of shape [2], but got [3]"),
            std::string::npos);
  EXPECT_NE(fail(text, named({{"x", ints({2}, {1, 2})}})).find("of element type f32, but got i32"), std::string::npos);
  EXPECT_NE(fail(text, named({{"x", floats({2}, {1, 2})}, {"y", floats({2}, {1, 2})}})).find("has no input 'y'"),
            std::string::npos);
  EXPECT_NE(fail(text, {}, {}, "other").find("has no entry 'other'"), std::string::npos);
}

const char *kCounter = R"(
  ingot.param @step = dense<2.0> : tensor<1xf32>
  ingot.param @scale : tensor<1xf32>
  ingot.state @sum init 10.0 : tensor<1xf32>
  func.func @main(%x: tensor<1xf32> {ingot.input = "x"}, %p: tensor<1xf32> {ingot.param = @step},
      %w: tensor<1xf32> {ingot.param = @scale}, %s: tensor<1xf32> {ingot.state = @sum})
      -> (tensor<1xf32> {ingot.state = @sum}, tensor<1xf32> {ingot.output = "y"}) {
    %0 = arith.mulf %x, %p : tensor<1xf32>
    %1 = arith.addf %s, %0 : tensor<1xf32>
    %2 = arith.mulf %1, %w : tensor<1xf32>
    return %1, %2 : tensor<1xf32>, tensor<1xf32>
  })";

TEST_F(TensorTest, StatesSurviveRunsAndParamsComeByName) {
  auto module = parse(kCounter);
  ASSERT_TRUE(module) << messages;
  Interpreter interpreter(*module, {}, [&](llvm::StringRef name) -> std::optional<Array> {
    return name == "scale" ? std::optional(floats({1}, {100})) : std::nullopt;
  });
  auto step = [&](double x) {
    return interpreter.run("main", named({{"x", floats({1}, {x})}}))->find("y")->second.floats()[0];
  };
  EXPECT_EQ(step(1), 1200);
  EXPECT_EQ(step(2), 1600);
  Arrays saved = interpreter.saveStates();
  EXPECT_EQ(step(3), 2200);
  interpreter.restoreStates(saved);
  EXPECT_EQ(step(0), 1600);
  EXPECT_EQ(interpreter.state("sum")->floats(), (V{16}));
  interpreter.reset();
  EXPECT_EQ(step(0), 1000);
}

TEST_F(TensorTest, MissingAndMisshapenParamsAreReported) {
  EXPECT_NE(fail(kCounter, named({{"x", floats({1}, {1})}})).find("has no value for parameter 'scale'"),
            std::string::npos);
}

} // namespace
