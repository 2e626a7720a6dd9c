// tile operations on tensors and through strided views of memrefs.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;
using V = std::vector<double>;

namespace {

class TileTest : public InterpreterTest {};

TEST_F(TileTest, ContractOnTensors) {
  auto x = irregular(2 * 3, 1), w = irregular(3 * 4, 2);
  V expected;
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < 4; ++n) {
      double sum = 0;
      for (int k = 0; k < 3; ++k)
        sum += x[m * 3 + k] * w[k * 4 + n];
      expected.push_back(sum);
    }
  Arrays out = run(R"(
    func.func @main(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) -> tensor<2x4xf32> {
      %e = tensor.empty() : tensor<2x4xf32>
      %0 = tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%x, %w : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
      return %0 : tensor<2x4xf32>
    })",
                   named({{"arg0", floats({2, 3}, x)}, {"arg1", floats({3, 4}, w)}}));
  expectNear(out["result0"].floats(), expected, 1e-15);
}

TEST_F(TileTest, ContractWithPermutedResultAndTwoReductions) {
  // y[n, m] = sum_{a, b} x[a, m, b] * w[b, n, a], 9 columns so that a chunk of 8 and a rest occur.
  auto x = irregular(2 * 9 * 3, 1), w = irregular(3 * 4 * 2, 2);
  V expected;
  for (int n = 0; n < 4; ++n)
    for (int m = 0; m < 9; ++m) {
      double sum = 0;
      for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 3; ++b)
          sum += x[(a * 9 + m) * 3 + b] * w[(b * 4 + n) * 2 + a];
      expected.push_back(sum);
    }
  Arrays out = run(R"(
    func.func @main(%x: tensor<2x9x3xf32>, %w: tensor<3x4x2xf32>) -> tensor<4x9xf32> {
      %e = tensor.empty() : tensor<4x9xf32>
      %0 = tile.contract [affine_map<(a, m, n, b) -> (a, m, b)>, affine_map<(a, m, n, b) -> (b, n, a)>,
                          affine_map<(a, m, n, b) -> (n, m)>]
          ins(%x, %w : tensor<2x9x3xf32>, tensor<3x4x2xf32>) outs(%e : tensor<4x9xf32>) -> tensor<4x9xf32>
      return %0 : tensor<4x9xf32>
    })",
                   named({{"arg0", floats({2, 9, 3}, x)}, {"arg1", floats({3, 4, 2}, w)}}));
  expectNear(out["result0"].floats(), expected, 1e-15);
}

/// The body writes the middle columns of a 3x4 buffer; the rest stays poison.
TEST_F(TileTest, ContractThroughStridedViews) {
  auto x = irregular(2 * 6, 3), w = irregular(6 * 2, 4);
  Arrays out = run(R"(
    func.func @main(%x: memref<2x6xf32>, %w: memref<6x2xf32>) -> memref<3x4xf32> {
      %y = memref.alloc() : memref<3x4xf32>
      %xs = memref.subview %x[0, 1] [2, 3] [1, 2] : memref<2x6xf32> to memref<2x3xf32, strided<[6, 2], offset: 1>>
      %ws = memref.subview %w[3, 0] [3, 2] [1, 1] : memref<6x2xf32> to memref<3x2xf32, strided<[2, 1], offset: 6>>
      %ys = memref.subview %y[0, 1] [2, 2] [2, 1] : memref<3x4xf32> to memref<2x2xf32, strided<[8, 1], offset: 1>>
      tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
          ins(%xs, %ws : memref<2x3xf32, strided<[6, 2], offset: 1>>, memref<3x2xf32, strided<[2, 1], offset: 6>>)
          outs(%ys : memref<2x2xf32, strided<[8, 1], offset: 1>>)
      return %y : memref<3x4xf32>
    })",
                   named({{"arg0", floats({2, 6}, x)}, {"arg1", floats({6, 2}, w)}}));
  V y = out["result0"].floats();
  EXPECT_EQ(countNaNs(out["result0"]), 8);
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < 2; ++n) {
      double sum = 0;
      for (int k = 0; k < 3; ++k)
        sum += x[m * 6 + 1 + 2 * k] * w[(3 + k) * 2 + n];
      EXPECT_NEAR(y[2 * m * 4 + 1 + n], sum, 1e-15);
    }
}

