// Decides which operations get a kernel of their own; see Passes.td.
#include "lib/Plan/KernelPlan.h"

using namespace mlir;
using namespace ingot;

/// Elements from which it pays to compute an operand of contractions once, in memory, and not again in each of their
/// tasks: repeating that costs more than a launch, an event and a way through the cache.
constexpr int64_t kMostRepeated = 65536;

/// Whether something needs `value` in memory, seen through views: a return, or an operation that would repeat the
/// contraction behind it in each of its tasks.
static bool neededInMemory(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (user->hasTrait<OpTrait::IsTerminator>() || !fusesProducer(use))
      return true;
    return kernelRoleOf(user) == KernelRole::View && neededInMemory(user->getResult(0));
  });
}

/// How many tasks of contractions would compute `value` on their way to an operand, seen through views.
static int64_t numReaders(Value value) {
  int64_t count = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user->hasTrait<OpTrait::IsTerminator>())
      continue;
    std::optional<KernelRole> role = kernelRoleOf(user);
    if (role == KernelRole::View)
      count += numReaders(user->getResult(0));
    else if (role == KernelRole::Anchor)
      count += cast<KernelOpInterface>(user).getNumReaders(use);
  }
  return count;
}

/// Whether contractions read `op` so often that it is computed once.
static bool isRepeated(Operation *op) {
  KernelRole role = *kernelRoleOf(op);
  if (role != KernelRole::Pointwise && role != KernelRole::Row)
    return false;
  int64_t elements = KernelBuilder::typeOf(op->getResult(0)).getNumElements();
  return (numReaders(op->getResult(0)) - 1) * elements >= kMostRepeated;
}

static bool isReturned(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); });
}

/// Whether the last of its rows is asked for, seen through views: many tasks compute rows, one chooses among them.
static bool isChosenFrom(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return isa<LastRowOp>(user) || (kernelRoleOf(user) == KernelRole::View && isChosenFrom(user));
  });
}

KernelPlan::KernelPlan(func::FuncOp func, const llvm::DenseSet<Operation *> &separate) : roots(separate) {
  Block &block = func.getBody().front();
  for (Operation &op : block.without_terminator())
    decideLocally(&op);
  for (Operation &op : llvm::reverse(block.without_terminator()))
    separateShared(&op);
  for (Operation &op : block.without_terminator())
    if (!roots.contains(&op))
      inlined.insert(&op);
}

void KernelPlan::decideLocally(Operation *op) {
  KernelRole role = *kernelRoleOf(op);
  if (role == KernelRole::Root || isReturned(op) || (role != KernelRole::View && isChosenFrom(op))) {
    roots.insert(op);
    return;
  }
  bool contains = role == KernelRole::Anchor;
  if (role == KernelRole::Pointwise || role == KernelRole::View)
    contains |= llvm::any_of(op->getOperands(), [&](Value operand) { return heavy.contains(operand.getDefiningOp()); });
  // A view is never computed: what is behind it is needed instead.
  if (contains && role != KernelRole::View && neededInMemory(op->getResult(0)))
    roots.insert(op);
  else if (contains)
    heavy.insert(op);
  else if (isRepeated(op))
    roots.insert(op);
}

/// An operation with a contraction behind it that several kernels use becomes a root: it must not be repeated.
void KernelPlan::separateShared(Operation *op) {
  llvm::SmallSetVector<Operation *, 2> &users = usedBy[op];
  if (roots.contains(op)) {
    users.insert(op);
    return;
  }
  llvm::SmallSetVector<Operation *, 2> reached;
  for (Operation *user : op->getUsers())
    for (Operation *root : usedBy[user])
      reached.insert(root);
  if (reached.size() > 1 && heavy.contains(op) && kernelRoleOf(op) != KernelRole::View) {
    roots.insert(op);
    reached.clear();
    reached.insert(op);
  }
  usedBy[op] = reached;
}

llvm::SmallSetVector<Operation *, 2> KernelPlan::readersOf(Value value) const {
  llvm::SmallSetVector<Operation *, 2> readers;
  for (Operation *user : value.getUsers())
    if (auto it = usedBy.find(user); it != usedBy.end())
      readers.insert(it->second.begin(), it->second.end());
  return readers;
}
