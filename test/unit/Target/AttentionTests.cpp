// Compiled attention against float64.
#include "BodyRunner.h"

#include <array>
#include <gtest/gtest.h>
#include <iostream>

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

static CompiledBody compile(const Case &c, const std::string &isa, const std::string &cache = "f32",
                            const std::string &row = "") {
  std::string q = memref({c.batch, c.rows, c.heads, c.depth}), k = memref({c.batch, c.groups, c.keys, c.depth}, cache),
              v = memref({c.batch, c.groups, c.keys, c.valueDepth}, cache),
              y = memref({c.batch, c.rows, c.heads, c.valueDepth}), s = memref({c.batch}, "i32"),
              b = memref(c.biasShape);
  std::string text = "(%i: index, %q: " + q + ", %k: " + k + ", %v: " + v;
  if (c.cached)
    text += ", %s: " + s + ", %n: " + s;
  if (!c.biasShape.empty())
    text += ", %b: " + b;
  text += ", %y: " + y + ") {\ntile.attention " + (c.causal ? "causal " : "") + "scale " + std::to_string(c.scale) +
          " ins(%q, %k, %v : " + q + ", " + k + ", " + v + ")" + row;
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

static std::vector<float> run(const CompiledBody &body, const Case &c, Data &data, int64_t index = 0) {
  std::vector<float> y(c.batch * c.rows * c.heads * c.valueDepth, NAN);
  std::vector<void *> buffers = {data.query.data(), data.key.data(), data.value.data()};
  if (c.cached)
    buffers.insert(buffers.end(), {data.start.data(), data.count.data()});
  if (!c.biasShape.empty())
    buffers.push_back(data.bias.data());
  buffers.push_back(y.data());
  body.run(buffers, {index});
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

/// A row's bits depend neither on what other rows hold nor on keys that it does not see, NaN included: with few rows,
/// with many, and with numbers of rows that do not fill the last block.
TEST_P(Attention, rowsAreIndependent) {
  for (auto [rows, heads, groups] : std::vector<std::array<int64_t, 3>>{{2, 2, 1}, {3, 1, 1}, {5, 4, 2}, {41, 3, 3}}) {
    Case c{1, rows, heads, groups, 190, 16, 16};
    CompiledBody body = compile(c, GetParam());
    Data data(c);
    data.start = {static_cast<int32_t>(180 - rows)};
    data.count = {static_cast<int32_t>(rows)};
    std::vector<float> all = run(body, c, data);
    EXPECT_TRUE(accurate(all, c, data)) << rows;
    int64_t size = heads * 16;
    for (int64_t row = 0; row < rows; row += 1 + rows / 4) {
      Data other = data;
      for (int64_t i = 0; i < rows * size; ++i)
        if (i / size != row)
          other.query[i] = i % 3 == 0 ? NAN : 100 * other.query[i];
      for (int64_t g = 0; g < groups; ++g)
        for (int64_t i = (data.start[0] + row + 1) * 16; i < 190 * 16; ++i)
          other.key[g * 190 * 16 + i] = other.value[g * 190 * 16 + i] = NAN;
      std::vector<float> y = run(body, c, other);
      EXPECT_EQ(std::vector<float>(y.begin() + row * size, y.begin() + (row + 1) * size),
                std::vector<float>(all.begin() + row * size, all.begin() + (row + 1) * size))
          << row << " of " << rows;
    }
  }
}

/// Prompts at the beginning, in the middle and over the end of a long context, with every kind of tail.
TEST_P(Attention, longPrefill) {
  for (auto [rows, heads, groups, depth, valueDepth] : std::vector<std::array<int64_t, 5>>{
           {64, 1, 1, 64, 64}, {37, 2, 2, 8, 24}, {33, 3, 1, 43, 7}, {16, 8, 2, 48, 48}, {1, 64, 2, 128, 256}}) {
    Case c{1, rows, heads, groups, 300, depth, valueDepth};
    CompiledBody body = compile(c, GetParam());
    Data data(c);
    for (int32_t start : {0, 1, 63, 64, 200, 299}) {
      for (int32_t count : {0, 1, static_cast<int32_t>(rows) / 2 + 1, static_cast<int32_t>(rows)}) {
        data.start = {start};
        data.count = {std::min(count, 300 - start)};
        EXPECT_TRUE(accurate(run(body, c, data), c, data)) << rows << " rows, " << start << " + " << count;
      }
    }
  }
}

/// Hostile scores and biases where rows lie across the lanes.
TEST_P(Attention, hostileScoresOfManyRows) {
  Case c{1, 40, 2, 1, 150, 8, 8, false, false, {1, 2, 40, 150}, 3.0};
  CompiledBody body = compile(c, GetParam());
  Data data(c);
  EXPECT_TRUE(accurate(run(body, c, data), c, data));
  for (int64_t i = 0; i < 2 * 40 * 150; ++i)
    if (i % 150 < 100 || i % 7 == 0)
      data.bias[i] = -INFINITY;
  EXPECT_TRUE(accurate(run(body, c, data), c, data));
  // Row 3 of head 1 is masked entirely; row 4 of head 0 sees a score of NaN.
  for (int64_t j = 0; j < 150; ++j)
    data.bias[(40 + 3) * 150 + j] = -INFINITY;
  data.bias[4 * 150 + 120] = NAN;
  std::vector<float> y = run(body, c, data);
  for (int64_t row = 0; row < 40; ++row)
    for (int64_t head = 0; head < 2; ++head)
      EXPECT_EQ(std::isnan(y[(row * 2 + head) * 8]), (row == 3 && head == 1) || (row == 4 && head == 0)) << row << head;
}

/// 16-bit keys and values are read as they are and computed with in float32.
TEST_P(Attention, sixteenBitCaches) {
  for (auto [rows, heads, groups] : std::vector<std::array<int64_t, 3>>{{1, 2, 1}, {1, 3, 3}, {33, 2, 1}})
    for (const std::string element : {"bf16", "f16"}) {
      Case c{1, rows, heads, groups, 100, 48, 40};
      Data data(c);
      std::vector<uint16_t> key, value;
      for (auto [wide, narrow] : {std::pair(&data.key, &key), std::pair(&data.value, &value)})
        for (float &x : *wide) {
          narrow->push_back(toHalf(x, element));
          x = fromHalf(narrow->back(), element);
        }
      data.start = {static_cast<int32_t>(97 - rows)};
      data.count = {static_cast<int32_t>(rows)};
      std::vector<float> y(rows * heads * 40, NAN);
      CompiledBody body = compile(c, GetParam(), element);
      body.run({data.query.data(), key.data(), value.data(), data.start.data(), data.count.data(), y.data()});
      EXPECT_TRUE(accurate(y, c, data)) << element << " " << rows;
    }
}

/// Tasks with some of the rows give the bits of one task with all of them.
TEST_P(Attention, blocksOfRows) {
  for (bool cached : {true, false}) {
    Case whole{1, 40, 2, 1, 90, 8, 8, true, cached}, part{1, 20, 2, 1, 90, 8, 8, true, cached};
    Data data(whole);
    data.start = {30};
    data.count = {33};
    std::vector<float> all = run(compile(whole, GetParam()), whole, data);
    EXPECT_TRUE(accurate(all, whole, data));
    // Row 0 of the whole sees 90 - 40 + 1 keys when there is no start.
    CompiledBody body = compile(part, GetParam(), "f32", " row %i");
    for (int64_t block = 0; block < 2; ++block) {
      Data some = data;
      some.query.assign(data.query.begin() + block * 320, data.query.begin() + (block + 1) * 320);
      std::vector<float> y = run(body, part, some, block * 20 + (cached ? 0 : 50));
      EXPECT_EQ(y, std::vector<float>(all.begin() + block * 320, all.begin() + (block + 1) * 320)) << cached << block;
    }
  }
}

namespace {

/// Partial attention to each of `parts` ranges of keys, then their combination.
class InParts {
public:
  InParts(const Case &c, int64_t parts, const std::string &isa) : c(c), parts(parts) {
    int64_t keys = c.keys / parts, size = c.valueDepth + 2;
    std::string q = memref({c.batch, c.rows, c.heads, c.depth}), k = memref({c.batch, c.groups, c.keys, c.depth}),
                v = memref({c.batch, c.groups, c.keys, c.valueDepth}), s = memref({c.batch}, "i32"),
                b = memref({1, 1, 1, c.keys}), p = memref({c.batch, c.rows, c.heads, parts, size}),
                y = memref({c.batch, c.rows, c.heads, c.valueDepth});
    std::string text = "(%i: index, %q: " + q + ", %k: " + k + ", %v: " + v + ", %s: " + s + ", %n: " + s +
                       ", %b: " + b + ", %p: " + p + ") {\n%at = affine.apply affine_map<(d0) -> (d0 * " +
                       std::to_string(keys) + ")>(%i)\n";
    auto slice = [&](const std::string &name, const std::string &from, std::vector<int64_t> shape, size_t dim) {
      std::vector<int64_t> strides(shape.size(), 1);
      for (size_t i = shape.size() - 1; i-- > 0;)
        strides[i] = strides[i + 1] * shape[i + 1];
      std::string at, sizes, ones, steps;
      std::vector<int64_t> extents = shape;
      extents[dim] = dim == 3 && shape.size() == 5 ? 1 : keys;
      for (size_t i = 0; i < shape.size(); ++i) {
        std::string comma = i ? ", " : "";
        at += comma + (i == dim ? (shape.size() == 5 ? "%i" : "%at") : "0");
        sizes += comma + std::to_string(extents[i]);
        ones += comma + "1";
        steps += comma + std::to_string(strides[i]);
      }
      std::string type = memref(extents);
      type.insert(type.size() - 1, ", strided<[" + steps + "], offset: ?>");
      text += "%" + name + " = memref.subview " + from + "[" + at + "] [" + sizes + "] [" + ones +
              "] : " + memref(shape) + " to " + type + "\n";
      return type;
    };
    std::string kt = slice("ks", "%k", {c.batch, c.groups, c.keys, c.depth}, 2),
                vt = slice("vs", "%v", {c.batch, c.groups, c.keys, c.valueDepth}, 2),
                bt = slice("bs", "%b", {1, 1, 1, c.keys}, 3),
                pt = slice("ps", "%p", {c.batch, c.rows, c.heads, parts, size}, 3);
    text += std::string("tile.partial_attention ") + (c.causal ? "causal " : "") + "scale " + std::to_string(c.scale) +
            " ins(%q, %ks, %vs : " + q + ", " + kt + ", " + vt + ") first %at start(%s : " + s + ") count(%n : " + s +
            ") bias(%bs : " + bt + ") outs(%ps : " + pt + ")\n}";
    partial = std::make_unique<CompiledBody>(text, isa);
    combine =
        std::make_unique<CompiledBody>("(%i: index, %p: " + p + ", %y: " + y +
                                           ") {\ntile.combine_attention ins(%p : " + p + ") outs(%y : " + y + ")\n}",
                                       isa);
  }

  /// Parts in reverse: their order of execution must not matter.
  std::vector<float> run(Data &data) {
    partials.assign(c.batch * c.rows * c.heads * parts * (c.valueDepth + 2), NAN);
    for (int64_t part = parts; part-- > 0;)
      partial->run({data.query.data(), data.key.data(), data.value.data(), data.start.data(), data.count.data(),
                    data.bias.data(), partials.data()},
                   {part});
    std::vector<float> y(c.batch * c.rows * c.heads * c.valueDepth, NAN);
    combine->run({partials.data(), y.data()});
    return y;
  }
  std::vector<float> partials;

private:
  Case c;
  int64_t parts;
  std::unique_ptr<CompiledBody> partial, combine;
};

} // namespace

TEST_P(Attention, partsAreCombined) {
  for (auto [rows, heads, groups, causal] :
       std::vector<std::array<int64_t, 4>>{{1, 2, 2, 1}, {1, 6, 2, 1}, {3, 2, 1, 1}, {1, 40, 2, 1}, {2, 2, 2, 0}})
    for (int64_t parts : {2, 5}) {
      Case c{2, rows, heads, groups, 200, 24, 13, causal != 0, true, {1, 1, 1, 200}};
      Data data(c);
      InParts whole(c, parts, GetParam());
      for (int32_t start : {0, 39, 40, 41, 100, 197 - static_cast<int32_t>(rows)}) {
        data.start = {start, 197 - static_cast<int32_t>(rows) - start};
        data.count = {static_cast<int32_t>(rows), 1};
        EXPECT_TRUE(accurate(whole.run(data), c, data)) << rows << " " << heads << " " << parts << " " << start;
      }
      data.count = {0, 0};
      for (float value : whole.run(data))
        EXPECT_EQ(value, 0) << "a row beyond count is not zero";
      for (size_t i = 0; i < whole.partials.size(); ++i)
        ASSERT_EQ(whole.partials[i], i % 15 == 13 ? -INFINITY : 0) << "a part without keys is not neutral: " << i;
    }
}

/// Parts that are masked entirely, rows that are, and NaN in one part.
TEST_P(Attention, hostileParts) {
  for (int64_t heads : {2, 40}) {
    Case c{1, 1, heads, 1, 200, 8, 8, true, true, {1, 1, 1, 200}, 30.0};
    Data data(c);
    data.start = {170};
    data.count = {1};
    InParts whole(c, 5, GetParam());
    for (int64_t j = 0; j < 50; ++j)
      data.bias[j] = -INFINITY;
    EXPECT_TRUE(accurate(whole.run(data), c, data));
    Data broken = data;
    broken.bias[0] = NAN; // the only score of its part that is not -inf
    for (float value : whole.run(broken))
      EXPECT_TRUE(std::isnan(value));
    broken = data;
    for (int64_t d = 0; d < 8; ++d)
      broken.key[180 * 8 + d] = broken.value[180 * 8 + d] = NAN; // not seen
    EXPECT_EQ(whole.run(broken), whole.run(data));
    for (float &bias : data.bias)
      bias = -INFINITY;
    for (float value : whole.run(data))
      EXPECT_TRUE(std::isnan(value));
  }
}

/// Weights are exponentials within one unit in the last place; below 2^-126 they are 0. With values that are the unit
/// matrix, and a first score of 0 that is the largest, a part's output is its weights.
TEST_P(Attention, weightsAreExponentials) {
  constexpr int64_t kKeys = 64;
  for (int64_t heads : {1, 40}) {
    std::string q = memref({1, 1, heads, 1}), k = memref({1, 1, kKeys, 1}), v = memref({1, 1, kKeys, kKeys}),
                s = memref({1}, "i32"), p = memref({1, 1, heads, 1, kKeys + 2});
    CompiledBody body("(%i: index, %q: " + q + ", %k: " + k + ", %v: " + v + ", %s: " + s + ", %n: " + s +
                          ", %p: " + p + ") {\ntile.partial_attention scale 1.0 ins(%q, %k, %v : " + q + ", " + k +
                          ", " + v + ") first %i start(%s : " + s + ") count(%n : " + s + ") outs(%p : " + p + ")\n}",
                      GetParam());
    std::vector<float> query(heads, 1), keys(kKeys, 0), values(kKeys * kKeys, 0), part(heads * (kKeys + 2));
    std::vector<int32_t> start = {kKeys - 1}, count = {1};
    for (int64_t j = 0; j < kKeys; ++j)
      values[j * kKeys + j] = 1;
    double worst = 0, limit = -126 * std::log(2.0);
    for (int64_t sample = 0; sample < 2000; ++sample) {
      for (int64_t j = 1; j < kKeys; ++j)
        keys[j] = static_cast<float>(-90.0 * (static_cast<double>(sample * kKeys + j) / (2000 * kKeys)));
      body.run({query.data(), keys.data(), values.data(), start.data(), count.data(), part.data()});
      for (int64_t j = 0; j < kKeys; ++j) {
        double exact = std::exp(static_cast<double>(keys[j]));
        float weight = part[(heads - 1) * (kKeys + 2) + j];
        if (keys[j] < limit)
          ASSERT_EQ(weight, 0) << keys[j];
        else
          worst = std::max(worst, std::abs(weight - exact) / std::ldexp(1.0, std::ilogb(exact) - 23));
      }
    }
    EXPECT_LE(worst, 1.0) << heads;
    std::cout << "largest error: " << worst << " units in the last place\n";
  }
}
