// count-allocations ARTIFACT ENTRY STEPS WORKERS eager|megakernel: runs an entry and prints how often STEPS steps after
// the first took memory from the heap. Integer inputs are zero but for those of role count, which are one.
#include "ingot/runtime.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

static std::atomic<bool> counting{false};
static std::atomic<unsigned long> allocations{0};

// glibc's own entry points under their public names: operator new of libstdc++ ends here as well.
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  allocations += counting;
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  allocations += counting;
  return __libc_calloc(number, size);
}
void *realloc(void *memory, size_t size) {
  allocations += counting;
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  allocations += counting;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **memory, size_t alignment, size_t size) {
  allocations += counting;
  *memory = __libc_memalign(alignment, size);
  return 0;
}
}

static void check(ingot_status *status) {
  if (!status)
    return;
  std::fprintf(stderr, "count-allocations: %s\n", ingot_status_message(status));
  std::exit(1);
}

/// A tensor of the manifest with its memory; the dtypes of decoders have four bytes, that of the seed eight.
struct Tensor {
  explicit Tensor(const nlohmann::json &port) : shape(port["shape"].get<std::vector<int64_t>>()) {
    size_t elements = 1;
    for (int64_t extent : shape)
      elements *= static_cast<size_t>(extent);
    uint8_t bits = port["dtype"] == "i64" ? 64 : 32;
    data.assign(elements * bits / 32, port["role"] == "count" ? 1 : 0);
    dl.data = data.data();
    dl.device = {kDLCPU, 0};
    dl.ndim = static_cast<int>(shape.size());
    dl.dtype = {static_cast<uint8_t>(port["dtype"] == "f32" ? kDLFloat : kDLInt), bits, 1};
    dl.shape = shape.data();
  }
  std::vector<int64_t> shape;
  std::vector<int32_t> data;
  DLTensor dl = {};
};

static std::vector<Tensor> tensorsOf(const nlohmann::json &ports) {
  std::vector<Tensor> tensors;
  tensors.reserve(ports.size());
  for (const nlohmann::json &port : ports)
    tensors.emplace_back(port);
  return tensors;
}

static std::vector<DLTensor> views(const std::vector<Tensor> &tensors) {
  std::vector<DLTensor> list;
  for (const Tensor &tensor : tensors)
    list.push_back(tensor.dl);
  return list;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: count-allocations ARTIFACT ENTRY STEPS WORKERS eager|megakernel\n");
    return 2;
  }
  bool eager = std::string(argv[5]) == "eager";
  ingot_session_options options = {sizeof(options), eager ? INGOT_LAUNCH_EAGER : INGOT_LAUNCH_MEGAKERNEL, 0, 0};
  ingot_artifact *artifact = nullptr;
  ingot_executor *executor = nullptr;
  ingot_session *session = nullptr;
  check(ingot_artifact_open(argv[1], &artifact));
  check(ingot_executor_create("cpu", static_cast<uint32_t>(std::atoi(argv[4])), nullptr, &executor));
  check(ingot_session_create(artifact, executor, &options, &session));

  nlohmann::json manifest = nlohmann::json::parse(ingot_artifact_manifest(artifact)), entry;
  for (const nlohmann::json &candidate : manifest["entries"])
    if (candidate["name"] == argv[2])
      entry = candidate;
  std::vector<Tensor> inputs = tensorsOf(entry["inputs"]), outputs = tensorsOf(entry["outputs"]);
  std::vector<DLTensor> in = views(inputs), out = views(outputs);
  auto step = [&] { check(ingot_run(session, argv[2], in.data(), in.size(), out.data(), out.size())); };
  step();
  counting = true;
  for (int i = 0, steps = std::atoi(argv[3]); i < steps; ++i)
    step();
  counting = false;
  std::printf("%lu\n", allocations.load());
  // That the counter works is part of the result: one allocation of our own must be seen.
  allocations = 0;
  counting = true;
  void *volatile memory = std::malloc(1);
  counting = false;
  std::free(memory);
  ingot_session_close(session);
  ingot_executor_close(executor);
  ingot_artifact_close(artifact);
  return allocations == 1 ? 0 : 1;
}
