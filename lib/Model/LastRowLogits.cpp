// ingot-last-row-logits: a prompt computes the logits of its last token alone; see Passes.td.
#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace ingot {
#define GEN_PASS_DEF_LASTROWLOGITS
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Tensors whose first two dimensions are the sequences and the rows of a step.
struct RowSpace {
  int64_t batch, rows;

  bool contains(Value value) const {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getRank() >= 2 && type.getDimSize(0) == batch && type.getDimSize(1) == rows;
  }
  static RankedTensorType oneRow(RankedTensorType type) {
    SmallVector<int64_t> shape(type.getShape());
    shape[1] = 1;
    return RankedTensorType::get(shape, type.getElementType());
  }
};

/// The operands of which row (b, c) of a result needs row (b, c) alone; of all others it needs everything, and they do
/// not depend on rows.
using RowOperands = SmallVector<OpOperand *, 2>;

bool leadsWithRows(ArrayRef<int64_t> dims) { return dims.size() >= 2 && dims[0] == 0 && dims[1] == 1; }

/// Dimensions of the result are the batch dimensions, the free ones of `lhs`, then those of `rhs`.
std::optional<RowOperands> rowOperandsOf(DotOp op) {
  SmallVector<int64_t> lhs(op.getLhsBatch());
  llvm::append_range(lhs, op.getLhsFree());
  if (!leadsWithRows(lhs))
    return std::nullopt;
  if (op.getLhsBatch().size() < 2)
    return RowOperands{&op.getLhsMutable()};
  if (!leadsWithRows(op.getRhsBatch()))
    return std::nullopt;
  return RowOperands{&op.getLhsMutable(), &op.getRhsMutable()};
}

std::optional<RowOperands> rowOperandsOf(BroadcastOp op, const RowSpace &space) {
  if (!llvm::is_contained(op.getDims(), 1) ||
      typeOf(op.getInput()).getDimSize(llvm::find(op.getDims(), 1) - op.getDims().begin()) == 1)
    return RowOperands{};
  return leadsWithRows(op.getDims()) && space.contains(op.getInput())
             ? std::optional(RowOperands{&op.getInputMutable()})
             : std::nullopt;
}

/// Whole sequences and rows, and a part of what follows.
std::optional<RowOperands> rowOperandsOf(tensor::ExtractSliceOp op) {
  bool whole = op.getDroppedDims().none();
  for (unsigned dim : {0, 1})
    whole &= op.getStaticOffset(dim) == 0 && op.getStaticStride(dim) == 1;
  return whole ? std::optional(RowOperands{&op.getSourceMutable()}) : std::nullopt;
}

/// Every tensor that `op` takes.
RowOperands tensorOperands(Operation *op) {
  RowOperands all;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType()))
      all.push_back(&operand);
  return all;
}

bool keepsRowsApart(ArrayRef<ReassociationIndices> groups) {
  return groups.size() >= 2 && groups[0].size() == 1 && groups[1].size() == 1;
}

/// None if rows of the result depend on other rows, or nothing is known about the operation.
std::optional<RowOperands> rowOperands(Operation *op, const RowSpace &space) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 || !space.contains(op->getResult(0)))
    return std::nullopt;
  auto firstIf = [&](bool condition) {
    return condition ? std::optional(RowOperands{&op->getOpOperand(0)}) : std::nullopt;
  };
  int64_t rank = typeOf(op->getResult(0)).getRank();
  std::optional<RowOperands> operands =
      llvm::TypeSwitch<Operation *, std::optional<RowOperands>>(op)
          .Case([&](DotOp dot) { return rowOperandsOf(dot); })
          .Case([&](BroadcastOp broadcast) { return rowOperandsOf(broadcast, space); })
          .Case<RmsNormOp, LayerNormOp, SoftmaxOp>([&](Operation *) { return firstIf(rank > 2); })
          .Case([&](ReduceOp reduce) {
            return firstIf(llvm::all_of(reduce.getDims(), [](int64_t dim) { return dim > 1; }));
          })
          .Case([&](TransposeOp transpose) { return firstIf(leadsWithRows(transpose.getPermutation())); })
          .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
              [&](auto reshape) { return firstIf(keepsRowsApart(reshape.getReassociationIndices())); })
          .Case([&](GatherOp gather) {
            bool perRow = typeOf(gather.getIndices()).getRank() >= 2;
            return perRow ? std::optional(RowOperands{&gather.getIndicesMutable()}) : std::nullopt;
          })
          .Case([&](arith::ConstantOp constant) {
            return isa<SplatElementsAttr>(constant.getValue()) ? std::optional(RowOperands{}) : std::nullopt;
          })
          .Case([&](tensor::ExtractSliceOp slice) { return rowOperandsOf(slice); })
          .Case([&](tensor::ConcatOp concat) {
            return concat.getDim() > 1 ? std::optional(tensorOperands(concat)) : std::nullopt;
          })
          .Default([&](Operation *other) {
            bool pointwise = other->hasTrait<OpTrait::Elementwise>() && isMemoryEffectFree(other);
            return pointwise ? std::optional(tensorOperands(other)) : std::nullopt;
          });
  if (operands && !llvm::all_of(*operands, [&](OpOperand *operand) { return space.contains(operand->get()); }))
    return std::nullopt;
  return operands;
}

