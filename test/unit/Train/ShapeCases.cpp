// What moves and sums elements.
#include "test/unit/Train/GradCheck.h"

using namespace ingot::test;

static void addDots(std::vector<GradCase> &cases) {
  auto add = [&](const char *a, const char *b, const char *r, const std::string &dims) {
    cases.push_back({"ingot.dot", {a, b}, r, "%r = ingot.dot %a, %b " + dims + " : ($a, $b) -> $r"});
  };
  add("4", "4", "", "contract [0] x [0]");
  add("3", "2", "3x2", "contract [] x []");
  add("2x3x4", "5x4", "2x3x5", "contract [2] x [1]");
  add("2x3x4", "4x5", "2x3x5", "contract [2] x [0]");
  add("4x3", "5x4", "3x5", "contract [0] x [1]");
  add("2x3x4", "2x5x4", "2x3x5", "batch [0] x [0] contract [2] x [2]");
  add("2x3x4x5", "4x2x6x3", "2x5x6", "batch [0] x [1] contract [1, 2] x [3, 0]");
  add("3x2x4", "4x2x3", "3x2", "batch [0, 1] x [2, 1] contract [2] x [0]");
  add("2x3x4", "3x5x2", "2x3x4x5", "batch [0, 1] x [2, 0] contract [] x []");
  add("2x3", "3x2", "", "contract [0, 1] x [1, 0]");
  cases.push_back({"ingot.dot", {"3x3"}, "3x3", "%r = ingot.dot %a, %a contract [1] x [0] : ($a, $a) -> $r"});
}

static void addReductions(std::vector<GradCase> &cases) {
  struct Dims {
    const char *dims, *in, *out;
  };
  for (const char *kind : {"sum", "mean", "max", "min", "product"})
    for (Dims shape : {Dims{"[0]", "4", ""}, Dims{"[1]", "2x3x2", "2x2"}, Dims{"[0, 2]", "2x3x2", "3"},
                       Dims{"[0, 1]", "2x3", ""}, Dims{"[]", "2x2", "2x2"}})
      cases.push_back({"ingot.reduce",
                       {shape.in},
                       shape.out,
                       std::string("%r = ingot.reduce ") + kind + " %a dims " + shape.dims + " : ($a) -> $r"});
}

static void addTensors(std::vector<GradCase> &cases) {
  auto add = [&](const char *op, std::vector<std::string> params, const char *result, const std::string &rest) {
    cases.push_back({op, std::move(params), result, std::string("%r = ") + op + " " + rest});
  };
  add("tensor.expand_shape", {"6x2"}, "2x3x2", "%a [[0, 1], [2]] output_shape [2, 3, 2] : $a into $r");
  add("tensor.expand_shape", {""}, "1x1", "%a [] output_shape [1, 1] : $a into $r");
  add("tensor.collapse_shape", {"2x3x2"}, "2x6", "%a [[0], [1, 2]] : $a into $r");
  add("tensor.collapse_shape", {"1x1"}, "", "%a [] : $a into $r");
  cases.push_back({"tensor.reshape",
                   {"2x6"},
                   "3x4",
                   "%s = arith.constant dense<[3, 4]> : tensor<2xi64>\n"
                   "%r = tensor.reshape %a(%s) : ($a, tensor<2xi64>) -> $r"});
  add("tensor.extract_slice", {"4x6"}, "2x3", "%a[1, 2] [2, 3] [1, 1] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "4x2", "%a[0, 4] [4, 2] [1, 1] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "4x6", "%a[0, 0] [4, 6] [1, 1] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "2x3", "%a[1, 0] [2, 3] [2, 2] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "4x2", "%a[0, 1] [4, 2] [1, 3] : $a to $r");
  add("tensor.extract_slice", {"2x7x2"}, "2x3x1", "%a[0, 0, 1] [2, 3, 1] [1, 3, 1] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "", "%a[2, 3] [1, 1] [1, 1] : $a to $r");
  add("tensor.extract_slice", {"4x6"}, "3", "%a[1, 2] [1, 3] [1, 1] : $a to $r");
  cases.push_back({"tensor.extract_slice",
                   {"4x6"},
                   "2x6",
                   "%i = arith.constant 1 : index\n%r = tensor.extract_slice %a[%i, 0] [2, 6] [1, 1] : $a to $r"});
  add("tensor.insert_slice", {"2x3", "4x6"}, "4x6", "%a into %b[1, 2] [2, 3] [1, 1] : $a into $b");
  add("tensor.insert_slice", {"3", "4x6"}, "4x6", "%a into %b[1, 0] [1, 3] [1, 2] : $a into $b");
  add("tensor.concat", {"2x3", "2x1", "2x2"}, "2x6", "dim(1) %a, %b, %c : ($a, $b, $c) -> $r");
  add("tensor.concat", {"2x3", "1x3"}, "4x3", "dim(0) %a, %b, %b : ($a, $b, $b) -> $r");
  cases.push_back({"tensor.extract",
                   {"2x3"},
                   "2x2",
                   "%i = arith.constant 1 : index\n%s = tensor.extract %a[%i, %i] : $a\n%m = math.exp %s : $T\n"
                   "%r = tensor.splat %m : $r"});
  cases.push_back({"tensor.splat",
                   {"", "3"},
                   "3",
                   "%s = tensor.extract %a[] : $a\n%p = arith.mulf %s, %s : $T\n%t = tensor.splat %p : $r\n"
                   "%r = arith.mulf %t, %b : $r"});
}

std::vector<GradCase> ingot::test::shapeCases() {
  std::vector<GradCase> cases;
  addDots(cases);
  addReductions(cases);
  addTensors(cases);
  auto broadcast = [&](const char *from, const char *to, const std::string &dims) {
    cases.push_back({"ingot.broadcast", {from}, to, "%r = ingot.broadcast %a dims " + dims + " : $a -> $r"});
  };
  broadcast("4", "2x3x4", "[2]");
  broadcast("3", "2x3x4", "[1]");
  broadcast("", "2x2", "[]");
  broadcast("2x1", "2x3", "[0, 1]");
  broadcast("1x3x1", "2x4x3x2", "[1, 2, 3]");
  broadcast("1", "1x3", "[0]");
  for (auto [from, to, permutation] :
       {std::array{"2x3", "3x2", "[1, 0]"}, {"2x3x4", "4x2x3", "[2, 0, 1]"}, {"2x3x4", "2x3x4", "[0, 1, 2]"}})
    cases.push_back({"ingot.transpose",
                     {from},
                     to,
                     std::string("%r = ingot.transpose %a permutation ") + permutation + " : ($a) -> $r"});
  return cases;
}
