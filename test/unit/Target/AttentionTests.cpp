// Compiled attention against float64.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

class Attention : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(runnableIsas()),
                         [](const auto &info) { return info.param; });

namespace {

struct Case {
  int64_t batch, rows, heads, groups, keys, depth, valueDepth;
  bool causal = true, cached = true;
  std::vector<int64_t> biasShape = {};
  double scale = 0.35;
};

struct Data {
  std::vector<float> query, key, value, bias;
  std::vector<int32_t> start, count;
  explicit Data(const Case &c)
      : query(randomFloats(c.batch * c.rows * c.heads * c.depth, 1)),
        key(randomFloats(c.batch * c.groups * c.keys * c.depth, 2)),
        value(randomFloats(c.batch * c.groups * c.keys * c.valueDepth, 3)) {
    int64_t size = 1;
    for (int64_t extent : c.biasShape)
      size *= extent;
    bias = randomFloats(size, 4);
  }
};

} // namespace

static CompiledBody compile(const Case &c, const std::string &isa) {
  std::string q = memref({c.batch, c.rows, c.heads, c.depth}), k = memref({c.batch, c.groups, c.keys, c.depth}),
              v = memref({c.batch, c.groups, c.keys, c.valueDepth}),
              y = memref({c.batch, c.rows, c.heads, c.valueDepth}), s = memref({c.batch}, "i32"),
              b = memref(c.biasShape);
  std::string text = "(%i: index, %q: " + q + ", %k: " + k + ", %v: " + v;
  if (c.cached)
    text += ", %s: " + s + ", %n: " + s;
  if (!c.biasShape.empty())
    text += ", %b: " + b;
  text += ", %y: " + y + ") {\ntile.attention " + (c.causal ? "causal " : "") + "scale " + std::to_string(c.scale) +
          " ins(%q, %k, %v : " + q + ", " + k + ", " + v + ")";
  if (c.cached)
    text += " start(%s : " + s + ") count(%n : " + s + ")";
  if (!c.biasShape.empty())
    text += " bias(%b : " + b + ")";
  return CompiledBody(text + " outs(%y : " + y + ")\n}", isa);
}

/// Number of keys that row r of sequence b sees.
static int64_t visible(const Case &c, const Data &data, int64_t b, int64_t r) {
  if (!c.cached)
    return c.causal ? std::clamp<int64_t>(c.keys - c.rows + r + 1, 0, c.keys) : c.keys;
  if (r >= data.count[b])
    return 0;
  return std::clamp<int64_t>(data.start[b] + (c.causal ? r + 1 : data.count[b]), 0, c.keys);
}

/// Plain loops in T.
template <typename T> static std::vector<T> attend(const Case &c, const Data &data) {
  std::vector<T> result(c.batch * c.rows * c.heads * c.valueDepth);
  auto bias = [&](int64_t b, int64_t h, int64_t r, int64_t j) -> T {
    if (c.biasShape.empty())
      return 0;
    int64_t at = 0, dim = 0;
    for (int64_t index : {b, h, r, j}) {
      at = at * c.biasShape[dim] + (c.biasShape[dim] == 1 ? 0 : index);
      ++dim;
    }
    return data.bias[at];
  };
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t h = 0; h < c.heads; ++h) {
        int64_t g = h / (c.heads / c.groups), keys = visible(c, data, b, r);
        std::vector<T> scores(keys);
        T largest = -INFINITY, sum = 0;
        for (int64_t j = 0; j < keys; ++j) {
          for (int64_t d = 0; d < c.depth; ++d)
            scores[j] += T(data.query[((b * c.rows + r) * c.heads + h) * c.depth + d]) *
                         data.key[((b * c.groups + g) * c.keys + j) * c.depth + d];
          scores[j] = scores[j] * T(c.scale) + bias(b, h, r, j);
          largest = std::max(largest, scores[j]);
        }
        for (T &score : scores)
          sum += score = std::exp(score - largest);
        for (int64_t j = 0; j < keys; ++j)
          for (int64_t d = 0; d < c.valueDepth; ++d)
            result[((b * c.rows + r) * c.heads + h) * c.valueDepth + d] +=
                scores[j] / sum * data.value[((b * c.groups + g) * c.keys + j) * c.valueDepth + d];
      }
  return result;
}

/// Whether `y` is within the bound: 1e-6, or twice the error of the same loops in float32.
static testing::AssertionResult accurate(const std::vector<float> &y, const Case &c, const Data &data) {
  std::vector<double> expected = attend<double>(c, data);
  double error = maxNormError(y, expected), bound = std::max(1e-6, 2 * maxNormError(attend<float>(c, data), expected));
  return (error <= bound ? testing::AssertionSuccess() : testing::AssertionFailure())
         << "error " << error << ", bound " << bound;
}

static std::vector<float> run(const CompiledBody &body, const Case &c, Data &data) {
  std::vector<float> y(c.batch * c.rows * c.heads * c.valueDepth, NAN);
  std::vector<void *> buffers = {data.query.data(), data.key.data(), data.value.data()};
  if (c.cached)
    buffers.insert(buffers.end(), {data.start.data(), data.count.data()});
  if (!c.biasShape.empty())
    buffers.push_back(data.bias.data());
  buffers.push_back(y.data());
  body.run(buffers);
  return y;
}

