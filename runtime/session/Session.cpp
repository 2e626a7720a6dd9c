#include "runtime/session/Session.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <set>

namespace ingot::runtime {

using namespace program;

namespace {

uint64_t bytesOf(const ManifestTensor &tensor) { return *checkedBytes(tensor.dtype, tensor.shape); }

/// Sums that hostile sizes cannot wrap: they stick at the largest value, which no machine has.
void addTo(uint64_t &sum, uint64_t amount) {
  if (__builtin_add_overflow(sum, amount, &sum))
    sum = UINT64_MAX;
}

/// Fills `bytes` with the elements of value `init`.
template <typename T> void fillWith(std::byte *data, uint64_t bytes, double init) {
  T *values = reinterpret_cast<T *>(data);
  std::fill(values, values + bytes / sizeof(T), static_cast<T>(init));
}

void fillState(std::byte *data, const ManifestState &state) {
  uint64_t bytes = *checkedBytes(state.dtype, state.shape);
  if (bytes == 0 || !state.param.empty())
    return;
  switch (state.init == 0 ? DType::i1 : state.dtype) {
  case DType::i1:
    std::memset(data, state.init == 0 ? 0 : 1, bytes);
    return;
  case DType::i8:
    return fillWith<int8_t>(data, bytes, state.init);
  case DType::i32:
    return fillWith<int32_t>(data, bytes, state.init);
  case DType::i64:
    return fillWith<int64_t>(data, bytes, state.init);
  case DType::f32:
    return fillWith<float>(data, bytes, state.init);
  case DType::f64:
    return fillWith<double>(data, bytes, state.init);
  case DType::f16:
  case DType::bf16:
    assert(false && "create() refuses these");
  }
}

} // namespace

std::byte *Session::Entry::inputOfRole(std::string_view role) const {
  const ManifestTensor *tensor = manifest().inputOfRole(role);
  return tensor ? inputs[static_cast<size_t>(tensor - manifest().inputs.data())] : nullptr;
}

std::byte *Session::Entry::outputOfRole(std::string_view role) const {
  const ManifestTensor *tensor = manifest().outputOfRole(role);
  return tensor ? outputs[static_cast<size_t>(tensor - manifest().outputs.data())] : nullptr;
}

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Artifact> artifact, std::shared_ptr<CpuTarget> target,
                                                 const SessionOptions &options) {
  std::unique_ptr<Session> session(new Session(std::move(artifact), std::move(target), options));
  for (const ManifestState &state : session->file->manifest().state)
    if (state.param.empty() && state.init != 0 && (state.dtype == DType::f16 || state.dtype == DType::bf16))
      return Status::unsupported("state '" + state.name +
                                 "' of 16-bit floats with initial values other than 0 is not "
                                 "supported yet");
  INGOT_RETURN_IF_ERROR(session->prepareEntries());
  INGOT_RETURN_IF_ERROR(session->allocate());
  session->params = ParamSet::ofArtifact(*session->file);
  session->missingParams = session->file->paramsStatus();
  session->bindSteps();
  for (size_t i = 0; i < session->states.size(); ++i)
    if (session->file->manifest().state[i].init != 0) // the block is zero already
      fillState(session->states[i], session->file->manifest().state[i]);
  INGOT_RETURN_IF_ERROR(session->startAsParams());
  return session;
}

Status Session::prepareEntries() {
  for (const ManifestEntry &manifest : file->manifest().entries) {
    PrepareOptions prepare;
    prepare.isa = target->isa;
    prepare.workers = workers();
    prepare.eager = options.eager;
    prepare.costs = options.costs;
    Result<std::shared_ptr<const PreparedEntry>> prepared = file->prepare(manifest, prepare);
    if (!prepared)
      return prepared.status();
    Entry entry;
    entry.prepared = *prepared;
    entries.push_back(std::move(entry));
    if (const ManifestTensor *tokens = manifest.inputOfRole(kRoleTokens); tokens && !manifest.trains())
      slots.resize(std::max(slots.size(), static_cast<size_t>(tokens->shape[0])));
  }
  return Status::success();
}

Status Session::allocate() {
  uint64_t total = 0, arenaBytes = 0, counters = 0;
  for (const ManifestState &state : file->manifest().state)
    addTo(total, MemoryBlock::padded(*checkedBytes(state.dtype, state.shape)));
  for (const Entry &entry : entries) {
    for (const ManifestTensor &tensor : entry.manifest().inputs)
      addTo(total, MemoryBlock::padded(bytesOf(tensor)));
    for (const ManifestTensor &tensor : entry.manifest().outputs)
      addTo(total, MemoryBlock::padded(bytesOf(tensor)));
    arenaBytes = std::max(arenaBytes, entry.prepared->program->arenaBytes);
    privateStride = std::max(privateStride, entry.prepared->privateBytes);
    counters += entry.prepared->program->numCounters() * sizeof(Counter);
  }
  // The structure check bounds arenas and private memory by 2^48, so these products stay below 2^64.
  addTo(total, MemoryBlock::padded(arenaBytes));
  addTo(total, privateStride * workers());
  Result<MemoryBlock> created = MemoryBlock::create(total, counters, options.memoryLimit);
  if (!created)
    return created.status();
  block = std::move(*created);
  for (const ManifestState &state : file->manifest().state)
    states.push_back(block.take(*checkedBytes(state.dtype, state.shape), MemoryUse::State));
  arena = block.take(arenaBytes, MemoryUse::Arena);
  privateBase = block.take(privateStride * workers(), MemoryUse::Private);
  for (Entry &entry : entries) {
    for (const ManifestTensor &tensor : entry.manifest().inputs)
      entry.inputs.push_back(block.take(bytesOf(tensor), MemoryUse::Inputs));
    for (const ManifestTensor &tensor : entry.manifest().outputs)
      entry.outputs.push_back(block.take(bytesOf(tensor), MemoryUse::Outputs));
  }
  return Status::success();
}

