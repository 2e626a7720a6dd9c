// Random small graphs against differences: several uses, tied parameters, chains of many operations.
#include "test/unit/Train/GradCheck.h"

#include "llvm/ADT/STLExtras.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace ingot::interpreter;
using namespace ingot::test;

namespace {

using Extents = std::vector<int64_t>;

struct Value {
  std::string name;
  Extents shape;
};

std::string typeOf(const Extents &shape) {
  std::string type = "tensor<";
  for (int64_t extent : shape)
    type += std::to_string(extent) + "x";
  return type + "f64>";
}

std::string listOf(const Extents &numbers) {
  std::string list;
  for (int64_t number : numbers)
    list += (list.empty() ? "" : ", ") + std::to_string(number);
  return "[" + list + "]";
}

Extents iota(size_t count) {
  Extents numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Writes one graph. Values stay of the order of 1 and have all derivatives: there is no maximum in it.
class RandomGraph {
public:
  explicit RandomGraph(uint64_t seed) : random(seed) {}

  std::string write() {
    pool.push_back(param(random.below(2) ? Extents{2, 3} : Extents{2, 2, 3}));
    for (int step = 0; step < 8; ++step)
      pool.push_back(next(pool[random.below(pool.size())]));
    Value loss;
    for (size_t i = pool.size() - 3; i < pool.size(); ++i) {
      Value squares = emit(pool[i].shape, "arith.mulf " + pool[i].name + ", " + pool[i].name + " : ", true);
      Value mean = emit({},
                        "ingot.reduce mean " + squares.name + " dims " + listOf(iota(squares.shape.size())) + " : (" +
                            typeOf(squares.shape) + ") -> ",
                        true);
      loss = loss.name.empty() ? mean : emit({}, "arith.addf " + loss.name + ", " + mean.name + " : ", true);
    }
    return declarations + "func.func @loss(" + arguments + ") -> (tensor<f64> {ingot.output = \"loss\"}) {\n" + body +
           "return " + loss.name + " : tensor<f64>\n}\n";
  }

private:
  /// Appends `%v = TEXT`, with the type of the result behind if `typed`.
  Value emit(Extents shape, const std::string &text, bool typed = false) {
    std::string name = "%v" + std::to_string(count++);
    body += name + " = " + text + (typed ? typeOf(shape) : "") + "\n";
    return {name, std::move(shape)};
  }

  Value unary(const std::string &op, const Value &x) { return emit(x.shape, op + " " + x.name + " : ", true); }
  Value binary(const std::string &op, const Value &x, const Value &y) {
    return emit(x.shape, op + " " + x.name + ", " + y.name + " : ", true);
  }

  /// A new parameter, or one that is there.
  Value param(const Extents &shape) {
    for (const Value &known : params)
      if (known.shape == shape && random.below(2))
        return known;
    std::string name = "p" + std::to_string(params.size());
    declarations += "ingot.param @" + name + " : " + typeOf(shape) + "\n";
    arguments += (params.empty() ? "%" : ", %") + name + ": " + typeOf(shape) + " {ingot.param = @" + name + "}";
    params.push_back({"%" + name, shape});
    return params.back();
  }

  Value squash(const Value &x) { return unary(random.below(2) ? "math.tanh" : "ingot.softmax", x); }

  Value next(Value x) {
    static constexpr Value (RandomGraph::*kSteps[])(const Value &) = {
        &RandomGraph::pointwise, &RandomGraph::pointwise,    &RandomGraph::combine, &RandomGraph::combine,
        &RandomGraph::dense,     &RandomGraph::bias,         &RandomGraph::norm,    &RandomGraph::transpose,
        &RandomGraph::reshape,   &RandomGraph::sliceAndJoin, &RandomGraph::centre,  &RandomGraph::attend,
        &RandomGraph::lookUp};
    return (this->*kSteps[random.below(std::size(kSteps))])(x);
  }

  Value pointwise(const Value &x) {
    static const char *const kOps[] = {"math.tanh",     "math.sin",   "math.cos",       "math.erf",
                                       "math.atan",     "ingot.silu", "ingot.gelu erf", "ingot.gelu tanh",
                                       "ingot.softmax", "arith.negf"};
    return unary(kOps[random.below(std::size(kOps))], x);
  }

  Value combine(const Value &x) {
    std::vector<Value> equal;
    llvm::copy_if(pool, std::back_inserter(equal), [&](const Value &other) { return other.shape == x.shape; });
    Value y = equal[random.below(equal.size())];
    switch (random.below(4)) {
    case 0:
      return binary("arith.addf", x, y);
    case 1:
      return binary("arith.subf", x, y);
    case 2:
      return squash(binary("arith.mulf", x, y));
    default:
      return squash(binary("arith.divf", x, unary("math.exp", unary("math.sin", y))));
    }
  }

  Value dense(const Value &x) {
    int64_t width = 2 + static_cast<int64_t>(random.below(3)), last = static_cast<int64_t>(x.shape.size()) - 1;
    Extents shape = x.shape, matrix = {width, x.shape.back()};
    shape.back() = width;
    Value w = param(matrix);
    return squash(emit(shape,
                       "ingot.dot " + x.name + ", " + w.name + " contract " + listOf({last}) + " x [1] : (" +
                           typeOf(x.shape) + ", " + typeOf(matrix) + ") -> ",
                       true));
  }

  Value repeated(const Value &x, const Extents &dims, const Extents &shape) {
    return emit(shape, "ingot.broadcast " + x.name + " dims " + listOf(dims) + " : " + typeOf(x.shape) + " -> ", true);
  }

  Value bias(const Value &x) {
    Value b = param({x.shape.back()});
    return binary("arith.addf", x, repeated(b, {static_cast<int64_t>(x.shape.size()) - 1}, x.shape));
  }

  Value norm(const Value &x) {
    Value scale = param({x.shape.back()});
    std::string types = typeOf(x.shape) + ", " + typeOf(scale.shape);
    return emit(x.shape, std::string(random.below(2) ? "ingot.rms_norm " : "ingot.layer_norm ") + x.name + ", " +
                             scale.name + " eps 0.1 : " + types);
  }

  Value transpose(const Value &x) {
    Extents permutation = iota(x.shape.size()), shape;
    random.shuffle(permutation);
    for (int64_t dim : permutation)
      shape.push_back(x.shape[dim]);
    return emit(
        shape, "ingot.transpose " + x.name + " permutation " + listOf(permutation) + " : (" + typeOf(x.shape) + ") -> ",
        true);
  }

  Value reshape(const Value &x) {
    if (x.shape.size() == 3) {
      Extents shape = {x.shape[0] * x.shape[1], x.shape[2]};
      return emit(shape, "tensor.collapse_shape " + x.name + " [[0, 1], [2]] : " + typeOf(x.shape) + " into ", true);
    }
    Extents shape = {1, x.shape[0], x.shape[1]};
    return emit(shape,
                "tensor.expand_shape " + x.name + " [[0, 1], [2]] output_shape " + listOf(shape) + " : " +
                    typeOf(x.shape) + " into ",
                true);
  }

  Value sliceAndJoin(const Value &x) {
    size_t dim = random.below(x.shape.size());
    Extents offsets(x.shape.size(), 0), part = x.shape, joined = x.shape, ones(x.shape.size(), 1);
    part[dim] = 1 + static_cast<int64_t>(random.below(x.shape[dim]));
    offsets[dim] = static_cast<int64_t>(random.below(x.shape[dim] - part[dim] + 1));
    joined[dim] += part[dim];
    Value piece = emit(part,
                       "tensor.extract_slice " + x.name + listOf(offsets) + " " + listOf(part) + " " + listOf(ones) +
                           " : " + typeOf(x.shape) + " to ",
                       true);
    if (joined[dim] > 5)
      return piece;
    return emit(joined,
                "tensor.concat dim(" + std::to_string(dim) + ") " + unary("math.sin", piece).name + ", " + x.name +
                    " : (" + typeOf(part) + ", " + typeOf(x.shape) + ") -> ",
                true);
  }

  /// x less its mean along one dimension.
  Value centre(const Value &x) {
    auto dim = static_cast<int64_t>(random.below(x.shape.size()));
    Extents kept = iota(x.shape.size()), shape = x.shape;
    kept.erase(kept.begin() + dim);
    shape.erase(shape.begin() + dim);
    Value mean = emit(
        shape, "ingot.reduce mean " + x.name + " dims " + listOf({dim}) + " : (" + typeOf(x.shape) + ") -> ", true);
    return binary("arith.subf", x, repeated(mean, kept, x.shape));
  }

  /// softmax(x x^T) x, with a batch where there is one.
  Value attend(const Value &x) {
    int64_t rank = static_cast<int64_t>(x.shape.size()), rows = x.shape[rank - 2];
    std::string batch = rank == 3 ? "batch [0] x [0] " : "";
    Extents scores = x.shape;
    scores.back() = rows;
    Value s = emit(scores,
                   "ingot.dot " + x.name + ", " + x.name + " " + batch + "contract " + listOf({rank - 1}) + " x " +
                       listOf({rank - 1}) + " : (" + typeOf(x.shape) + ", " + typeOf(x.shape) + ") -> ",
                   true);
    Value p = unary("ingot.softmax", s);
    return emit(x.shape,
                "ingot.dot " + p.name + ", " + x.name + " " + batch + "contract " + listOf({rank - 1}) + " x " +
                    listOf({rank - 2}) + " : (" + typeOf(p.shape) + ", " + typeOf(x.shape) + ") -> ",
                true);
  }

  /// Rows of a table, one of them twice.
  Value lookUp(const Value &x) {
    Value table = param({3, x.shape.back()});
    std::string name = "%i" + std::to_string(count++);
    body += name + " = arith.constant dense<[2, 0, 2]> : tensor<3xi32>\n";
    return emit(table.shape,
                "ingot.gather " + table.name + ", " + name + " : (" + typeOf(table.shape) + ", tensor<3xi32>) -> ",
                true);
  }

  Random random;
  std::vector<Value> pool, params;
  std::string declarations, arguments, body;
  int count = 0;
};

TEST(GradRandom, GraphsAgreeWithDifferences) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::string text = RandomGraph(seed).write();
    SCOPED_TRACE(text);
    GradCheck check(text, -1, 1, seed);
    ASSERT_TRUE(check.ok());
    check.expectAgreement();
    if (HasFailure())
      return;
  }
}

} // namespace
