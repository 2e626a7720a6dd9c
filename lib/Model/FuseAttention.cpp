// ingot-fuse-attention: attention from two contractions around a softmax.
#include "Masks.h"

#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

namespace ingot {
#define GEN_PASS_DEF_FUSEATTENTION
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

//===----------------------------------------------------------------------===//
// The scores: scale * dot + masks
//===----------------------------------------------------------------------===//

struct Bias {
  Mask mask;
  double factor; // of an additive mask
};

struct Scores {
  DotOp dot;
  double scale = 1;
  SmallVector<Bias> biases;

  /// Reads `value`, which is multiplied by `factor` before the softmax.
  bool parse(Value value, double factor) {
    Operation *op = value.getDefiningOp();
    if (auto found = dyn_cast_if_present<DotOp>(op)) {
      dot = found;
      scale = factor;
      return true;
    }
    if (auto mul = dyn_cast_if_present<arith::MulFOp>(op)) {
      for (auto [x, c] : {std::pair(mul.getLhs(), mul.getRhs()), std::pair(mul.getRhs(), mul.getLhs())})
        if (auto number = splatNumber(termOf(c)))
          return parse(x, factor * *number);
      return false;
    }
    if (auto div = dyn_cast_if_present<arith::DivFOp>(op)) {
      auto number = splatNumber(termOf(div.getRhs()));
      return number && *number != 0 && parse(div.getLhs(), factor / *number);
    }
    if (auto add = dyn_cast_if_present<arith::AddFOp>(op)) {
      for (auto [x, bias] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
        if (!parse(x, factor))
          continue;
        biases.push_back({{termOf(bias)}, factor});
        return true;
      }
      return false;
    }
    return parseSelect(dyn_cast_if_present<arith::SelectOp>(op), factor);
  }

  /// select(mask, scores, -inf), or with the branches exchanged.
  bool parseSelect(arith::SelectOp select, double factor) {
    if (!select || !tensorType(select.getCondition()) || factor <= 0)
      return false;
    for (bool shown : {true, false}) {
      auto hidden = splatNumber(termOf(shown ? select.getFalseValue() : select.getTrueValue()));
      if (!hidden || !parse(shown ? select.getTrueValue() : select.getFalseValue(), factor))
        continue;
      biases.push_back({{termOf(select.getCondition()), false, shown, *hidden * factor}, 1});
      return true;
    }
    return false;
  }
};

//===----------------------------------------------------------------------===//
// Grouped heads
//===----------------------------------------------------------------------===//

/// `value` without its repetition along dimension `head`: fewer heads there, each of which the result repeats an equal
/// number of times in a row. `value` itself if nothing repeats.
Value withoutRepetition(OpBuilder &b, Location loc, Value value, int64_t head) {
  auto type = tensorType(value);
  SmallVector<int64_t> kept, shape(type.getShape());
  Value source = value;
  ReassociationIndices group = {head};
  if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
    source = collapse.getSrc();
    group = collapse.getReassociationIndices()[head];
  }
  Term term = termOf(source);
  ArrayRef<int64_t> space = tensorType(source).getShape();
  size_t keep = group.size();
  while (keep > 0 && !term.variesAlong(group[keep - 1]))
    --keep;
  int64_t heads = 1;
  for (size_t i = 0; i < keep; ++i)
    heads *= space[group[i]];
  if (heads == shape[head])
    return value;
  for (int64_t dim = 0; dim < static_cast<int64_t>(space.size()); ++dim)
    if (!llvm::is_contained(ArrayRef(group).drop_front(keep), dim))
      kept.push_back(dim);
  shape[head] = heads;
  Value once = materializeFull(b, loc, term, kept, space);
  return once ? reshapeTo(b, loc, once, shape) : value;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// One side of a contraction with up to two batch dimensions, one free and one contracting dimension.
struct Side {
  Value value;
  SmallVector<int64_t> batch;
  int64_t free, contract;

  static std::optional<Side> of(DotOp dot, bool left) {
    auto free = left ? dot.getLhsFree() : dot.getRhsFree();
    auto contract = left ? dot.getLhsContract() : dot.getRhsContract();
    auto batch = left ? dot.getLhsBatch() : dot.getRhsBatch();
    if (free.size() != 1 || contract.size() != 1 || batch.size() > 2)
      return std::nullopt;
    return Side{left ? dot.getLhs() : dot.getRhs(), llvm::to_vector(batch), free[0], contract[0]};
  }