/// Moves the choice of the last row from an output of an entry towards its inputs.
class RowSelection {
public:
  RowSelection(func::FuncOp func, RowSpace space, Value count, unsigned output)
      : block(func.getBody().front()), space(space), count(count), output(block.getTerminator()->getOpOperand(output)) {
  }

  void run() {
    collect();
    for (Operation &op : llvm::make_early_inc_range(block.without_terminator()))
      if (narrow.contains(&op))
        rebuild(&op);
    output.set(rowOf(output.get(), block.getTerminator()));
    for (Operation *op : llvm::reverse(narrow))
      op->erase();
  }

private:
  /// Backwards: an operation of which every use asks for the last row alone, computes that row alone.
  void collect() {
    SmallVector<Operation *> found;
    for (Operation &op : llvm::reverse(block.without_terminator())) {
      bool asked = !op.use_empty() && llvm::all_of(op.getUses(), [&](OpOperand &use) {
        return rowUses.contains(&use) || &use == &output;
      });
      std::optional<RowOperands> operands = asked ? rowOperands(&op, space) : std::nullopt;
      if (!operands)
        continue;
      rowUses.insert_range(*operands);
      found.push_back(&op);
    }
    narrow.insert(found.rbegin(), found.rend());
  }

  /// `op` for one row, right in front of it.
  void rebuild(Operation *op) {
    SmallVector<std::pair<unsigned, Value>> operands;
    std::optional<RowOperands> found = rowOperands(op, space);
    for (OpOperand *operand : *found)
      operands.emplace_back(operand->getOperandNumber(), rowOf(operand->get(), op));
    rows[op->getResult(0)] = cloneNarrow(op, operands);
  }

  static Value cloneNarrow(Operation *op, ArrayRef<std::pair<unsigned, Value>> operands) {
    Operation *clone = OpBuilder(op).clone(*op);
    for (auto [number, row] : operands)
      clone->setOperand(number, row);
    RankedTensorType type = RowSpace::oneRow(typeOf(op->getResult(0)));
    clone->getResult(0).setType(type);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(clone))
      expand.setStaticOutputShape(type.getShape());
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(clone))
      slice.setStaticSizes(type.getShape());
    if (auto constant = dyn_cast<arith::ConstantOp>(clone))
      constant.setValueAttr(cast<SplatElementsAttr>(constant.getValue()).resizeSplat(type));
    return clone->getResult(0);
  }

  /// The last row of `value`, for `user`: computed on its own, made again if all rows are equal, else selected.
  Value rowOf(Value value, Operation *user) {
    if (Value known = rows.lookup(value))
      return known;
    Operation *producer = value.getDefiningOp();
    std::optional<RowOperands> operands = producer ? rowOperands(producer, space) : std::nullopt;
    OpBuilder b(user);
    bool equalRows = operands && operands->empty();
    return rows[value] =
               equalRows ? cloneNarrow(producer, {}) : LastRowOp::create(b, value.getLoc(), value, count).getResult();
  }

  Block &block;
  RowSpace space;
  Value count;
  OpOperand &output;
  llvm::SmallPtrSet<OpOperand *, 16> rowUses; // that ask for the last row alone
  llvm::SetVector<Operation *> narrow;        // that compute it, in order
  llvm::DenseMap<Value, Value> rows;          // last rows that are there
};

/// Number of the argument or result of a role; `attribute` reads the role of a number.
std::optional<unsigned> findRole(unsigned count, StringRef role, function_ref<StringAttr(unsigned)> attribute) {
  for (unsigned i = 0; i < count; ++i)
    if (StringAttr found = attribute(i); found && found.getValue() == role)
      return i;
  return std::nullopt;
}

struct LastRowLogitsPass : ingot::impl::LastRowLogitsBase<LastRowLogitsPass> {
  using LastRowLogitsBase::LastRowLogitsBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isDeclaration())
        narrow(func);
  }

  void narrow(func::FuncOp func) {
    auto input = [&](StringRef role) -> BlockArgument {
      auto index = findRole(func.getNumArguments(), role,
                            [&](unsigned i) { return func.getArgAttrOfType<StringAttr>(i, IngotDialect::kRole); });
      return index ? func.getArgument(*index) : BlockArgument();
    };
    auto output = [&](StringRef role) {
      return findRole(func.getNumResults(), role,
                      [&](unsigned i) { return func.getResultAttrOfType<StringAttr>(i, IngotDialect::kRole); });
    };
    BlockArgument tokens = input("tokens"), count = input("count");
    std::optional<unsigned> logits = output("logits");
    if (!tokens || !count || !logits || output("next") || typeOf(tokens).getRank() != 2)
      return;
    RowSpace space = {typeOf(tokens).getDimSize(0), typeOf(tokens).getDimSize(1)};
    auto type = dyn_cast<RankedTensorType>(func.getResultTypes()[*logits]);
    bool perSequence =
        typeOf(count).getShape() == ArrayRef(space.batch) && isa<IntegerType>(getElementTypeOrSelf(count));
    if (space.rows < 2 || !perSequence || !type || type.getRank() != 3 || type.getDimSize(0) != space.batch ||
        type.getDimSize(1) != space.rows)
      return;
    RowSelection(func, space, count, *logits).run();
    SmallVector<Type> results(func.getResultTypes());
    results[*logits] = RowSpace::oneRow(type);
    func.setType(FunctionType::get(&getContext(), func.getArgumentTypes(), results));
  }
};

} // namespace
