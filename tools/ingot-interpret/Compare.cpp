#include "tools/ingot-interpret/Compare.h"

#include "llvm/Support/Format.h"

#include <cmath>
#include <set>

using namespace ingot::interpreter;

double maxDifference(const Array &left, const Array &right) {
  if (!isFloat(left.element())) {
    double most = 0;
    for (auto [a, b] : llvm::zip(left.ints(), right.ints()))
      most = std::max(most, std::fabs(static_cast<double>(a) - static_cast<double>(b)));
    return most;
  }
  double most = 0;
  for (auto [a, b] : llvm::zip(left.floats(), right.floats())) {
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    most = std::isnan(a) || std::isnan(b) ? HUGE_VAL : std::max(most, std::fabs(a - b));
  }
  return most;
}

static std::set<std::string> namesOf(const Arrays &left, const Arrays &right) {
  std::set<std::string> names;
  for (const Arrays *arrays : {&left, &right})
    for (llvm::StringRef name : arrays->keys())
      names.insert(name.str());
  return names;
}

bool compareArrays(const Arrays &left, const Arrays &right, double tolerance, llvm::StringRef what,
                   llvm::raw_ostream &os) {
  bool same = true;
  for (const std::string &name : namesOf(left, right)) {
    auto l = left.find(name), r = right.find(name);
    os << what << ' ' << name << ": ";
    if (l == left.end() || r == right.end()) {
      os << "only in the " << (l == left.end() ? "second" : "first") << " program\n";
      same = false;
    } else if (l->second.shape() != r->second.shape() || isFloat(l->second.element()) != isFloat(r->second.element())) {
      os << "differs in shape or kind\n";
      same = false;
    } else {
      double difference = maxDifference(l->second, r->second);
      os << "max abs difference " << llvm::format("%.9g", difference) << '\n';
      same &= difference <= tolerance;
    }
  }
  return same;
}

void printArrays(const Arrays &arrays, unsigned digits, llvm::raw_ostream &os) {
  for (const std::string &name : namesOf(arrays, arrays)) {
    const Array &array = arrays.find(name)->second;
    os << name << ": " << toString(array.element()) << " [";
    llvm::interleaveComma(array.shape(), os);
    os << ']';
    if (isFloat(array.element()))
      for (double value : array.floats())
        os << llvm::format(" %.*g", static_cast<int>(digits), value);
    else
      for (int64_t value : array.ints())
        os << ' ' << value;
    os << '\n';
  }
}