  /// Takes out factors that scale the whole value, and transposes between them.
  void strip(double &scale) {
    while (Operation *op = value.getDefiningOp()) {
      if (auto transpose = dyn_cast<TransposeOp>(op)) {
        ArrayRef<int64_t> permutation = transpose.getPermutation();
        for (int64_t &dim : batch)
          dim = permutation[dim];
        free = permutation[free];
        contract = permutation[contract];
        value = transpose.getInput();
        continue;
      }
      auto factorOf = [&](unsigned i) { return splatNumber(termOf(op->getOperand(i))); };
      if (isa<arith::MulFOp>(op) && (factorOf(0) || factorOf(1))) {
        unsigned factor = factorOf(1) ? 1 : 0;
        scale *= *factorOf(factor);
        value = op->getOperand(1 - factor);
      } else if (isa<arith::DivFOp>(op) && factorOf(1).value_or(0) != 0) {
        scale /= *factorOf(1);
        value = op->getOperand(0);
      } else {
        return;
      }
    }
  }

  /// The value as [batch, heads, rows, width], or [batch, rows, heads, width] if `headsInside`; a single batch
  /// dimension counts as heads. `row` and `width` are dimensions of the value.
  Value arranged(OpBuilder &b, Location loc, int64_t row, int64_t width, bool headsInside) const {
    SmallVector<int64_t> permutation(batch);
    permutation.push_back(row);
    if (headsInside && !batch.empty())
      std::swap(permutation[batch.size() - 1], permutation[batch.size()]);
    permutation.push_back(width);
    Value moved = transposeTo(b, loc, value, permutation);
    SmallVector<int64_t> shape(tensorType(moved).getShape());
    if (batch.empty())
      shape.insert(shape.begin() + (headsInside ? 1 : 0), 1);
    if (batch.size() < 2)
      shape.insert(shape.begin(), 1);
    return reshapeTo(b, loc, moved, shape);
  }
};

struct FuseAttentionPass : ingot::impl::FuseAttentionBase<FuseAttentionPass> {
  using FuseAttentionBase::FuseAttentionBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    FuseAttentionBase::getDependentDialects(registry);
    registerFoldingDependencies(registry);
  }

