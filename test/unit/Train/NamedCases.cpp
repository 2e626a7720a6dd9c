// Norms, activations, attention, the embedding and the loss.
#include "test/unit/Train/GradCheck.h"

using namespace ingot::test;

static const char *const kPositions = "%p = arith.constant dense<[[0, 1, 2], [3, 1, 9]]> : tensor<2x3xi32>\n";

static void addRows(std::vector<GradCase> &cases) {
  for (const char *shape : {"4", "3x5", "2x3x4", "2x1"}) {
    cases.push_back({"ingot.softmax", {shape}, shape, "%r = ingot.softmax %a : $a", -3, 3});
    cases.push_back({"ingot.silu", {shape}, shape, "%r = ingot.silu %a : $a", -4, 4});
    cases.push_back({"ingot.gelu", {shape}, shape, "%r = ingot.gelu erf %a : $a", -3, 3});
    cases.push_back({"ingot.gelu", {shape}, shape, "%r = ingot.gelu tanh %a : $a", -3, 3});
  }
  for (auto [shape, last] : {std::pair{"4", "4"}, {"3x5", "5"}, {"2x3x4", "4"}})
    for (const char *eps : {"1.0e-5", "0.1"}) {
      std::string end = std::string(" eps ") + eps + " : $a, $b";
      cases.push_back({"ingot.rms_norm", {shape, last}, shape, "%r = ingot.rms_norm %a, %b" + end});
      cases.push_back({"ingot.layer_norm", {shape, last}, shape, "%r = ingot.layer_norm %a, %b" + end});
      cases.push_back(
          {"ingot.layer_norm", {shape, last, last}, shape, "%r = ingot.layer_norm %a, %b, %c" + end + ", $c"});
    }
}

static void addAttention(std::vector<GradCase> &cases) {
  for (const char *causal : {"", "causal "})
    for (auto [q, k, v, r] : {std::array{"1x3x2x4", "1x2x3x4", "1x2x3x4", "1x3x2x4"},
                              {"2x3x4x2", "2x2x3x2", "2x2x3x3", "2x3x4x3"},
                              {"1x2x3x2", "1x1x4x2", "1x1x4x2", "1x2x3x2"}})
      cases.push_back({"ingot.attention",
                       {q, k, v},
                       r,
                       std::string("%r = ingot.attention %a, %b, %c ") + causal + "scale 0.5 : ($a, $b, $c) -> $r"});
  cases.push_back({"ingot.attention",
                   {"1x2x2x2", "1x1x2x2", "1x1x2x2"},
                   "1x2x2x2",
                   "%k = arith.constant dense<[[[[0.5, -0.25], [0.0, 1.0]]]]> : tensor<1x1x2x2x$T>\n"
                   "%r = ingot.attention %a, %b, %c bias %k scale 1.0 : ($a, $b, $c, tensor<1x1x2x2x$T>) -> $r"});
  cases.push_back({"ingot.attention", // its log-sum-exp is there already; one value as key and value
                   {"1x3x2x4", "1x2x3x4"},
                   "1x3x2x4",
                   "%r, %l = ingot.attention %a, %b, %b causal scale 0.5 : ($a, $b, $b) -> ($r, tensor<1x3x2xf32>)"});
  for (const char *pairs : {"", "interleaved "})
    for (auto [shape, tables] : {std::pair{"2x3x2x4", "4x2"}, {"2x3x1x6", "4x2"}})
      cases.push_back({"ingot.rope",
                       {shape},
                       shape,
                       std::string(kPositions) + "%x = arith.constant dense<[[0.5, 0.25], [1.0, -0.5], [0.75, 0.1], " +
                           "[0.3, 0.2]]> : tensor<" + tables + "x$T>\n%y = math.sin %x : tensor<" + tables +
                           "x$T>\n%r = ingot.rope %a, %x, %y at %p " + pairs + ": $a, tensor<" + tables +
                           "x$T>, tensor<" + tables + "x$T>, tensor<2x3xi32>"});
}

static void addLoss(std::vector<GradCase> &cases) {
  std::string targets = "%t = arith.constant dense<[[0, 4, 2], [1, 1, 7]]> : tensor<2x3xi32>\n";
  // A float32 scalar, whatever the logits are: as a tensor of the element type through a product.
  auto add = [&](const std::string &weights, const std::string &middle, const std::string &z) {
    std::string type = weights.empty() ? "" : ", tensor<2x3xf32>";
    cases.push_back({"ingot.cross_entropy",
                     {"2x3x5"},
                     "2x3",
                     targets + weights + "%l, %s = ingot.cross_entropy %a, %t" + middle + " z_loss " + z +
                         " : ($a, tensor<2x3xi32>" + type +
                         ") -> (tensor<f32>, tensor<2x3xf32>)\n"
                         "%w = ingot.broadcast %l dims [] : tensor<f32> -> tensor<2x3xf32>\n"
                         "%half = arith.constant dense<0.5> : tensor<2x3xf32>\n%x = arith.mulf %s, %half : "
                         "tensor<2x3xf32>\n%y = arith.addf %w, %x : tensor<2x3xf32>\n"
                         "%n = arith.truncf %y : tensor<2x3xf32> to tensor<2x3xbf16>\n%r = arith.extf %n : "
                         "tensor<2x3xbf16> to $r",
                     -2,
                     2});
  };
  std::string weights = "%k = arith.constant dense<[[1.0, 0.5, 0.0], [2.0, 0.25, 1.0]]> : tensor<2x3xf32>\n";
  for (const char *z : {"0.0", "0.01"}) {
    add("", "", z);
    add(weights, " weights %k", z);
  }
}

std::vector<GradCase> ingot::test::namedCases() {
  std::vector<GradCase> cases;
  addRows(cases);
  addAttention(cases);
  addLoss(cases);
  std::string indices = "%i = arith.constant dense<[[0, 2], [2, 7]]> : tensor<2x2xi32>\n";
  for (auto [table, rows] : {std::pair{"4x3", "2x2x3"}, {"4", "2x2"}, {"4x2x3", "2x2x2x3"}}) {
    cases.push_back(
        {"ingot.gather", {table}, rows, indices + "%r = ingot.gather %a, %i : ($a, tensor<2x2xi32>) -> $r"});
    cases.push_back({"ingot.scatter_add",
                     {rows, table},
                     table,
                     indices + "%r = ingot.scatter_add %a, %i into %b : ($a, tensor<2x2xi32>, $b) -> $r"});
  }
  return cases;
}
