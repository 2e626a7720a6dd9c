// Task programs: buffers, order, deadlock, poison, aliasing.
#include "test/unit/Interpreter/Testing.h"

#include "ingot/Support/Panels.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace ingot::interpreter;
using V = std::vector<double>;

namespace {

class ProgramTest : public InterpreterTest {};

TEST_F(ProgramTest, TheContractsExampleComputesAnEmbeddingTimesWq) {
  auto file = llvm::MemoryBuffer::getFile(INGOT_SOURCE_DIR "/test/Dialect/Task/contract.mlir");
  ASSERT_TRUE(file);
  // wq arrives as it is stored, [4, 64, 16]: column 16 p + w of a 64x64 matrix.
  auto table = irregular(512 * 64, 1), wq = irregular(4 * 64 * 16, 2);
  ParamProvider params = [&](llvm::StringRef name) -> std::optional<Array> {
    if (name == "tok_embeddings")
      return floats({512, 64}, table);
    return name == "layers.0.wq" ? std::optional(floats({4, 64, 16}, wq)) : std::nullopt;
  };
  for (int64_t token : {0, 37, 511}) {
    V expected;
    for (int n = 0; n < 64; ++n) {
      double sum = 0;
      for (int k = 0; k < 64; ++k)
        sum += table[token * 64 + k] * wq[(n / 16 * 64 + k) * 16 + n % 16];
      expected.push_back(sum);
    }
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Arrays out =
          run((*file)->getBuffer(), named({{"tokens", ints({1}, {token})}}), {Mode::Exact, seed}, "decode", params);
      expectNear(out["q"].floats(), expected, 1e-14);
    }
  }
}

/// Two squared halves of x into t, then their sum; `order` is what stands between (events, schedule).
std::string squares(const std::string &events, const std::string &signals, const std::string &waits,
                    const std::string &schedule) {
  return R"(
    task.program @main target(#task.cpu<"generic">) {
      task.buffer @x : memref<4xf32> input "x"
      task.buffer @t : memref<4xf32> scratch offset 64
      task.buffer @y : memref<4xf32> output "y"
      )" +
         events + R"(
      task.body @square(%i: index, %a: memref<4xf32>, %b: memref<4xf32>) {
        %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
        %as = memref.subview %a[%o] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: ?>>
        %bs = memref.subview %b[%o] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: ?>>
        tile.map [affine_map<(i) -> (i)>] ins(%as : memref<2xf32, strided<[1], offset: ?>>)
            outs(%bs : memref<2xf32, strided<[1], offset: ?>>) {
        ^bb0(%v: f32):
          %0 = arith.mulf %v, %v : f32
          tile.yield %0 : f32
        }
      }
      task.body @mirror(%i: index, %a: memref<4xf32>, %b: memref<4xf32>) {
        %j = affine.apply affine_map<(i) -> (3 - i)>(%i)
        %0 = memref.load %a[%i] : memref<4xf32>
        %1 = memref.load %a[%j] : memref<4xf32>
        %2 = arith.addf %0, %1 : f32
        memref.store %2, %b[%i] : memref<4xf32>
      }
      task.launch @first body @square grid [2] args(@x, @t) )" +
         signals + R"(
          reads [@x[i * 2] [2]] writes [@t[i * 2] [2]]
      task.launch @second body @mirror grid [4] args(@t, @y) )" +
         waits + R"(
          reads [@t[0] [4]] writes [@y[i] [1]]
      )" +
         schedule + "\n}";
}

const V kX = {1, 2, 3, 4}, kY = {17, 13, 13, 17};

TEST_F(ProgramTest, EveryLegalInterleavingGivesTheSame) {
  std::string text = squares("task.event @done signals 2", "signals [@done]", "waits [@done]",
                             "task.schedule workers 3 { queue 0 [@first[0], @second[0 to 2]] queue 1 [@second[2 to 4]]"
                             " queue 2 [@first[1]] }");
  for (uint64_t seed = 0; seed < 200; ++seed)
    ASSERT_EQ(run(text, named({{"x", floats({4}, kX)}}), {Mode::Exact, seed})["y"].floats(), kY) << seed;
}

TEST_F(ProgramTest, WithoutAScheduleLaunchesRunInProgramOrder) {
  std::string text = squares("", "", "", "");
  for (uint64_t seed = 0; seed < 50; ++seed)
    ASSERT_EQ(run(text, named({{"x", floats({4}, kX)}}), {Mode::Exact, seed})["y"].floats(), kY) << seed;
}