void Session::bindSteps() {
  const Manifest &manifest = file->manifest();
  for (Entry &entry : entries) {
    StepMemory memory;
    memory.privateBase = privateBase;
    memory.privateStride = privateStride;
    auto at = [](const std::vector<ManifestTensor> &tensors, const std::vector<std::byte *> &addresses,
                 const std::string &name) {
      for (size_t i = 0; i < tensors.size(); ++i)
        if (tensors[i].name == name)
          return addresses[i];
      return static_cast<std::byte *>(nullptr); // unreachable: `prepare` has compared program and manifest
    };
    for (const Buffer &buffer : entry.prepared->program->buffers) {
      std::byte *address = nullptr;
      switch (buffer.kind) {
      case BufferKind::Param: // never written: the verifier has seen to it, and the pages are read-only
        address = const_cast<std::byte *>(params->bytes(static_cast<size_t>(file->paramIndex(buffer.name))).data());
        break;
      case BufferKind::State:
        address = states[static_cast<size_t>(manifest.findState(buffer.name) - manifest.state.data())];
        break;
      case BufferKind::Input:
        address = at(entry.manifest().inputs, entry.inputs, buffer.name);
        break;
      case BufferKind::Output:
        address = at(entry.manifest().outputs, entry.outputs, buffer.name);
        break;
      case BufferKind::Scratch:
        address = arena + buffer.offset;
        break;
      }
      memory.buffers.push_back(address);
    }
    entry.buffers = memory.buffers;
    entry.step = std::make_unique<Step>(entry.prepared->program, entry.prepared->bodies, memory);
  }
}

Status Session::startAsParams() {
  for (size_t i = 0; i < states.size() && missingParams.ok(); ++i) {
    const ManifestState &state = file->manifest().state[i];
    if (!state.param.empty())
      INGOT_RETURN_IF_ERROR(
          params->copyTo(*file, static_cast<size_t>(file->paramIndex(state.param)), state.dtype, states[i]));
  }
  return Status::success();
}

std::span<std::byte> Session::stateBytes(size_t index) const {
  const ManifestState &state = file->manifest().state[index];
  return {states[index], *checkedBytes(state.dtype, state.shape)};
}

Status Session::reset() {
  for (size_t i = 0; i < states.size(); ++i)
    fillState(states[i], file->manifest().state[i]);
  for (Entry &entry : entries)
    entry.step->reset();
  INGOT_RETURN_IF_ERROR(startAsParams());
  slots.assign(slots.size(), {});
  cancelled = false;
  broken = false;
  return Status::success();
}

Result<std::unique_ptr<Session>> Session::fork() const {
  if (broken)
    return Status::cancelled("the session was cancelled in the middle of a step; reset it first");
  Result<std::unique_ptr<Session>> made = create(file, target, options);
  if (!made)
    return made.status();
  Session &copy = **made;
  for (size_t i = 0; i < states.size(); ++i) {
    const ManifestState &state = file->manifest().state[i];
    std::memcpy(copy.states[i], states[i], *checkedBytes(state.dtype, state.shape));
  }
  if (copy.params != params) {
    copy.params = params;
    copy.missingParams = missingParams;
    copy.bindSteps();
  }
  copy.slots = slots;
  copy.steps = steps;
  return made;
}

Status Session::forkSlot(size_t from, size_t to) {
  if (broken)
    return Status::cancelled("the session was cancelled in the middle of a step; reset it first");
  if (from >= slots.size() || to >= slots.size())
    return Status::invalidArgument("slots are numbered from 0 to " + std::to_string(slots.size() - 1) + ", but got " +
                                   std::to_string(std::max(from, to)));
  for (const ManifestState &state : file->manifest().state)
    if (state.role.empty())
      return Status::unsupported("forking a slot of state '" + state.name + "' is not supported yet");
  for (size_t i = 0; i < states.size() && from != to; ++i) {
    const ManifestState &state = file->manifest().state[i];
    // The slot is the first dimension of counts, and the last but three of a cache.
    size_t dimension = state.role == kRoleKv ? state.shape.size() - 4 : 0;
    uint64_t outer = 1, extent = static_cast<uint64_t>(state.shape[dimension]);
    for (size_t d = 0; d < dimension; ++d)
      outer *= static_cast<uint64_t>(state.shape[d]);
    if (extent != slots.size())
      return Status::invalidArgument("state '" + state.name + "' has another number of slots than the entries");
    uint64_t bytes = *checkedBytes(state.dtype, state.shape) / (outer * extent);
    for (uint64_t each = 0; each < outer; ++each)
      std::memcpy(states[i] + (each * extent + to) * bytes, states[i] + (each * extent + from) * bytes, bytes);
  }
  slots[to] = slots[from];
  return Status::success();
}

Status Session::loadParams(const std::string &path) {
  Result<std::shared_ptr<const ParamSet>> loaded = ParamSet::load(*file, path);
  if (!loaded)
    return loaded.status();
  params = *loaded;
  missingParams = Status::success();
  bindSteps();
  return startAsParams();
}

Status Session::saveParams(const std::string &path) const {
  INGOT_RETURN_IF_ERROR(missingParams);
  return params->save(*file, path);
}

uint64_t Session::paramBytes() const { return params->totalBytes(); }

Session::Entry *Session::findEntry(std::string_view name) {
  for (Entry &entry : entries)
    if (entry.manifest().name == name)
      return &entry;
  return nullptr;
}

} // namespace ingot::runtime