  void runOnOperation() override {
    classified.clear();
    for (Block &block : getOperation().getBlocks())
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block.getOperations()))) {
        if (isOpTriviallyDead(&op)) {
          op.erase();
          continue;
        }
        if (auto dot = dyn_cast<DotOp>(op))
          if (Value value = fuse(dot)) {
            dot.getResult().replaceAllUsesWith(value);
            dot.erase();
          }
      }
  }

  /// Attention whose last contraction is `dot`.
  Value fuse(DotOp dot) {
    for (bool left : {true, false}) {
      auto softmax = (left ? dot.getLhs() : dot.getRhs()).getDefiningOp<SoftmaxOp>();
      auto weights = softmax ? Side::of(dot, left) : std::nullopt;
      auto values = softmax ? Side::of(dot, !left) : std::nullopt;
      Scores scores;
      if (!weights || !values || !scores.parse(softmax.getInput(), 1))
        continue;
      auto query = Side::of(scores.dot, true), key = Side::of(scores.dot, false);
      auto leading = llvm::seq<int64_t>(0, weights->batch.size());
      if (!query || !key || query->batch.size() != weights->batch.size() || !llvm::equal(weights->batch, leading) ||
          weights->contract != static_cast<int64_t>(weights->batch.size()) + 1)
        continue;
      return build(dot, left, scores, *query, *key, *values);
    }
    return {};
  }

  /// What a mask shows. All layers have one mask as a rule, and looking at it takes time.
  Visibility visibilityOf(const Mask &mask, ArrayRef<int64_t> space) {
    for (const auto &[knownMask, knownSpace, visibility] : classified)
      if (knownMask == mask && ArrayRef<int64_t>(knownSpace) == space)
        return visibility;
    int64_t rank = static_cast<int64_t>(space.size());
    Visibility visibility = classify(mask, rank - 2, rank - 1, space, KnownValues(), finiteMasks);
    classified.emplace_back(mask, llvm::to_vector(space), visibility);
    return visibility;
  }

  /// What the masks leave to do: `causal`, and a bias of rank 4 for the rest. Failure if a mask has no exact form.
  LogicalResult readMasks(OpBuilder &b, Location loc, Scores &scores, bool &causal, Value &bias) {
    auto type = tensorType(scores.dot.getResult());
    ArrayRef<int64_t> space = type.getShape();
    for (const Bias &each : scores.biases) {
      Visibility visibility = each.factor > 0 ? visibilityOf(each.mask, space) : Visibility::Other;
      causal |= visibility == Visibility::Causal;
      if (visibility != Visibility::Other)
        continue;
      Value value = biasOf(b, loc, each, space, type.getElementType());
      if (!value)
        return failure();
      bias = bias ? addBroadcast(b, loc, bias, value) : value;
    }
    return success();
  }

  /// The bias as a tensor of rank 4 with extents of 1 where it does not differ.
  Value biasOf(OpBuilder &b, Location loc, const Bias &bias, ArrayRef<int64_t> space, Type element) {
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, space.size()));
    // Putting a finite number in a score's place is no addition, unless it is so low that the score does not matter.
    double hidden = bias.mask.hiddenValue;
    if (!bias.mask.additive && !(hidden == -INFINITY || (finiteMasks && hidden <= kHidden)))
      return {};
    Value value = materialize(b, loc, bias.mask.term, dims, space);
    if (!value)
      return {};
    auto splat = [&](double number) -> Value {
      auto type = RankedTensorType::get(tensorType(value).getShape(), element);
      return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, b.getFloatAttr(element, number)));
    };
    if (!bias.mask.additive) {
      Value whenShown = splat(0), whenHidden = splat(hidden);
      value = arith::SelectOp::create(b, loc, value, bias.mask.shown ? whenShown : whenHidden,
                                      bias.mask.shown ? whenHidden : whenShown);
    } else if (bias.factor != 1) {
      value = arith::MulFOp::create(b, loc, value, splat(bias.factor));
    }
    SmallVector<int64_t> shape(tensorType(value).getShape());
    shape.insert(shape.begin(), 4 - shape.size(), 1);
    return reshapeTo(b, loc, value, shape);
  }

  Value addBroadcast(OpBuilder &b, Location loc, Value x, Value y) {
    SmallVector<int64_t> shape, dims;
    for (auto [i, a, c] : llvm::enumerate(tensorType(x).getShape(), tensorType(y).getShape())) {
      shape.push_back(std::max(a, c));
      dims.push_back(i);
    }
    auto type = tensorType(x).clone(shape);
    auto full = [&](Value v) { return v.getType() == type ? v : Value(BroadcastOp::create(b, loc, type, v, dims)); };
    return arith::AddFOp::create(b, loc, full(x), full(y));
  }

  Value build(DotOp root, bool weightsLeft, Scores &scores, Side query, Side key, Side values) {
    OpBuilder b(root);
    Location loc = root.getLoc();
    bool causal = false;
    Value bias;
    if (failed(readMasks(b, loc, scores, causal, bias)))
      return {};
    double scale = scores.scale;
    query.strip(scale);
    key.strip(scale);
    if (!key.batch.empty()) {
      Value fewerKeys = withoutRepetition(b, loc, key.value, key.batch.back());
      Value fewerValues = withoutRepetition(b, loc, values.value, values.batch.back());
      // Both sides must group alike.
      if (tensorType(fewerKeys).getDimSize(key.batch.back()) ==
          tensorType(fewerValues).getDimSize(values.batch.back())) {
        key.value = fewerKeys;
        values.value = fewerValues;
      }
    }
    Value q = query.arranged(b, loc, query.free, query.contract, /*headsInside=*/true);
    Value k = key.arranged(b, loc, key.free, key.contract, /*headsInside=*/false);
    Value v = values.arranged(b, loc, values.contract, values.free, /*headsInside=*/false);
    SmallVector<int64_t> shape(tensorType(q).getShape());
    shape[3] = tensorType(v).getDimSize(3);
    auto type = tensorType(q).clone(shape);
    auto attention = AttentionOp::create(b, loc, type, Type(), q, k, v, Value(), Value(), bias,
                                         causal ? b.getUnitAttr() : UnitAttr(), b.getF64FloatAttr(scale));
    // [batch, rows, heads, width] -> [batch, heads, rows, width], or with the last two exchanged.
    SmallVector<int64_t> order = weightsLeft ? SmallVector<int64_t>{0, 2, 1, 3} : SmallVector<int64_t>{0, 2, 3, 1};
    Value out = transposeTo(b, loc, attention.getOut(), order);
    return reshapeTo(b, loc, out, tensorType(root.getResult()).getShape());
  }

  std::vector<std::tuple<Mask, SmallVector<int64_t>, Visibility>> classified;
};

} // namespace