TEST_P(Attention, decodeAtAllPositions) {
  Case c{1, 1, 8, 4, 130, 8, 8};
  CompiledBody body = compile(c, GetParam());
  Data data(c);
  data.count = {1};
  for (int32_t start : {0, 1, 15, 16, 17, 62, 63, 64, 65, 100, 127, 128, 129}) {
    data.start = {start};
    // Keys that nobody may see.
    Data poisoned = data;
    for (int64_t g = 0; g < c.groups; ++g)
      for (int64_t j = start + 1; j < c.keys; ++j)
        for (int64_t d = 0; d < 8; ++d)
          poisoned.key[(g * c.keys + j) * 8 + d] = poisoned.value[(g * c.keys + j) * 8 + d] = NAN;
    std::vector<float> y = run(body, c, poisoned);
    EXPECT_TRUE(accurate(y, c, data)) << start;
    EXPECT_EQ(y, run(body, c, data)) << start;
  }
}

TEST_P(Attention, prefillWithCounts) {
  for (auto [depth, valueDepth] : std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {43, 7}, {64, 64}, {3, 1}}) {
    Case c{2, 7, 6, 2, 43, depth, valueDepth};
    CompiledBody body = compile(c, GetParam());
    Data data(c);
    const std::vector<std::vector<int32_t>> starts = {{0, 0}, {36, 5}, {1, 42}}, counts = {{7, 3}, {7, 0}, {1, 1}};
    for (size_t i = 0; i < starts.size(); ++i) {
      data.start = starts[i];
      data.count = counts[i];
      std::vector<float> y = run(body, c, data);
      EXPECT_TRUE(accurate(y, c, data)) << depth << " " << i;
      for (size_t e = 0; e < y.size(); ++e)
        if (static_cast<int32_t>(e / valueDepth / 6 % 7) >= data.count[e / valueDepth / 6 / 7])
          ASSERT_EQ(y[e], 0) << "a row beyond count is not zero";
    }
  }
}

TEST_P(Attention, withoutCache) {
  for (bool causal : {false, true})
    for (auto [rows, keys] : std::vector<std::pair<int64_t, int64_t>>{{7, 7}, {3, 172}, {1, 1}, {5, 3}}) {
      Case c{1, rows, 4, 4, keys, 16, 16, causal, false};
      Data data(c);
      std::vector<float> y = run(compile(c, GetParam()), c, data);
      EXPECT_TRUE(accurate(y, c, data)) << causal << rows << keys;
    }
}

TEST_P(Attention, cacheWithoutCausalMask) {
  Case c{2, 3, 2, 1, 20, 8, 8, false};
  Data data(c);
  data.start = {4, 17};
  data.count = {3, 2};
  EXPECT_TRUE(accurate(run(compile(c, GetParam()), c, data), c, data));
}

TEST_P(Attention, biasBroadcasts) {
  for (const std::vector<int64_t> &shape :
       std::vector<std::vector<int64_t>>{{1, 1, 1, 43}, {2, 1, 7, 43}, {1, 6, 1, 1}, {2, 6, 7, 43}}) {
    Case c{2, 7, 6, 2, 43, 8, 8, false, false, shape};
    Data data(c);
    EXPECT_TRUE(accurate(run(compile(c, GetParam()), c, data), c, data));
  }
}

/// Large scores, masks by -inf over whole blocks, rows masked entirely, NaN.
TEST_P(Attention, hostileScores) {
  Case c{1, 1, 2, 2, 200, 8, 8, false, false, {1, 1, 1, 200}, 30.0};
  CompiledBody body = compile(c, GetParam());
  Data data(c);
  EXPECT_TRUE(accurate(run(body, c, data), c, data));
  for (int64_t j = 0; j < 130; ++j)
    data.bias[j] = -INFINITY;
  EXPECT_TRUE(accurate(run(body, c, data), c, data));
  data.key[(0 * 200 + 150) * 8] = NAN;
  std::vector<float> y = run(body, c, data);
  for (int64_t d = 0; d < 8; ++d) {
    EXPECT_TRUE(std::isnan(y[d]));
    EXPECT_FALSE(std::isnan(y[8 + d]));
  }
  for (float &bias : data.bias)
    bias = -INFINITY;
  for (float value : run(body, c, data))
    EXPECT_TRUE(std::isnan(value));
}

/// A row's bits do not depend on the rows beside it.
TEST_P(Attention, rowsAreIndependent) {
  Case many{1, 5, 4, 2, 90, 16, 16}, single{1, 1, 4, 2, 90, 16, 16};
  CompiledBody manyBody = compile(many, GetParam()), singleBody = compile(single, GetParam());
  Data data(many);
  data.start = {80};
  data.count = {5};
  std::vector<float> all = run(manyBody, many, data);
  for (int32_t row = 0; row < 5; ++row) {
    Data one = data;
    one.query.assign(data.query.begin() + row * 64, data.query.begin() + (row + 1) * 64);
    one.start = {80 + row};
    one.count = {1};
    std::vector<float> y = run(singleBody, single, one);
    EXPECT_EQ(y, std::vector<float>(all.begin() + row * 64, all.begin() + (row + 1) * 64)) << row;
  }
}