TEST_F(TileTest, MapBroadcastsTransposesAndRounds) {
  // y[m, n] = select(x[m, n] > b[n], x[m, n] * t[n, m], c[1]); constants in the body and outside it.
  const char *text = R"(
    func.func @main(%x: tensor<2x3xf32>, %b: tensor<3xf32>, %t: tensor<3x2xf32>, %c: tensor<2xf32>) -> tensor<2x3xf32> {
      %e = tensor.empty() : tensor<2x3xf32>
      %one = arith.constant 1.0 : f32
      %0 = tile.map [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n, m)>,
                     affine_map<(m, n) -> (1)>]
          ins(%x, %b, %t, %c : tensor<2x3xf32>, tensor<3xf32>, tensor<3x2xf32>, tensor<2xf32>)
          outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32> {
      ^bb0(%xv: f32, %bv: f32, %tv: f32, %cv: f32):
        %zero = arith.constant 0.0 : f32
        %g = arith.cmpf ogt, %xv, %bv : f32
        %p = arith.mulf %xv, %tv : f32
        %s = arith.select %g, %p, %cv : f32
        %r = arith.addf %s, %zero : f32
        %q = arith.mulf %r, %one : f32
        tile.yield %q : f32
      }
      return %0 : tensor<2x3xf32>
    })";
  Arrays inputs = named({{"arg0", floats({2, 3}, {1, 2, 3, 4, 5, 6})},
                         {"arg1", floats({3}, {2, 2, 2})},
                         {"arg2", floats({3, 2}, {10, 20, 30, 40, 50, 60})},
                         {"arg3", floats({2}, {-1, -2})}});
  EXPECT_EQ(run(text, inputs)["result0"].floats(), (V{-2, -2, 150, 80, 200, 360}));
}

TEST_F(TileTest, MapWithoutInputsFillsAndMayWorkInPlace) {
  Arrays out = run(R"(
    func.func @main(%x: memref<4xf32>) -> (memref<2xf32>, memref<4xf32>) {
      %e = memref.alloc() : memref<2xf32>
      tile.map [] outs(%e : memref<2xf32>) {
        %c = arith.constant 3.0 : f32
        tile.yield %c : f32
      }
      tile.map [affine_map<(i) -> (i)>] ins(%x : memref<4xf32>) outs(%x : memref<4xf32>) {
      ^bb0(%v: f32):
        %0 = arith.addf %v, %v : f32
        tile.yield %0 : f32
      }
      return %e, %x : memref<2xf32>, memref<4xf32>
    })",
                   named({{"arg0", floats({4}, {1, 2, 3, 4})}}));
  EXPECT_EQ(out["result0"].floats(), (V{3, 3}));
  EXPECT_EQ(out["result1"].floats(), (V{2, 4, 6, 8}));
}

TEST_F(TileTest, RowsAndReductionsMatchTheirTensorOps) {
  auto x = irregular(3 * 6, 5), w = irregular(6, 6), b = irregular(6, 7);
  const char *text = R"(
    func.func @main(%x: tensor<3x6xf32>, %w: tensor<6xf32>, %b: tensor<6xf32>)
        -> (tensor<3x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>, tensor<3xf32>,
            tensor<3x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>, tensor<3xf32>) {
      %e = tensor.empty() : tensor<3x6xf32>
      %f = tensor.empty() : tensor<3xf32>
      %0 = tile.row rms_norm eps 1.0e-5 ins(%x, %w : tensor<3x6xf32>, tensor<6xf32>) outs(%e : tensor<3x6xf32>) -> tensor<3x6xf32>
      %1 = tile.row layer_norm eps 1.0e-5 ins(%x, %w, %b : tensor<3x6xf32>, tensor<6xf32>, tensor<6xf32>)
          outs(%e : tensor<3x6xf32>) -> tensor<3x6xf32>
      %2 = tile.row softmax eps 0.0 ins(%x : tensor<3x6xf32>) outs(%e : tensor<3x6xf32>) -> tensor<3x6xf32>
      %3 = tile.reduce mean dims [1] ins(%x : tensor<3x6xf32>) outs(%f : tensor<3xf32>) -> tensor<3xf32>
      %4 = ingot.rms_norm %x, %w eps 1.0e-5 : tensor<3x6xf32>, tensor<6xf32>
      %5 = ingot.layer_norm %x, %w, %b eps 1.0e-5 : tensor<3x6xf32>, tensor<6xf32>, tensor<6xf32>
      %6 = ingot.softmax %x : tensor<3x6xf32>
      %7 = ingot.reduce mean %x dims [1] : (tensor<3x6xf32>) -> tensor<3xf32>
      return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<3x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>, tensor<3xf32>,
          tensor<3x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>, tensor<3xf32>
    })";
  Arrays out = run(text, named({{"arg0", floats({3, 6}, x)}, {"arg1", floats({6}, w)}, {"arg2", floats({6}, b)}}));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(countNaNs(out["result" + std::to_string(i)]), 0);
    EXPECT_EQ(out["result" + std::to_string(i)].floats(), out["result" + std::to_string(i + 4)].floats()) << i;
  }
}