TEST_F(ProgramTest, UnwrittenScratchIsNaN) {
  // Nothing orders the second launch after the first: in some order it reads what nobody wrote yet.
  std::string text =
      squares("", "", "", "task.schedule workers 2 { queue 0 [@first[0 to 2]] queue 1 [@second[0 to 4]] }");
  int poisoned = 0, right = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Array y = run(text, named({{"x", floats({4}, kX)}}), {Mode::Exact, seed})["y"];
    poisoned += countNaNs(y) > 0;
    right += y.floats() == kY;
  }
  EXPECT_GT(poisoned, 50);
  EXPECT_EQ(poisoned + right, 100);
}

TEST_F(ProgramTest, CountersOfAnEventAreSeparate) {
  // Task i of the second launch needs both halves: it waits for the counter of its own half and of the mirrored one.
  std::string text = squares("task.event @half [2] signals 1", "signals [@half[i]]",
                             "waits [@half[i floordiv 2], @half[1 - (i floordiv 2)]]",
                             "task.schedule workers 2 { queue 0 [@first[1], @second[0 to 4]] queue 1 [@first[0]] }");
  for (uint64_t seed = 0; seed < 50; ++seed)
    ASSERT_EQ(run(text, named({{"x", floats({4}, kX)}}), {Mode::Exact, seed})["y"].floats(), kY) << seed;
}

TEST_F(ProgramTest, DeadlockNamesWhoWaitsForWhat) {
  std::string message =
      fail(squares("task.event @done signals 3", "signals [@done]", "waits [@done]",
                   "task.schedule workers 2 { queue 0 [@first[0 to 2], @second[0 to 2]] queue 1 [@second[2 to 4]] }"),
           named({{"x", floats({4}, kX)}}));
  EXPECT_NE(message.find("deadlock in @main: 4 tasks are left and none can run"), std::string::npos) << message;
  EXPECT_NE(message.find("worker 0: @second[0] waits for @done, which has 2 of 3 signals"), std::string::npos)
      << message;
  EXPECT_NE(message.find("worker 1: @second[2] waits for @done, which has 2 of 3 signals"), std::string::npos)
      << message;
}

TEST_F(ProgramTest, CyclicQueuesDeadlock) {
  std::string message = fail(squares("task.event @done signals 2", "signals [@done]", "waits [@done]",
                                     "task.schedule workers 1 { queue 0 [@second[0 to 4], @first[0 to 2]] }"),
                             named({{"x", floats({4}, kX)}}));
  EXPECT_NE(message.find("deadlock in @main: 6 tasks are left"), std::string::npos) << message;
}

TEST_F(ProgramTest, WrongSchedulesAndSignalsAreReported) {
  auto check = [&](const std::string &events, const std::string &schedule, const char *expected) {
    std::string message =
        fail(squares(events, "signals [@done]", "waits [@done]", schedule), named({{"x", floats({4}, kX)}}));
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  };
  const char *event = "task.event @done signals 2";
  check(event, "task.schedule workers 1 { queue 0 [@first[0 to 2], @second[0 to 3]] }", "lacks task @second[3]");
  check(event, "task.schedule workers 1 { queue 0 [@first[0 to 2], @second[0 to 4], @second[1 to 2]] }",
        "holds task @second[1] twice");
  check("task.event @done signals 1", "", "which has all its 1 signals already");
}

/// Swaps the halves of x, then copies; `reads` and `writes` are what the first launch declares.
std::string swaps(const std::string &reads, const std::string &writes, const std::string &mustWrite = "") {
  return R"(
    task.program @main target(#task.cpu<"generic">) {
      task.buffer @x : memref<4xf32> input "x"
      task.buffer @t : memref<4xf32> scratch offset 0
      task.buffer @y : memref<4xf32> output "y"
      task.body @swap(%i: index, %a: memref<4xf32>, %b: memref<4xf32>) {
        %o = affine.apply affine_map<(i) -> (i * 2)>(%i)
        %p = affine.apply affine_map<(i) -> (2 - i * 2)>(%i)
        %as = memref.subview %a[%o] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: ?>>
        %bs = memref.subview %b[%p] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: ?>>
        memref.copy %as, %bs : memref<2xf32, strided<[1], offset: ?>> to memref<2xf32, strided<[1], offset: ?>>
      }
      task.body @copy(%i: index, %a: memref<4xf32>, %b: memref<4xf32>) {
        memref.copy %a, %b : memref<4xf32> to memref<4xf32>
      }
      task.launch @first body @swap grid [2] args(@x, @t) reads [)" +
         reads + "] writes [" + writes + "] " + mustWrite + R"(
      task.launch @second body @copy grid [1] args(@t, @y) reads [@t[0] [4]] writes [@y[0] [4]]
    })";
}

