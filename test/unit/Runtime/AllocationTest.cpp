// After the first step nothing is allocated: every way to the heap is counted in this binary.
#include "Synthetic.h"

#include "ingot/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

using namespace ingot::test;

namespace {

std::atomic<bool> counting{false};
std::atomic<uint64_t> allocations{0};

void count() {
  if (counting.load(std::memory_order_relaxed))
    ++allocations;
}

/// Counts what `work` allocates, on any thread.
template <typename Work> uint64_t allocationsOf(Work work) {
  allocations = 0;
  counting = true;
  work();
  counting = false;
  return allocations;
}

} // namespace

// glibc's own entry points under their public names: operator new of libstdc++ ends here as well.
extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
}

namespace {

class AllocationTest : public testing::Test {
protected:
  void start(const Synthetic &synthetic, uint32_t workers, ingot_launch launch = INGOT_LAUNCH_MEGAKERNEL) {
    writeArtifact(directory / "a.ingot", synthetic);
    ingot_session_options options = {sizeof(options), launch, 0, 0};
    ASSERT_EQ(ingot_artifact_open((directory / "a.ingot").c_str(), &artifact), nullptr);
    ASSERT_EQ(ingot_executor_create("cpu", workers, nullptr, &executor), nullptr);
    ASSERT_EQ(ingot_session_create(artifact, executor, &options, &session), nullptr);
  }
  void stop() {
    ingot_session_close(session);
    ingot_executor_close(executor);
    ingot_artifact_close(artifact);
  }
  TemporaryDirectory directory;
  ingot_artifact *artifact = nullptr;
  ingot_executor *executor = nullptr;
  ingot_session *session = nullptr;
};

TEST_F(AllocationTest, TheCounterWorks) {
  // Volatile, because compilers may leave out pairs of new and delete.
  EXPECT_EQ(allocationsOf([] {
              int *volatile memory = new int;
              delete memory;
            }),
            1u);
  EXPECT_EQ(allocationsOf([] {
              void *volatile memory = std::malloc(1);
              std::free(memory);
            }),
            1u);
}

TEST_F(AllocationTest, RunsAllocateNothingAfterTheFirst) {
  for (ingot_launch launch : {INGOT_LAUNCH_MEGAKERNEL, INGOT_LAUNCH_EAGER}) {
    for (uint32_t workers : {1u, 2u, 5u}) {
      start(makeMlp(), workers, launch);
      std::vector<float> x = mlpInput(), y(32);
      int64_t shape[] = {4, 8};
      DLTensor in = {x.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0}, out = in;
      out.data = y.data();
      auto step = [&] { ASSERT_EQ(ingot_run(session, "forward", &in, 1, &out, 1), nullptr); };
      step();
      EXPECT_EQ(allocationsOf([&] {
                  for (int i = 0; i < 100; ++i)
                    step();
                }),
                0u)
          << workers << " workers";
      stop();
    }
  }
}

TEST_F(AllocationTest, DecodingAllocatesNothingPerToken) {
  start(makeDecoder(4096), 2);
  std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  ingot_generate_params params = {};
  params.size = sizeof(params);
  params.tokens = tokens.data();
  params.num_tokens = tokens.size();
  auto generate = [&](uint64_t count) {
    ASSERT_EQ(ingot_session_reset(session), nullptr);
    params.max_tokens = count;
    ASSERT_EQ(ingot_generate(session, &params, nullptr, nullptr), nullptr);
  };
  generate(10);
  uint64_t few = allocationsOf([&] { generate(10); }), many = allocationsOf([&] { generate(300); });
  EXPECT_EQ(few, many) << "what is allocated per call must not grow with the tokens";
  stop();
}

} // namespace