TEST_F(TileTest, AttentionRopePositionsOnViews) {
  // One head of two out of a whole buffer, against the tensor ops on the whole.
  auto q = irregular(2 * 3 * 4 * 8, 1), k = irregular(2 * 2 * 5 * 8, 2), v = irregular(2 * 2 * 5 * 8, 3),
       c = irregular(16 * 4, 4), s = irregular(16 * 4, 5);
  const char *text = R"(
    func.func @main(%q: memref<2x3x4x8xf32>, %k: memref<2x2x5x8xf32>, %v: memref<2x2x5x8xf32>, %c: memref<16x4xf32>,
        %s: memref<16x4xf32>, %start: memref<2xi32>, %count: memref<2xi32>) -> memref<2x3x4x8xf32> {
      %o = memref.alloc() : memref<2x3x4x8xf32>
      %p = memref.alloc() : memref<2x3xi32>
      %r = memref.alloc() : memref<2x3x2x8xf32>
      tile.positions ins(%start : memref<2xi32>) outs(%p : memref<2x3xi32>)
      %qs = memref.subview %q[0, 0, 2, 0] [2, 3, 2, 8] [1, 1, 1, 1]
          : memref<2x3x4x8xf32> to memref<2x3x2x8xf32, strided<[96, 32, 8, 1], offset: 16>>
      tile.rope ins(%qs, %c, %s, %p : memref<2x3x2x8xf32, strided<[96, 32, 8, 1], offset: 16>>, memref<16x4xf32>,
          memref<16x4xf32>, memref<2x3xi32>) outs(%r : memref<2x3x2x8xf32>)
      %ks = memref.subview %k[0, 1, 0, 0] [2, 1, 5, 8] [1, 1, 1, 1]
          : memref<2x2x5x8xf32> to memref<2x1x5x8xf32, strided<[80, 40, 8, 1], offset: 40>>
      %vs = memref.subview %v[0, 1, 0, 0] [2, 1, 5, 8] [1, 1, 1, 1]
          : memref<2x2x5x8xf32> to memref<2x1x5x8xf32, strided<[80, 40, 8, 1], offset: 40>>
      %os = memref.subview %o[0, 0, 2, 0] [2, 3, 2, 8] [1, 1, 1, 1]
          : memref<2x3x4x8xf32> to memref<2x3x2x8xf32, strided<[96, 32, 8, 1], offset: 16>>
      tile.attention causal scale 0.5 ins(%r, %ks, %vs : memref<2x3x2x8xf32>,
          memref<2x1x5x8xf32, strided<[80, 40, 8, 1], offset: 40>>, memref<2x1x5x8xf32, strided<[80, 40, 8, 1], offset: 40>>)
          start(%start : memref<2xi32>) count(%count : memref<2xi32>)
          outs(%os : memref<2x3x2x8xf32, strided<[96, 32, 8, 1], offset: 16>>)
      return %o : memref<2x3x4x8xf32>
    })";
  const char *whole = R"(
    func.func @main(%q: tensor<2x3x4x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x8xf32>, %c: tensor<16x4xf32>,
        %s: tensor<16x4xf32>, %start: tensor<2xi32>, %count: tensor<2xi32>) -> tensor<2x3x4x8xf32> {
      %p = ingot.positions %start : tensor<2xi32> -> tensor<2x3xi32>
      %r = ingot.rope %q, %c, %s at %p : tensor<2x3x4x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x3xi32>
      %o = ingot.attention %r, %k, %v start %start count %count causal scale 0.5 : (tensor<2x3x4x8xf32>,
          tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2xi32>, tensor<2xi32>) -> tensor<2x3x4x8xf32>
      return %o : tensor<2x3x4x8xf32>
    })";
  Arrays inputs = named({{"arg0", floats({2, 3, 4, 8}, q)},
                         {"arg1", floats({2, 2, 5, 8}, k)},
                         {"arg2", floats({2, 2, 5, 8}, v)},
                         {"arg3", floats({16, 4}, c)},
                         {"arg4", floats({16, 4}, s)},
                         {"arg5", ints({2}, {0, 2})},
                         {"arg6", ints({2}, {2, 3})}});
  Array part = run(text, inputs)["result0"], expected = run(whole, inputs)["result0"];
  EXPECT_EQ(countNaNs(part), 2 * 3 * 2 * 8) << "heads 0 and 1 are not written";
  EXPECT_EQ(part.slice({0, 0, 2, 0}, {2, 3, 2, 8}, {1, 1, 1, 1}).floats(),
            expected.slice({0, 0, 2, 0}, {2, 3, 2, 8}, {1, 1, 1, 1}).floats());
}

