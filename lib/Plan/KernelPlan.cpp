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

/// A value is repeated at least this often where it is computed for each element of what it is broadcast to.
constexpr int64_t kLeastRepeats = 64;

/// Elements that `value` is broadcast to.
static int64_t broadcastElements(Value value) {
  int64_t elements = 0;
  for (Operation *user : value.getUsers())
    if (isa<BroadcastOp>(user))
      elements += KernelBuilder::typeOf(user->getResult(0)).getNumElements();
  return elements;
}

/// Whether contractions read `op`, or broadcasts repeat it, so often that it is computed once.
static bool isRepeated(Operation *op) {
  KernelRole role = *kernelRoleOf(op);
  if (role != KernelRole::Pointwise && role != KernelRole::Row)
    return false;
  int64_t elements = KernelBuilder::typeOf(op->getResult(0)).getNumElements();
  int64_t repeated = role == KernelRole::Pointwise ? broadcastElements(op->getResult(0)) : 0;
  if (repeated >= kMostRepeated && repeated >= elements * kLeastRepeats)
    return true;
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
  joinCheap(block, separate);
  for (Operation &op : block.without_terminator())
    if (!roots.contains(&op))
      inlined.insert(&op);
}

/// Whether a contraction is computed inside the task that computes `value`.
bool KernelPlan::leadsToContraction(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op || roots.contains(op) || !heavy.contains(op))
    return false;
  return kernelRoleOf(op) == KernelRole::Anchor ||
         llvm::any_of(op->getOperands(), [&](Value operand) { return leadsToContraction(operand); });
}

/// Once a contraction is stored for several kernels, what follows it is cheap again: it need not be stored for those
/// that read each of its elements once, such as a scaled gradient for the moments.
void KernelPlan::joinCheap(Block &block, const llvm::DenseSet<Operation *> &separate) {
  bool joined = false;
  for (Operation &op : block.without_terminator()) {
    auto readsOnce = [](Operation *user) { return isa<ReduceOp>(user) || user->hasTrait<OpTrait::Elementwise>(); };
    if (!roots.contains(&op) || separate.contains(&op) || !op.hasTrait<OpTrait::Elementwise>() || op.use_empty() ||
        isRepeated(&op) || !llvm::all_of(op.getUsers(), readsOnce) ||
        llvm::any_of(op.getOperands(), [&](Value operand) { return leadsToContraction(operand); }))
      continue;
    roots.erase(&op);
    heavy.erase(&op);
    joined = true;
  }
  if (!joined)
    return;
  usedBy.clear();
  for (Operation &op : llvm::reverse(block.without_terminator()))
    separateShared(&op);
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
