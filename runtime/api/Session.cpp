#include "runtime/api/Handles.h"

#include "runtime/formats/DTypes.h"

#include <optional>

using namespace ingot::runtime;
using ingot::program::DType;

namespace {

constexpr uint8_t kDLPackBool = 6; // of DLPack 1.0; the header of 0.6 does not name it

std::optional<DType> toDType(DLDataType type) {
  struct Pair {
    DType dtype;
    uint8_t code, bits;
  };
  static constexpr Pair kPairs[] = {
      {DType::i1, kDLPackBool, 8}, {DType::i8, kDLInt, 8},       {DType::i32, kDLInt, 32},   {DType::i64, kDLInt, 64},
      {DType::f16, kDLFloat, 16},  {DType::bf16, kDLBfloat, 16}, {DType::f32, kDLFloat, 32}, {DType::f64, kDLFloat, 64},
  };
  for (const Pair &pair : kPairs)
    if (type.lanes == 1 && type.code == pair.code && type.bits == pair.bits)
      return pair.dtype;
  return std::nullopt;
}

Status toView(const DLTensor &tensor, TensorView &view) {
  std::optional<DType> dtype = toDType(tensor.dtype);
  if (!dtype)
    return Status::invalidArgument("has a dtype that is not supported");
  if (tensor.device.device_type != kDLCPU)
    return Status::invalidArgument("expects memory of the cpu");
  if (tensor.ndim < 0 || (tensor.ndim > 0 && !tensor.shape))
    return Status::invalidArgument("has no shape");
  std::span<const int64_t> shape(tensor.shape, static_cast<size_t>(tensor.ndim));
  if (!checkedBytes(*dtype, shape))
    return Status::invalidArgument("has a shape that is negative or too large");
  int64_t stride = 1;
  for (size_t d = shape.size(); tensor.strides && d-- > 0; stride *= shape[d])
    if (shape[d] > 1 && tensor.strides[d] != stride)
      return Status::invalidArgument("expects row-major elements without gaps");
  std::byte *data = tensor.data ? static_cast<std::byte *>(tensor.data) + tensor.byte_offset : nullptr;
  view = {*dtype, shape, data};
  return Status::success();
}

Status toViews(const DLTensor *tensors, size_t count, const char *kind, std::vector<TensorView> &views) {
  INGOT_RETURN_IF_ERROR(count ? requireNonNull(tensors, kind) : Status::success());
  views.resize(count);
  for (size_t i = 0; i < count; ++i)
    if (Status status = toView(tensors[i], views[i]); !status.ok())
      return std::move(status).withContext(std::string(kind) + "[" + std::to_string(i) + "]");
  return Status::success();
}

Result<SessionOptions> toOptions(const ingot_session_options *given) {
  Result<ingot_session_options> options = readSized(given, "ingot_session_options");
  if (!options)
    return options.status();
  return toSessionOptions(options->launch, options->interleaving_seed, options->memory_limit);
}

} // namespace

Result<SessionOptions> ingot::runtime::toSessionOptions(ingot_launch launch, uint64_t interleavingSeed,
                                                        uint64_t memoryLimit) {
  SessionOptions result;
  result.memoryLimit = memoryLimit;
  switch (launch) {
  case INGOT_LAUNCH_MEGAKERNEL:
    return result;
  case INGOT_LAUNCH_EAGER:
    result.eager = true;
    return result;
  case INGOT_LAUNCH_INTERLEAVED:
    result.interleavingSeed = interleavingSeed;
    return result;
  case INGOT_LAUNCH_GRAPH:
    return Status::unsupported("launching as a graph is not supported yet");
  }
  return Status::invalidArgument("unknown launch " + std::to_string(launch));
}

ingot_status *ingot_session_create(ingot_artifact *artifact, ingot_executor *executor,
                                   const ingot_session_options *options, ingot_session **session) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(artifact, "artifact"));
    INGOT_RETURN_IF_ERROR(requireNonNull(executor, "executor"));
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    Result<SessionOptions> parsed = toOptions(options);
    if (!parsed)
      return parsed.status();
    Result<std::unique_ptr<Session>> made = Session::create(artifact->value, executor->value, *parsed);
    if (!made)
      return made.status();
    *session = new ingot_session{std::move(*made), {}, {}};
    return Status::success();
  });
}

void ingot_session_close(ingot_session *session) { delete session; }

ingot_status *ingot_session_reset(ingot_session *session) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    return session->value->reset();
  });
}

ingot_status *ingot_session_fork(const ingot_session *session, ingot_session **fork) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(fork, "fork"));
    Result<std::unique_ptr<Session>> made = session->value->fork();
    if (!made)
      return made.status();
    *fork = new ingot_session{std::move(*made), {}, {}};
    return Status::success();
  });
}

ingot_status *ingot_session_fork_slot(ingot_session *session, size_t from, size_t to) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    return session->value->forkSlot(from, to);
  });
}

ingot_status *ingot_session_memory(const ingot_session *session, ingot_memory *memory) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(memory, "memory"));
    const MemoryCount &count = session->value->memory();
    auto bytes = [&](MemoryUse use) { return count[static_cast<size_t>(use)]; };
    ingot_memory value = {sizeof(ingot_memory),     session->value->paramBytes(), bytes(MemoryUse::State),
                          bytes(MemoryUse::Arena),  bytes(MemoryUse::Inputs),     bytes(MemoryUse::Outputs),
                          bytes(MemoryUse::Private)};
    return writeSized(memory, value, "ingot_memory");
  });
}

ingot_status *ingot_run(ingot_session *session, const char *entry, const DLTensor *inputs, size_t num_inputs,
                        const DLTensor *outputs, size_t num_outputs) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(entry, "entry"));
    INGOT_RETURN_IF_ERROR(toViews(inputs, num_inputs, "inputs", session->inputs));
    INGOT_RETURN_IF_ERROR(toViews(outputs, num_outputs, "outputs", session->outputs));
    return session->value->run(entry, session->inputs, session->outputs);
  });
}

void ingot_cancel(ingot_session *session) {
  if (session)
    session->value->cancel();
}

ingot_status *ingot_params_load(ingot_session *session, const char *path) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(path, "path"));
    return session->value->loadParams(path);
  });
}

ingot_status *ingot_params_save(const ingot_session *session, const char *path) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(path, "path"));
    return session->value->saveParams(path);
  });
}
