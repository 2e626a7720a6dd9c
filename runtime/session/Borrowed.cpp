#include "runtime/session/Borrowed.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>

namespace ingot::runtime {

using program::Buffer;
using program::BufferKind;
using program::DType;

namespace {

/// Bytes from which a copy costs more than telling the step another address.
constexpr uint64_t kLeastBytes = 65536;
/// Less than the 64 bytes of a session's own memory: bodies assume the alignment of elements alone, and this is what
/// allocators give.
constexpr uintptr_t kAlignment = 16;

uint64_t bytesOf(const TensorView &view) { return *checkedBytes(view.dtype, view.shape); }

bool overlap(const TensorView &a, const TensorView &b) {
  auto beginA = reinterpret_cast<uintptr_t>(a.data), beginB = reinterpret_cast<uintptr_t>(b.data);
  return beginA < beginB + bytesOf(b) && beginB < beginA + bytesOf(a);
}

/// Whether an output shares memory with another tensor.
bool anyOverlap(std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    auto meets = [&](const TensorView &other) { return overlap(outputs[i], other); };
    if (std::ranges::any_of(inputs, meets) || std::ranges::any_of(outputs.subspan(i + 1), meets))
      return true;
  }
  return false;
}

} // namespace

BorrowedTensors::BorrowedTensors(Session::Entry &borrower, std::span<const TensorView> in,
                                 std::span<const TensorView> out)
    : entry(borrower), inputs(in), outputs(out) {
  active = true;
  bool any = false;
  for (size_t i = 0; i < inputs.size(); ++i)
    any |= hasInput(i);
  for (size_t i = 0; i < outputs.size(); ++i)
    any |= hasOutput(i);
  active = any && !anyOverlap(inputs, outputs);
  place(true);
}

BorrowedTensors::~BorrowedTensors() { place(false); }

bool BorrowedTensors::isBorrowable(const ManifestTensor &tensor, const TensorView &view) {
  bool floats = tensor.dtype == DType::f16 || tensor.dtype == DType::bf16 || tensor.dtype == DType::f32 ||
                tensor.dtype == DType::f64;
  return floats && tensor.role.empty() && bytesOf(view) >= kLeastBytes &&
         reinterpret_cast<uintptr_t>(view.data) % kAlignment == 0;
}

void BorrowedTensors::place(bool callers) {
  for (size_t i = 0; i < inputs.size(); ++i)
    if (hasInput(i))
      place(BufferKind::Input, entry.manifest().inputs[i].name, callers ? inputs[i].data : nullptr);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (hasOutput(i))
      place(BufferKind::Output, entry.manifest().outputs[i].name, callers ? outputs[i].data : nullptr);
}

void BorrowedTensors::place(BufferKind kind, const std::string &name, std::byte *callers) {
  const std::vector<Buffer> &buffers = entry.prepared->program->buffers;
  for (uint32_t number = 0; number < buffers.size(); ++number)
    if (buffers[number].kind == kind && buffers[number].name == name)
      entry.step->place(number, callers ? callers : entry.buffers[number]);
}

} // namespace ingot::runtime