TEST_F(ProgramTest, DeclaredAccessesAreEnough) {
  Options check{Mode::Exact, 3, /*checkAccesses=*/true};
  Arrays inputs = named({{"x", floats({4}, kX)}});
  const V swapped = {3, 4, 1, 2};
  EXPECT_EQ(run(swaps("@x[i * 2] [2]", "@t[2 - i * 2] [2]"), inputs, check)["y"].floats(), swapped);
  EXPECT_EQ(run(swaps("@x[0] [4]", "@t[0] [4]", "must_write [@t[2 - i * 2] [2]]"), inputs, check)["y"].floats(),
            swapped);
}

TEST_F(ProgramTest, UndeclaredAccessesAreReported) {
  Options check{Mode::Exact, 3, /*checkAccesses=*/true};
  Arrays inputs = named({{"x", floats({4}, kX)}});
  std::string message = fail(swaps("@x[i * 2] [2]", "@t[i * 2] [2]"), inputs, check);
  EXPECT_NE(message.find("which it does not declare"), std::string::npos) << message;
  message = fail(swaps("@x[i * 2] [1]", "@t[2 - i * 2] [2]"), inputs, check);
  EXPECT_NE(message.find("unwritten, or computes it from what it does not declare"), std::string::npos) << message;
  message = fail(swaps("@x[0] [4]", "@t[0] [4]"), inputs, check);
  EXPECT_NE(message.find("leaves @t["), std::string::npos) << message;
  message = fail(swaps("@x[i * 2] [3]", "@t[0] [4]"), inputs, check);
  EXPECT_NE(message.find("declares an access outside @x for task @first[1]"), std::string::npos) << message;
  // The same programs run without the check.
  EXPECT_EQ(run(swaps("@x[i * 2] [2]", "@t[i * 2] [2]"), inputs)["y"].floats(), (V{3, 4, 1, 2}));
}

TEST_F(ProgramTest, PlacedScratchSharesItsArena) {
  // @a ends two elements inside @b: writing @b changes them. An i64 written over @b's start poisons what it covers.
  const char *text = R"(
    task.program @main target(#task.cpu<"generic">) {
      task.buffer @a : memref<18xf32> scratch offset 0
      task.buffer @b : memref<4xf32> scratch offset 64
      task.buffer @w : memref<1xi64> scratch offset 64
      task.buffer @y : memref<18xf32> output "y"
      task.buffer @z : memref<4xf32> output "z"
      task.body @ones(%i: index, %m: memref<18xf32>) {
        %v = arith.constant 1.0 : f32
        tile.map [] outs(%m : memref<18xf32>) { tile.yield %v : f32 }
      }
      task.body @fill(%i: index, %m: memref<4xf32>, %k: index) {
        %n = arith.index_cast %k : index to i32
        %v = arith.sitofp %n : i32 to f32
        tile.map [] outs(%m : memref<4xf32>) { tile.yield %v : f32 }
      }
      task.body @wide(%i: index, %m: memref<1xi64>) {
        %c = arith.constant 0 : index
        %v = arith.constant 3 : i64
        memref.store %v, %m[%c] : memref<1xi64>
      }
      task.body @long(%i: index, %m: memref<18xf32>, %o: memref<18xf32>) {
        memref.copy %m, %o : memref<18xf32> to memref<18xf32>
      }
      task.body @short(%i: index, %m: memref<4xf32>, %o: memref<4xf32>) {
        memref.copy %m, %o : memref<4xf32> to memref<4xf32>
      }
      task.launch @fa body @ones grid [1] args(@a) writes [@a[0] [18]]
      task.launch @fb body @fill grid [1] args(@b, 2 : index) writes [@b[0] [4]]
      task.launch @cy body @long grid [1] args(@a, @y) reads [@a[0] [18]] writes [@y[0] [18]]
      task.launch @fw body @wide grid [1] args(@w) writes [@w[0] [1]]
      task.launch @cz body @short grid [1] args(@b, @z) reads [@b[0] [4]] writes [@z[0] [4]]
    })";
  Arrays out = run(text);
  V y(18, 1);
  y[16] = y[17] = 2;
  EXPECT_EQ(out["y"].floats(), y);
  V z = out["z"].floats();
  EXPECT_TRUE(std::isnan(z[1]));
  EXPECT_EQ(z[2], 2);
}