TEST_F(TileTest, AttentionInParts) {
  // Two parts of a cache of 6 positions, and their combination, against the whole; then the parts themselves.
  auto q = irregular(2 * 2 * 4, 1), k = irregular(6 * 4, 2), v = irregular(6 * 4, 3);
  auto program = [](const std::string &start) {
    return R"(
    func.func @main(%q: tensor<1x2x2x4xf32>, %k: tensor<1x1x6x4xf32>, %v: tensor<1x1x6x4xf32>)
        -> (tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x2x6xf32>) {
      %start = arith.constant dense<)" +
           start + R"(> : tensor<1xi32>
      %count = arith.constant dense<2> : tensor<1xi32>
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %e = tensor.empty() : tensor<1x2x2x1x6xf32>
      %k0 = tensor.extract_slice %k[0, 0, 0, 0] [1, 1, 3, 4] [1, 1, 1, 1] : tensor<1x1x6x4xf32> to tensor<1x1x3x4xf32>
      %k1 = tensor.extract_slice %k[0, 0, 3, 0] [1, 1, 3, 4] [1, 1, 1, 1] : tensor<1x1x6x4xf32> to tensor<1x1x3x4xf32>
      %v0 = tensor.extract_slice %v[0, 0, 0, 0] [1, 1, 3, 4] [1, 1, 1, 1] : tensor<1x1x6x4xf32> to tensor<1x1x3x4xf32>
      %v1 = tensor.extract_slice %v[0, 0, 3, 0] [1, 1, 3, 4] [1, 1, 1, 1] : tensor<1x1x6x4xf32> to tensor<1x1x3x4xf32>
      %p0 = tile.partial_attention causal scale 0.5 ins(%q, %k0, %v0 : tensor<1x2x2x4xf32>, tensor<1x1x3x4xf32>,
          tensor<1x1x3x4xf32>) first %c0 start(%start : tensor<1xi32>) count(%count : tensor<1xi32>)
          outs(%e : tensor<1x2x2x1x6xf32>) -> tensor<1x2x2x1x6xf32>
      %p1 = tile.partial_attention causal scale 0.5 ins(%q, %k1, %v1 : tensor<1x2x2x4xf32>, tensor<1x1x3x4xf32>,
          tensor<1x1x3x4xf32>) first %c3 start(%start : tensor<1xi32>) count(%count : tensor<1xi32>)
          outs(%e : tensor<1x2x2x1x6xf32>) -> tensor<1x2x2x1x6xf32>
      %parts = tensor.concat dim(3) %p0, %p1 : (tensor<1x2x2x1x6xf32>, tensor<1x2x2x1x6xf32>) -> tensor<1x2x2x2x6xf32>
      %o = tensor.empty() : tensor<1x2x2x4xf32>
      %y = tile.combine_attention ins(%parts : tensor<1x2x2x2x6xf32>) outs(%o : tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
      %whole = ingot.attention %q, %k, %v start %start count %count causal scale 0.5 : (tensor<1x2x2x4xf32>,
          tensor<1x1x6x4xf32>, tensor<1x1x6x4xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x2x2x4xf32>
      return %y, %whole, %parts : tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x2x6xf32>
    })";
  };
  Arrays inputs =
      named({{"arg0", floats({1, 2, 2, 4}, q)}, {"arg1", floats({1, 1, 6, 4}, k)}, {"arg2", floats({1, 1, 6, 4}, v)}});
  for (const char *start : {"0", "1", "2", "4"}) {
    Arrays out = run(program(start).c_str(), inputs);
    V parts = out["result0"].floats(), whole = out["result1"].floats();
    for (size_t i = 0; i < parts.size(); ++i)
      EXPECT_NEAR(parts[i], whole[i], 1e-15) << start << " " << i;
  }
  // At position 1 the second part has nothing to do for either row.
  V parts = run(program("1").c_str(), inputs)["result2"].floats();
  for (size_t row = 0; row < 4; ++row)
    EXPECT_EQ(V(parts.begin() + row * 12 + 6, parts.begin() + row * 12 + 12), (V{0, 0, 0, 0, -INFINITY, 0})) << row;
}

