#include "lib/Interpreter/TaskGuard.h"

#include "lib/Interpreter/Models/Slices.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

/// Calls fn(row-major position in `shape`, index) for each element of a box.
template <typename Fn>
static void forEachInBox(ArrayRef<int64_t> shape, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, Fn fn) {
  Shape strides = denseStrides(shape);
  int64_t origin = 0;
  for (auto [offset, stride] : llvm::zip(offsets, strides))
    origin += offset * stride;
  forEachOffset<1>(sizes, {ArrayRef<int64_t>(strides)}, [&](const auto &offset) { fn(origin + offset[0]); });
}

static std::string elementName(StringRef buffer, ArrayRef<int64_t> shape, int64_t position) {
  std::string text = "]";
  for (size_t dim = shape.size(); dim-- > 0; position /= shape[dim])
    text = (dim ? ", " : "") + std::to_string(position % shape[dim]) + text;
  return "@" + buffer.str() + "[" + text;
}

FailureOr<std::vector<TaskGuard::Box>> TaskGuard::boxesIn(ArrayAttr accesses, StringRef buffer) {
  std::vector<Box> boxes;
  ArrayRef<int64_t> shape = buffers.find(buffer)->second.shape();
  for (auto access : accesses.getAsRange<task::AccessAttr>()) {
    if (access.getBuffer().getValue() != buffer)
      continue;
    auto offsets = evaluate(access.getOffsets(), indicesOf(task));
    if (!offsets)
      return task.launch.emitOpError() << "divides by a number that is not positive in an access of @" << buffer;
    for (auto [offset, size, extent] : llvm::zip(*offsets, access.getSizes(), shape))
      if (offset < 0 || size < 0 || offset + size > extent)
        return task.launch.emitOpError() << "declares an access outside @" << buffer << " for task " << nameOf(task);
    boxes.push_back({std::move(*offsets), llvm::to_vector(access.getSizes())});
  }
  return boxes;
}

LogicalResult TaskGuard::prepare() {
  for (auto argument : task.launch.getArguments().getAsRange<task::ArgumentAttr>()) {
    if (argument.isInteger())
      continue;
    StringRef symbol = argument.getBuffer().getValue();
    const Array &whole = buffers.find(symbol)->second;
    auto reads = boxesIn(task.launch.getReads(), symbol);
    if (failed(reads))
      return failure();
    Array copy = Array::uninitialized(whole.element(), whole.shape());
    SmallVector<int64_t> ones(whole.rank(), 1);
    for (const Box &box : *reads)
      copy.slice(box.offsets, box.sizes, ones).assign(whole.slice(box.offsets, box.sizes, ones));
    guarded[symbol] = copy;
    before[symbol] = copy.clone();
  }
  return success();
}

LogicalResult TaskGuard::finishBuffer(StringRef symbol) {
  const Array &real = buffers.find(symbol)->second, &now = guarded[symbol], &old = before[symbol];
  auto writes = boxesIn(task.launch.getWrites(), symbol), certain = boxesIn(task.launch.getCertainWrites(), symbol);
  if (failed(writes) || failed(certain))
    return failure();
  std::vector<bool> declared(now.numElements());
  for (const Box &box : *writes)
    forEachInBox(now.shape(), box.offsets, box.sizes, [&](int64_t position) { declared[position] = true; });
  for (int64_t i = 0, e = now.numElements(); i < e; ++i)
    if (!declared[i] && now.data()[i].i != old.data()[i].i)
      return task.launch.emitOpError() << "writes " << elementName(symbol, now.shape(), i) << " in task "
                                       << nameOf(task) << ", which it does not declare";
  int64_t missing = -1;
  for (const Box &box : *certain)
    forEachInBox(now.shape(), box.offsets, box.sizes, [&](int64_t position) {
      if (isPoison(now.data()[position]))
        missing = position;
    });
  if (missing >= 0)
    return task.launch.emitOpError() << "leaves " << elementName(symbol, now.shape(), missing) << " in task "
                                     << nameOf(task) << " unwritten, or computes it from what it does not declare";
  SmallVector<int64_t> ones(real.rank(), 1);
  for (const Box &box : *writes) {
    Array to = real.slice(box.offsets, box.sizes, ones), from = now.slice(box.offsets, box.sizes, ones);
    forEachOffset<2>(box.sizes, {to.strides(), from.strides()}, [&](const std::array<int64_t, 2> &offset) {
      if (!isPoison(from.data()[offset[1]]))
        to.data()[offset[0]] = from.data()[offset[1]];
    });
    to.finishWrite();
  }
  return success();
}

LogicalResult TaskGuard::finish() {
  for (StringRef symbol : guarded.keys())
    if (failed(finishBuffer(symbol)))
      return failure();
  return success();
}
