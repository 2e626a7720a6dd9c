// The order of an entry's kernels: new values of states are written over the old ones once these were read.
#include "lib/Plan/KernelPlan.h"

#include <set>

using namespace mlir;
using namespace ingot;

namespace {

/// A kernel is taken early when its result is this much smaller than an operand.
constexpr int64_t kReduced = 8;

/// The argument that holds the state `symbol`, if there is one.
BlockArgument argumentOf(func::FuncOp func, Attribute symbol) {
  for (BlockArgument argument : func.getArguments())
    if (func.getArgAttr(argument.getArgNumber(), IngotDialect::kState) == symbol)
      return argument;
  return {};
}

/// Operations of which the operand that is a state is the destination already.
bool appends(Operation *op) { return isa<KvAppendOp, CountTokensOp>(op); }

/// Whether the kernel of `root` reads each element of `state` only for the same element of its result.
bool readsElementwise(Operation *root, Value state, const llvm::DenseSet<Operation *> &inlined) {
  llvm::DenseMap<Operation *, bool> seen; // and whether all that is on the way to it is elementwise
  auto visit = [&](auto &&self, Operation *op, bool elementwise) -> bool {
    auto [it, fresh] = seen.try_emplace(op, elementwise);
    if (!fresh && (elementwise || !it->second))
      return true;
    it->second = elementwise;
    bool same = elementwise && op->hasTrait<OpTrait::Elementwise>();
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      if (operand == state)
        return same;
      Operation *producer = operand.getDefiningOp();
      return !producer || !inlined.contains(producer) || self(self, producer, same);
    });
  };
  return visit(visit, root, true);
}

class Orderer {
public:
  explicit Orderer(func::FuncOp func) : func(func) {}

  KernelOrder run() {
    separateOutputs();
    for (;;) {
      KernelOrder order(KernelPlan(func, separate));
      collect(order);
      if (!findUpdates(order))
        continue; // a copy was added: plan again
      order.roots = schedule(order);
      return order;
    }
  }

private:
  struct Node {
    Operation *root;
    llvm::SmallSetVector<unsigned, 4> next; // kernels that come after this one
    unsigned waits = 0;
    int64_t elements = 0, largestOperand = 0; // of results, and of what other kernels computed for it
    bool early = false;
  };

  Operation *terminator() { return func.getBody().front().getTerminator(); }

  /// A copy of `value`: a broadcast to its own shape.
  Value copyOf(Value value) {
    OpBuilder builder(terminator());
    auto type = cast<RankedTensorType>(value.getType());
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    return BroadcastOp::create(builder, terminator()->getLoc(), type, value, dims);
  }

  /// Gives each output memory of its own: one that is an argument, that is also a state, or was returned before,
  /// becomes a copy. A state that is another one's value becomes one, too.
  void separateOutputs() {
    llvm::DenseSet<Value> seen;
    for (bool states : {true, false})
      for (OpOperand &operand : terminator()->getOpOperands()) {
        Attribute symbol = func.getResultAttr(operand.getOperandNumber(), IngotDialect::kState);
        if (!isa<RankedTensorType>(operand.get().getType()) || static_cast<bool>(symbol) != states)
          continue;
        bool own = operand.get().getDefiningOp() || (states && operand.get() == argumentOf(func, symbol));
        if (!seen.insert(operand.get()).second || !own)
          operand.set(copyOf(operand.get()));
      }
  }

  void collect(KernelOrder &order) {
    nodes.clear();
    numbers.clear();
    for (Operation &op : func.getBody().front().without_terminator())
      if (order.plan.isRoot(&op)) {
        numbers[&op] = nodes.size();
        nodes.push_back({&op});
      }
    for (unsigned number = 0; number < nodes.size(); ++number)
      for (Value result : nodes[number].root->getResults()) {
        int64_t elements = KernelBuilder::typeOf(result).getNumElements();
        nodes[number].elements += elements;
        for (Operation *reader : order.plan.readersOf(result)) {
          Node &node = nodes[numbers.lookup(reader)];
          node.largestOperand = std::max(node.largestOperand, elements);
          nodes[number].next.insert(numbers.lookup(reader));
        }
      }
  }

  /// Finds the roots that write into states and puts them after the readers of the old values. Returns false when one
  /// of them cannot be: its value is then copied.
  bool findUpdates(KernelOrder &order) {
    for (OpOperand &operand : terminator()->getOpOperands()) {
      Attribute symbol = func.getResultAttr(operand.getOperandNumber(), IngotDialect::kState);
      Operation *root = operand.get().getDefiningOp();
      BlockArgument state = symbol ? argumentOf(func, symbol) : BlockArgument();
      if (!state || !root || appends(root))
        continue;
      if (!addUpdate(order, root, state)) {
        separate.insert(root);
        operand.set(copyOf(operand.get()));
        return false;
      }
    }
    return true;
  }

  bool addUpdate(KernelOrder &order, Operation *root, BlockArgument state) {
    if (root->getNumResults() != 1 || !readsElementwise(root, state, order.plan.getInlined()))
      return false;
    unsigned number = numbers.lookup(root);
    SmallVector<unsigned> readers;
    for (Operation *reader : order.plan.readersOf(state))
      if (reader != root)
        readers.push_back(numbers.lookup(reader));
    llvm::SmallDenseSet<unsigned> after;
    collectAfter(number, after);
    if (llvm::any_of(readers, [&](unsigned reader) { return after.contains(reader); }))
      return false;
    for (unsigned reader : readers)
      nodes[reader].next.insert(number);
    nodes[number].early = true;
    order.updates[root] = state;
    return true;
  }

  /// Kernels that must come after `number`.
  void collectAfter(unsigned number, llvm::SmallDenseSet<unsigned> &after) {
    SmallVector<unsigned> work = {number};
    while (!work.empty())
      for (unsigned next : nodes[work.pop_back_val()].next)
        if (after.insert(next).second)
          work.push_back(next);
  }

  /// Updates as early as they can be, so that what they consume need not be kept, and then what makes little of much,
  /// such as the norm of a gradient; others in program order.
  SmallVector<Operation *> schedule(const KernelOrder &order) {
    if (!order.updates.empty())
      for (Node &node : nodes)
        node.early |= node.elements * kReduced <= node.largestOperand;
    for (Node &node : nodes)
      for (unsigned next : node.next)
        ++nodes[next].waits;
    std::set<std::pair<bool, unsigned>> ready; // early ones first
    auto add = [&](unsigned number) {
      if (nodes[number].waits == 0)
        ready.insert({!nodes[number].early, number});
    };
    for (unsigned number = 0; number < nodes.size(); ++number)
      add(number);
    SmallVector<Operation *> result;
    while (!ready.empty()) {
      unsigned number = ready.begin()->second;
      ready.erase(ready.begin());
      result.push_back(nodes[number].root);
      for (unsigned next : nodes[number].next) {
        --nodes[next].waits;
        add(next);
      }
    }
    return result;
  }

  func::FuncOp func;
  llvm::DenseSet<Operation *> separate;
  std::vector<Node> nodes;
  llvm::DenseMap<Operation *, unsigned> numbers;
};

} // namespace

KernelOrder ingot::orderKernels(func::FuncOp func) { return Orderer(func).run(); }