TEST_F(ProgramTest, StatesAreUpdatedInPlaceAndLeftAloneByFailedSteps) {
  const char *text = R"(
    ingot.state @log init 5.0 : tensor<3x2xf32>
    task.program @main target(#task.cpu<"generic">) {
      task.buffer @x : memref<2xf32> input "x"
      task.buffer @s : memref<3x2xf32> state "log"
      task.buffer @n : memref<1xi32> input "row"
      task.body @row(%i: index, %a: memref<2xf32>, %b: memref<2xf32>) {
        memref.copy %a, %b : memref<2xf32> to memref<2xf32>
      }
      task.body @at(%i: index, %a: memref<2xf32>, %b: memref<3x2xf32>, %n: memref<1xi32>) {
        %c0 = arith.constant 0 : index
        %r = memref.load %n[%c0] : memref<1xi32>
        %k = arith.index_cast %r : i32 to index
        %v = memref.load %a[%c0] : memref<2xf32>
        memref.store %v, %b[%k, %c0] : memref<3x2xf32>
      }
      task.launch @first body @row grid [1] args(@x, @s[2]) reads [@x[0] [2]] writes [@s[2, 0] [1, 2]]
      task.launch @second body @at grid [1] args(@x, @s, @n) reads [@x[0] [2], @n[0] [1]] writes [@s[0, 0] [3, 2]]
    })";
  auto module = parse(text);
  ASSERT_TRUE(module) << messages;
  Interpreter interpreter(*module);
  ASSERT_TRUE(mlir::succeeded(interpreter.run("main", named({{"x", floats({2}, {1, 2})}, {"row", ints({1}, {0})}}))));
  EXPECT_EQ(interpreter.state("log")->floats(), (V{1, 5, 5, 5, 1, 2}));
  EXPECT_TRUE(mlir::failed(interpreter.run("main", named({{"x", floats({2}, {7, 8})}, {"row", ints({1}, {3})}}))));
  EXPECT_NE(messages.find("expects an index in [0, 3), but got 3"), std::string::npos) << messages;
  EXPECT_NE(messages.find("failed in task @second[0]"), std::string::npos) << messages;
  EXPECT_EQ(interpreter.state("log")->floats(), (V{1, 5, 5, 5, 1, 2}));
}

TEST_F(ProgramTest, DeclaredPanelsArePackedForStoredBuffers) {
  const char *text = R"(
    ingot.param @w : tensor<4x3xf32, #ingot.panels<axis = 0, width = 2>>
    task.program @main target(#task.cpu<"generic">) {
      task.buffer @p : memref<2x3x2xf32> param "w"
      task.buffer @y : memref<2x3x2xf32> output "y"
      task.body @copy(%i: index, %m: memref<2x3x2xf32>, %o: memref<2x3x2xf32>) {
        memref.copy %m, %o : memref<2x3x2xf32> to memref<2x3x2xf32>
      }
      task.launch @l body @copy grid [1] args(@p, @y) reads [@p[0, 0, 0] [2, 3, 2]] writes [@y[0, 0, 0] [2, 3, 2]]
    }
    func.func @logical(%w: tensor<4x3xf32, #ingot.panels<axis = 0, width = 2>> {ingot.param = @w})
        -> tensor<4x3xf32, #ingot.panels<axis = 0, width = 2>> {
      return %w : tensor<4x3xf32, #ingot.panels<axis = 0, width = 2>>
    })";
  V rowMajor = {0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32};
  ParamProvider params = [&](llvm::StringRef) { return std::optional(floats({4, 3}, rowMajor)); };
  EXPECT_EQ(run(text, {}, {}, "main", params)["y"].floats(), (V{0, 10, 1, 11, 2, 12, 20, 30, 21, 31, 22, 32}));
  EXPECT_EQ(run(text, {}, {}, "logical", params)["result0"].floats(), rowMajor);
}

TEST_F(ProgramTest, UsesOfAParameterMustAgree) {
  for (auto [second, expected] :
       {std::pair("memref<2xf32>", "expects parameter 'w' of shape [2]"),
        std::pair("memref<4xi32>", "expects parameter 'w' of element type 'i32', but it is f32")}) {
    std::string text = R"(
      task.program @main target(#task.cpu<"generic">) {
        task.buffer @a : memref<4xf32> param "w"
        task.buffer @b : )" +
                       std::string(second) + R"( param "w"
      })";
    auto module = parse(text);
    ASSERT_TRUE(module) << messages;
    Interpreter interpreter(*module, {}, [](llvm::StringRef) { return std::optional(floats({4}, {1, 2, 3, 4})); });
    EXPECT_TRUE(mlir::failed(interpreter.run("main", {})));
    EXPECT_NE(messages.find(expected), std::string::npos) << messages;
    messages.clear();
  }
}

} // namespace
