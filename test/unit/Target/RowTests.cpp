// Compiled normalisations, softmax and rotary embeddings against float64.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

class Row : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Row, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

static constexpr int64_t kRows = 3;
static constexpr double kEps = 1e-5;

/// `kind` of [3, n] with so many weights.
static CompiledBody rowBody(const std::string &kind, int64_t n, int weights, const std::string &isa) {
  std::string x = memref({kRows, n}), w = memref({n}), arguments, names = "%x", types = x;
  for (int i = 0; i < weights; ++i) {
    arguments += ", %w" + std::to_string(i) + ": " + w;
    names += ", %w" + std::to_string(i);
    types += ", " + w;
  }
  return CompiledBody("(%i: index, %x: " + x + arguments + ", %y: " + x + ") {\ntile.row " + kind + " eps 1.0e-5 ins(" +
                          names + " : " + types + ") outs(%y : " + x + ")\n}",
                      isa);
}

TEST_P(Row, rmsNorm) {
  for (int64_t n : {1, 3, 7, 43, 64, 172, 1000}) {
    std::vector<float> x = randomFloats(kRows * n, 1), w = randomFloats(n, 2), y(kRows * n, NAN), again(kRows * n);
    std::vector<double> expected;
    for (int64_t i = 0; i < kRows; ++i) {
      double squares = 0;
      for (int64_t j = 0; j < n; ++j)
        squares += double(x[i * n + j]) * x[i * n + j];
      for (int64_t j = 0; j < n; ++j)
        expected.push_back(x[i * n + j] / std::sqrt(squares / n + kEps) * w[j]);
    }
    CompiledBody body = rowBody("rms_norm", n, 1, GetParam());
    body.run({x.data(), w.data(), y.data()});
    body.run({x.data(), w.data(), again.data()});
    EXPECT_LE(maxNormError(y, expected), 1e-6) << n;
    EXPECT_EQ(y, again);
  }
}

TEST_P(Row, layerNorm) {
  for (int64_t n : {1, 3, 7, 43, 172})
    for (int weights : {1, 2}) {
      std::vector<float> x = randomFloats(kRows * n, 1), w = randomFloats(n, 2), b = randomFloats(n, 3),
                         y(kRows * n, NAN);
      // Far from zero: the variance about the mean keeps its digits.
      for (float &value : x)
        value += 100;
      auto normalise = [&](auto zero) {
        using T = decltype(zero);
        std::vector<T> result;
        for (int64_t i = 0; i < kRows; ++i) {
          T sum = 0, squares = 0;
          for (int64_t j = 0; j < n; ++j)
            sum += x[i * n + j];
          for (int64_t j = 0; j < n; ++j)
            squares += (x[i * n + j] - sum / n) * (x[i * n + j] - sum / n);
          for (int64_t j = 0; j < n; ++j)
            result.push_back((x[i * n + j] - sum / n) / std::sqrt(squares / n + T(kEps)) * w[j] +
                             (weights == 2 ? b[j] : 0));
        }
        return result;
      };
      std::vector<double> expected = normalise(0.0);
      double bound = std::max(1e-6, 2 * maxNormError(normalise(0.0f), expected));
      std::vector<void *> buffers = {x.data(), w.data()};
      if (weights == 2)
        buffers.push_back(b.data());
      buffers.push_back(y.data());
      rowBody("layer_norm", n, weights, GetParam()).run(buffers);
      EXPECT_LE(maxNormError(y, expected), bound) << n;
    }
}

TEST_P(Row, softmax) {
  for (int64_t n : {1, 3, 7, 43, 172, 1000}) {
    std::vector<float> x = randomFloats(kRows * n, 1), y(kRows * n, NAN);
    for (int64_t j = 0; j < n; ++j)
      x[n + j] = x[n + j] * 50 + 1000; // beyond exp's range without the maximum
    if (n > 1)
      x[2 * n] = -INFINITY;
    std::vector<double> expected;
    for (int64_t i = 0; i < kRows; ++i) {
      double sum = 0, largest = -INFINITY;
      for (int64_t j = 0; j < n; ++j)
        largest = std::max<double>(largest, x[i * n + j]);
      for (int64_t j = 0; j < n; ++j)
        sum += std::exp(x[i * n + j] - largest);
      for (int64_t j = 0; j < n; ++j)
        expected.push_back(std::exp(x[i * n + j] - largest) / sum);
    }
    CompiledBody body = rowBody("softmax", n, 0, GetParam());
    body.run({x.data(), y.data()});
    EXPECT_LE(maxNormError(y, expected), 1e-6) << n;
    // A NaN takes its row; all -inf gives NaN, as the formula says.
    x[n - 1] = NAN;
    for (int64_t j = 0; j < n; ++j)
      x[n + j] = -INFINITY;
    body.run({x.data(), y.data()});
    for (int64_t j = 0; j < n; ++j) {
      EXPECT_TRUE(std::isnan(y[j]));
      EXPECT_TRUE(std::isnan(y[n + j]));
      EXPECT_FALSE(std::isnan(y[2 * n + j]));
    }
  }
}

