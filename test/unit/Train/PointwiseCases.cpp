// arith and math, one by one. Ranges stay 2^-9 away from where a function has no derivative.
#include "test/unit/Train/GradCheck.h"

using namespace ingot::test;

static GradCase unary(const std::string &op, double low, double high) {
  return {op, {"2x3"}, "2x3", "%r = " + op + " %a : $r", low, high};
}

static GradCase binary(const std::string &op, double low = -1, double high = 1) {
  return {op, {"2x3", "2x3"}, "2x3", "%r = " + op + " %a, %b : $r", low, high};
}

/// `op` of a parameter and a constant.
static GradCase withConstant(const std::string &op, const std::string &number, double low, double high) {
  return {op, {"5"}, "5", "%k = arith.constant dense<" + number + "> : $r\n%r = " + op + " %a, %k : $r", low, high};
}

static std::vector<GradCase> unaryCases() {
  std::vector<GradCase> cases;
  for (const char *op : {"arith.negf", "math.exp", "math.exp2", "math.expm1", "math.tanh", "math.sin", "math.cos",
                         "math.sinh", "math.cosh", "math.atan", "math.erf", "math.erfc"})
    for (double bound : {1.0, 3.0})
      cases.push_back(unary(op, -bound, bound));
  for (const char *op : {"math.log", "math.log2", "math.log10", "math.sqrt", "math.rsqrt"})
    for (double low : {0.25, 3.0})
      cases.push_back(unary(op, low, low + 1));
  cases.push_back(unary("math.log1p", -0.5, 2));
  cases.push_back(unary("math.tan", -1, 1));
  cases.push_back(unary("math.absf", 0.01, 1));
  cases.push_back(unary("math.absf", -1, -0.01));
  return cases;
}

std::vector<GradCase> ingot::test::pointwiseCases() {
  std::vector<GradCase> cases = unaryCases();
  for (const char *op :
       {"arith.addf", "arith.subf", "arith.mulf", "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"})
    cases.push_back(binary(op));
  cases.push_back(binary("arith.divf", 0.5, 2));
  cases.push_back(binary("math.powf", 0.5, 2));
  // One value twice, and a scalar tensor.
  cases.push_back({"arith.mulf", {"2x3"}, "2x3", "%r = arith.mulf %a, %a : $r"});
  cases.push_back({"arith.divf", {""}, "", "%e = math.exp %a : $r\n%r = arith.divf %a, %e : $r"});
  for (const char *op : {"arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf"}) {
    cases.push_back(withConstant(op, "0.0", 0.01, 1));
    cases.push_back(withConstant(op, "0.0", -1, -0.01));
  }
  for (const char *exponent : {"0.0", "1.0", "2.0", "3.0", "-0.5", "2.5"})
    cases.push_back(withConstant("math.powf", exponent, 0.5, 2));
  cases.push_back(withConstant("math.powf", "[0.0, 1.0, 2.0, 3.5, -1.0]", 0.5, 2));
  cases.push_back(withConstant("math.powf", "3.0", -2, -0.5));
  cases.push_back({"math.powf", {"4"}, "4", "%k = arith.constant dense<1.5> : $r\n%r = math.powf %k, %a : $r"});
  for (const char *exponent : {"0", "1", "2", "5", "-2", "[0, 1, 2, 3, -1]"})
    cases.push_back({"math.fpowi",
                     {"5"},
                     "5",
                     std::string("%k = arith.constant dense<") + exponent +
                         "> : tensor<5xi32>\n%r = math.fpowi %a, %k : $r, tensor<5xi32>",
                     -2,
                     -0.5});
  cases.push_back({"math.fma", {"4", "4", "4"}, "4", "%r = math.fma %a, %b, %c : $r"});
  cases.push_back({"math.fma", {"4", "4"}, "4", "%r = math.fma %a, %a, %b : $r"});
  cases.push_back({"arith.select",
                   {"3", "3"},
                   "3",
                   "%m = arith.constant dense<[true, false, true]> : tensor<3xi1>\n"
                   "%r = arith.select %m, %a, %b : tensor<3xi1>, $r"});
  cases.push_back({"arith.select", {"3", "3"}, "3", "%m = arith.constant false\n%r = arith.select %m, %a, %b : $r"});
  cases.push_back({"arith.select",
                   {"2x2", "2x2"},
                   "2x2",
                   "%m = arith.cmpf ogt, %a, %b : $a\n%r = arith.select %m, %b, %a : tensor<2x2xi1>, $r"});
  // Casts round nothing in the float64 interpreter.
  cases.push_back({"arith.truncf",
                   {"3"},
                   "3",
                   "%n = arith.truncf %a : $a to tensor<3xbf16>\n%s = arith.extf %n : tensor<3xbf16> to $r\n"
                   "%r = arith.mulf %s, %s : $r"});
  cases.push_back({"arith.extf",
                   {"2x2"},
                   "2x2",
                   "%n = arith.truncf %a : $a to tensor<2x2xf16>\n%q = arith.mulf %n, %n : tensor<2x2xf16>\n"
                   "%r = arith.extf %q : tensor<2x2xf16> to $r"});
  return cases;
}