TEST_F(TileTest, GatherFromPanels) {
  // Rows 0..5 of a 6x2 table, row r = (10 r, 10 r + 1), stored in panels of 3 rows: [2, 2, 3].
  V stored;
  for (int panel = 0; panel < 2; ++panel)
    for (int column = 0; column < 2; ++column)
      for (int row = 0; row < 3; ++row)
        stored.push_back(10 * (3 * panel + row) + column);
  Arrays out = run(R"(
    func.func @main(%t: tensor<2x2x3xf32>, %i: tensor<1x4xi32>) -> tensor<1x4x2xf32> {
      %e = tensor.empty() : tensor<1x4x2xf32>
      %0 = tile.gather panels ins(%t, %i : tensor<2x2x3xf32>, tensor<1x4xi32>) outs(%e : tensor<1x4x2xf32>) -> tensor<1x4x2xf32>
      return %0 : tensor<1x4x2xf32>
    })",
                   named({{"arg0", floats({2, 2, 3}, stored)}, {"arg1", ints({1, 4}, {4, 0, 99, -1})}}));
  EXPECT_EQ(out["result0"].floats(), (V{40, 41, 0, 1, 50, 51, 0, 1}));
}

TEST_F(TileTest, ScatterKeepsTheRestOfThePage) {
  const char *memrefs = R"(
    func.func @main(%k: memref<1x2x1x1xf32>, %v: memref<1x2x1x1xf32>, %s: memref<1xi32>, %n: memref<1xi32>,
        %c: memref<2x2x1x1x3x1xf32>) -> memref<2x2x1x1x3x1xf32> {
      %p = memref.subview %c[1, 0, 0, 0, 0, 0] [1, 2, 1, 1, 3, 1] [1, 1, 1, 1, 1, 1]
          : memref<2x2x1x1x3x1xf32> to memref<1x2x1x1x3x1xf32, strided<[6, 3, 3, 3, 1, 1], offset: 6>>
      tile.scatter ins(%k, %v : memref<1x2x1x1xf32>, memref<1x2x1x1xf32>) start(%s : memref<1xi32>) count(%n : memref<1xi32>)
          outs(%p : memref<1x2x1x1x3x1xf32, strided<[6, 3, 3, 3, 1, 1], offset: 6>>)
      return %c : memref<2x2x1x1x3x1xf32>
    })";
  Arrays inputs = named({{"arg0", floats({1, 2, 1, 1}, {1, 2})},
                         {"arg1", floats({1, 2, 1, 1}, {3, 4})},
                         {"arg2", ints({1}, {1})},
                         {"arg3", ints({1}, {2})},
                         {"arg4", floats({2, 2, 1, 1, 3, 1}, V(12, 9))}});
  EXPECT_EQ(run(memrefs, inputs)["result0"].floats(), (V{9, 9, 9, 9, 9, 9, 9, 1, 2, 9, 3, 4}));
  const char *tensors = R"(
    func.func @main(%k: tensor<1x2x1x1xf32>, %v: tensor<1x2x1x1xf32>, %s: tensor<1xi32>, %n: tensor<1xi32>,
        %c: tensor<1x2x1x1x3x1xf32>) -> tensor<1x2x1x1x3x1xf32> {
      %0 = tile.scatter ins(%k, %v : tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>) start(%s : tensor<1xi32>) count(%n : tensor<1xi32>)
          outs(%c : tensor<1x2x1x1x3x1xf32>) -> tensor<1x2x1x1x3x1xf32>
      return %0 : tensor<1x2x1x1x3x1xf32>
    })";
  inputs["arg3"] = ints({1}, {1});
  inputs["arg4"] = floats({1, 2, 1, 1, 3, 1}, V(6, 9));
  EXPECT_EQ(run(tensors, inputs)["result0"].floats(), (V{9, 1, 9, 9, 3, 9}));
}