TEST_P(Row, halfPrecisionSoftmax) {
  for (std::string element : {"bf16", "f16"}) {
    std::string type = memref({1, 43}, element);
    CompiledBody body("(%i: index, %x: " + type + ", %y: " + type + ") {\ntile.row softmax eps 0.0 ins(%x : " + type +
                          ") outs(%y : " + type + ")\n}",
                      GetParam());
    std::vector<uint16_t> x, y(43);
    for (float value : randomFloats(43, 1))
      x.push_back(toHalf(value, element));
    double sum = 0;
    for (uint16_t value : x)
      sum += std::exp(double(fromHalf(value, element)));
    body.run({x.data(), y.data()});
    for (int64_t j = 0; j < 43; ++j) {
      uint16_t expected = toHalf(static_cast<float>(std::exp(double(fromHalf(x[j], element))) / sum), element);
      EXPECT_LE(std::abs(int(y[j]) - int(expected)), 1) << element << " " << j;
    }
  }
}

TEST_P(Row, stridedRows) {
  // Rows are columns of a [43, 2] matrix.
  CompiledBody body(
      "(%i: index, %x: memref<43x2xf32>, %w: memref<43xf32>, %y: memref<43xf32>) {\n"
      "%c = memref.subview %x[0, 1] [43, 1] [1, 1] : memref<43x2xf32> to memref<43xf32, strided<[2], offset: 1>>\n"
      "tile.row rms_norm eps 1.0e-5 ins(%c, %w : memref<43xf32, strided<[2], offset: 1>>, memref<43xf32>) "
      "outs(%y : memref<43xf32>)\n}",
      GetParam());
  std::vector<float> x = randomFloats(86, 1), w = randomFloats(43, 2), y(43);
  double squares = 0;
  for (int64_t j = 0; j < 43; ++j)
    squares += double(x[2 * j + 1]) * x[2 * j + 1];
  std::vector<double> expected;
  for (int64_t j = 0; j < 43; ++j)
    expected.push_back(x[2 * j + 1] / std::sqrt(squares / 43 + kEps) * w[j]);
  body.run({x.data(), w.data(), y.data()});
  EXPECT_LE(maxNormError(y, expected), 1e-6);
}

/// Heads of d elements of which r are rotated; positions beyond the tables are clamped.
TEST_P(Row, rope) {
  constexpr int64_t b = 2, c = 3, h = 2, positions = 10;
  for (auto [d, r] : std::vector<std::pair<int64_t, int64_t>>{{8, 8}, {2, 2}, {64, 64}, {43, 42}, {80, 20}})
    for (bool interleaved : {false, true}) {
      std::string x = memref({b, c, h, d}), table = memref({positions, r / 2}), p = memref({b, c}, "i32");
      CompiledBody body("(%i: index, %x: " + x + ", %c: " + table + ", %s: " + table + ", %p: " + p + ", %y: " + x +
                            ") {\ntile.rope " + (interleaved ? "interleaved " : "") + "ins(%x, %c, %s, %p : " + x +
                            ", " + table + ", " + table + ", " + p + ") outs(%y : " + x + ")\n}",
                        GetParam());
      std::vector<float> xs = randomFloats(b * c * h * d, 1), cosine = randomFloats(positions * r / 2, 2),
                         sine = randomFloats(positions * r / 2, 3), ys(xs.size(), NAN);
      std::vector<int32_t> at = {0, 5, 9, -4, 10, 1000000};
      std::vector<double> expected(xs.begin(), xs.end());
      for (int64_t row = 0; row < b * c; ++row)
        for (int64_t head = 0; head < h; ++head)
          for (int64_t i = 0; i < r / 2; ++i) {
            int64_t base = (row * h + head) * d, position = std::clamp<int64_t>(at[row], 0, positions - 1);
            int64_t first = base + (interleaved ? 2 * i : i), second = base + (interleaved ? 2 * i + 1 : i + r / 2);
            double co = cosine[position * r / 2 + i], si = sine[position * r / 2 + i];
            expected[first] = xs[first] * co - xs[second] * si;
            expected[second] = xs[first] * si + xs[second] * co;
          }
      body.run({xs.data(), cosine.data(), sine.data(), at.data(), ys.data()});
      EXPECT_LE(maxNormError(ys, expected), 1e-6) << d << " " << r << " " << interleaved;
    }
}
