#include "ingot/Interpreter/Frame.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ingot::interpreter;

#include "lib/Interpreter/Interpretable.cpp.inc"

/// 32 GiB of cells.
static constexpr uint64_t kMaxElements = uint64_t(1) << 32;

void ingot::interpreter::roundElements(const Array &array, Mode mode) {
  Element element = array.element();
  if (mode == Mode::Exact || !isFloat(element) || element == Element::f64)
    return;
  assert(array.isDense());
  Cell *cells = array.data();
  for (int64_t i = 0, e = array.numElements(); i < e; ++i)
    cells[i].f = roundTo(element, cells[i].f);
}

const Datum &Frame::get(Value value) const {
  auto it = values.find(value);
  assert(it != values.end() && "value was not computed, or dropped too early");
  return it->second;
}

int64_t Frame::integer(OpFoldResult value) const {
  if (auto constant = getConstantIntValue(value))
    return *constant;
  return integer(cast<Value>(value));
}

SmallVector<int64_t> Frame::integers(ArrayRef<OpFoldResult> list) const {
  return llvm::map_to_vector(list, [&](OpFoldResult value) { return integer(value); });
}

void Frame::setInteger(Value value, int64_t integer) {
  Element element = *elementOf(value.getType());
  Cell cell;
  cell.i = wrapTo(element, integer);
  setScalar(value, element, cell);
}

void Frame::setRounded(Value value, Array array) {
  roundElements(array, mode);
  set(value, std::move(array));
}

Array Frame::takeForUpdate(OpOperand &operand) {
  Operation *op = operand.getOwner();
  Value value = operand.get();
  auto dead = lastUses.find(op);
  bool last =
      dead != lastUses.end() && llvm::is_contained(dead->second, value) && llvm::count(op->getOperands(), value) == 1;
  if (last) {
    Array array = std::move(std::get<Array>(values.find(value)->second));
    values.erase(value);
    return array.isUnique() && array.isDense() ? array : array.clone();
  }
  return array(value).clone();
}

/// Fills lastUses for a block: the op of the block that, itself or in its regions, uses a value last.
static void findLastUses(Block &block, DenseMap<Operation *, SmallVector<Value, 2>> &lastUses) {
  auto visit = [&](Value value) {
    Operation *last = nullptr;
    for (Operation *user : value.getUsers()) {
      Operation *ancestor = block.findAncestorOpInBlock(*user);
      if (!last || last->isBeforeInBlock(ancestor))
        last = ancestor;
    }
    if (last)
      lastUses[last].push_back(value);
  };
  llvm::for_each(block.getArguments(), visit);
  for (Operation &op : block)
    llvm::for_each(op.getResults(), visit);
}

const SmallVector<Value, 2> *Frame::deadAfter(Operation *op) {
  auto it = lastUses.find(op);
  return it == lastUses.end() ? nullptr : &it->second;
}

/// Results that the value model can hold: known element types, and no more elements than a machine can have.
static LogicalResult checkResults(Operation &op) {
  for (Type type : op.getResultTypes()) {
    if (!elementOf(getElementTypeOrSelf(type)))
      return op.emitOpError() << "of type " << type << " cannot be interpreted";
    auto shaped = dyn_cast<ShapedType>(type);
    if (shaped && !shaped.hasRank())
      return op.emitOpError() << "of type " << type << " cannot be interpreted";
    uint64_t elements = 1;
    for (int64_t extent : shaped ? shaped.getShape() : ArrayRef<int64_t>()) {
      if (ShapedType::isDynamic(extent) || extent == 0)
        continue;
      elements *= static_cast<uint64_t>(extent);
      if (elements > kMaxElements)
        return op.emitOpError() << "of type " << type << " is too large to be interpreted";
    }
  }
  return success();
}

FailureOr<SmallVector<Datum>> Frame::run(Block &block, ArrayRef<Datum> arguments) {
  assert(arguments.size() == block.getNumArguments());
  if (analysed.insert(&block).second)
    findLastUses(block, lastUses);
  for (auto [argument, datum] : llvm::zip(block.getArguments(), arguments))
    values[argument] = datum;
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return llvm::map_to_vector(op.getOperands(), [&](Value operand) { return get(operand); });
    auto model = dyn_cast<InterpretableOpInterface>(op);
    if (!model)
      return op.emitOpError() << "cannot be interpreted";
    if (failed(checkResults(op)) || failed(model.interpret(*this)))
      return failure();
    if (const auto *dead = deadAfter(&op))
      for (Value value : *dead)
        values.erase(value);
  }
  return SmallVector<Datum>();
}