TEST_F(TileTest, PoisonSurvivesIntegersAndIndices) {
  // An unwritten index must not read like some row: it stays unknown through arithmetic, gathers, rotation and masks.
  Arrays out = run(R"(
    func.func @main(%t: tensor<4x8xf32>, %c: tensor<4x4xf32>, %known: tensor<1xi32>)
        -> (tensor<1x1xi32>, tensor<1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x2x1x1x4x8xf32>, tensor<1xi1>) {
      %s = tensor.empty() : tensor<1xi32>
      %p = ingot.positions %s : tensor<1xi32> -> tensor<1x1xi32>
      %one = arith.constant dense<1> : tensor<1x1xi32>
      %i = arith.addi %p, %one : tensor<1x1xi32>
      %row = ingot.gather %t, %i : (tensor<4x8xf32>, tensor<1x1xi32>) -> tensor<1x1x8xf32>
      %x = ingot.broadcast %t dims [2, 3] : tensor<4x8xf32> -> tensor<1x1x4x8xf32>
      %h = tensor.extract_slice %x[0, 0, 0, 0] [1, 1, 1, 8] [1, 1, 1, 1] : tensor<1x1x4x8xf32> to tensor<1x1x1x8xf32>
      %r = ingot.rope %h, %c, %c at %p : tensor<1x1x1x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1x1xi32>
      %a = ingot.attention %h, %x, %x start %s count %known scale 1.0 : (tensor<1x1x1x8xf32>, tensor<1x1x4x8xf32>,
          tensor<1x1x4x8xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x1x8xf32>
      %z = arith.constant dense<0.0> : tensor<1x2x1x1x4x8xf32>
      %kv = ingot.kv_append %h, %h into %z layer 0 start %s count %known : tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>,
          tensor<1x2x1x1x4x8xf32>, tensor<1xi32>, tensor<1xi32>
      %less = arith.cmpi slt, %s, %known : tensor<1xi32>
      return %i, %row, %r, %a, %kv, %less : tensor<1x1xi32>, tensor<1x1x8xf32>, tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>,
          tensor<1x2x1x1x4x8xf32>, tensor<1xi1>
    })",
                   named({{"arg0", floats({4, 8}, irregular(32, 1))},
                          {"arg1", floats({4, 4}, irregular(16, 2))},
                          {"arg2", ints({1}, {1})}}));
  for (auto &output : out)
    for (int64_t i = 0; i < output.second.numElements(); ++i)
      EXPECT_TRUE(isPoison(output.second.flat(i))) << output.getKey().str() << " " << i;
}

TEST_F(TileTest, ControlOnPoisonIsReported) {
  std::string message = fail(R"(
    func.func @main() -> f32 {
      %e = tensor.empty() : tensor<i1>
      %c = tensor.extract %e[] : tensor<i1>
      %0 = arith.constant 0.0 : f32
      %1 = arith.select %c, %0, %0 : f32
      return %1 : f32
    })");
  EXPECT_NE(message.find("'arith.select' op depends on a value that nobody wrote"), std::string::npos) << message;
}

} // namespace
