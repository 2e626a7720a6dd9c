// roofline: what this machine's cores can do at most, for a process that asks again and again. Reads commands from
// stdin, one a line, and answers each with a line of one number:
//
//   read BYTES THREADS SECONDS            bytes per second that THREADS threads read together, each its own part of a
//                                         buffer of BYTES, over and over; the buffer stays for the next command
//   flops f32|bf16 THREADS SECONDS        floating-point operations per second of dependent-free fused multiply-adds in
//                                         registers (bf16: vdpbf16ps); 0 if this CPU has no such instruction
//
// One busy loop per thread; nothing is shared while the time runs.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define INGOT_X86 1
#endif

namespace {

using Clock = std::chrono::steady_clock;

/// Runs `pass` (which says how much it did) on every thread for about `seconds`; what they did together per second.
double rate(unsigned threads, double seconds, const std::function<double(unsigned)> &pass) {
  std::vector<double> rates(threads);
  auto work = [&](unsigned thread) {
    double done = 0;
    Clock::time_point begin = Clock::now();
    std::chrono::duration<double> took{};
    do {
      done += pass(thread);
      took = Clock::now() - begin;
    } while (took.count() < seconds);
    rates[thread] = done / took.count();
  };
  std::vector<std::thread> team;
  for (unsigned thread = 1; thread < threads; ++thread)
    team.emplace_back(work, thread);
  work(0);
  for (std::thread &thread : team)
    thread.join();
  double sum = 0;
  for (double one : rates)
    sum += one;
  return sum;
}

/// Keeps the compiler from dropping `value`.
template <typename T> void use(const T &value) { asm volatile("" ::"r,m"(value) : "memory"); }

// --- Reading -------------------------------------------------------------------------------------------------------

/// Memory in large pages where the system gives them, so that the loop is not held up by address translation.
class Buffer {
public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { release(); }

  bool resize(size_t bytes) {
    if (bytes == size)
      return true;
    release();
    void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
      return false;
    madvise(mapped, bytes, MADV_HUGEPAGE);
    data = static_cast<uint64_t *>(mapped);
    size = bytes;
    for (size_t i = 0; i < bytes / sizeof(uint64_t); i += 8)
      data[i] = i;
    return true;
  }

  uint64_t *data = nullptr;
  size_t size = 0;

private:
  void release() {
    if (data)
      munmap(data, size);
    data = nullptr;
    size = 0;
  }
};

/// Sums in many chains, which compilers turn into vector loads.
inline __attribute__((always_inline)) uint64_t sum(const uint64_t *data, size_t count) {
  uint64_t sums[64] = {};
  for (size_t i = 0; i + 64 <= count; i += 64)
    for (size_t k = 0; k < 64; ++k)
      sums[k] += data[i + k];
  for (size_t k = 1; k < 64; ++k)
    sums[0] += sums[k];
  return sums[0];
}

uint64_t sumPortable(const uint64_t *data, size_t count) { return sum(data, count); }
#if INGOT_X86
__attribute__((target("avx512f"))) uint64_t sumWide(const uint64_t *data, size_t count) { return sum(data, count); }
__attribute__((target("avx2"))) uint64_t sumAvx2(const uint64_t *data, size_t count) { return sum(data, count); }
#endif

using Sum = uint64_t (*)(const uint64_t *, size_t);

Sum bestSum() {
#if INGOT_X86
  if (__builtin_cpu_supports("avx512f"))
    return sumWide;
  if (__builtin_cpu_supports("avx2"))
    return sumAvx2;
#endif
  return sumPortable;
}

double readRate(const Buffer &buffer, unsigned threads, double seconds) {
  size_t part = buffer.size / sizeof(uint64_t) / threads;
  Sum best = bestSum();
  return rate(threads, seconds, [&](unsigned thread) {
    use(best(buffer.data + thread * part, part));
    return static_cast<double>(part * sizeof(uint64_t));
  });
}

// --- Computing -----------------------------------------------------------------------------------------------------

constexpr int steps = 4096, chains = 16; // more chains than latency x units needs

#if INGOT_X86
__attribute__((target("avx512f"))) double fmaWide() {
  __m512 sums[chains], a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(1e-9f);
  for (__m512 &s : sums)
    s = _mm512_setzero_ps();
  for (int i = 0; i < steps; ++i)
#pragma clang loop unroll(full)
    for (__m512 &s : sums)
      s = _mm512_fmadd_ps(a, b, s);
  for (__m512 &s : sums)
    use(s);
  return 2.0 * 16 * steps * chains;
}

__attribute__((target("avx2,fma"))) double fmaAvx2() {
  constexpr int fewer = 12; // of 16 registers
  __m256 sums[fewer], a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(1e-9f);
  for (__m256 &s : sums)
    s = _mm256_setzero_ps();
  for (int i = 0; i < steps; ++i)
#pragma clang loop unroll(full)
    for (__m256 &s : sums)
      s = _mm256_fmadd_ps(a, b, s);
  for (__m256 &s : sums)
    use(s);
  return 2.0 * 8 * steps * fewer;
}

__attribute__((target("avx512f,avx512bf16"))) double dotBf16() {
  __m512 sums[chains], ones = _mm512_set1_ps(1.0f);
  __m512bh a = _mm512_cvtne2ps_pbh(ones, ones), b = a;
  for (__m512 &s : sums)
    s = _mm512_setzero_ps();
  for (int i = 0; i < steps; ++i)
#pragma clang loop unroll(full)
    for (__m512 &s : sums)
      s = _mm512_dpbf16_ps(s, a, b);
  for (__m512 &s : sums)
    use(s);
  return 2.0 * 32 * steps * chains;
}
#endif

double flopRate(const std::string &type, unsigned threads, double seconds) {
  double (*pass)() = nullptr;
#if INGOT_X86
  if (type == "bf16" && __builtin_cpu_supports("avx512bf16"))
    pass = dotBf16;
  if (type == "f32" && __builtin_cpu_supports("avx512f"))
    pass = fmaWide;
  else if (type == "f32" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    pass = fmaAvx2;
#endif
  return pass ? rate(threads, seconds, [&](unsigned) { return pass(); }) : 0;
}

bool valid(unsigned threads, double seconds) { return threads >= 1 && threads <= 1024 && seconds > 0 && seconds <= 60; }

} // namespace

int main() {
  Buffer buffer;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, type;
    size_t bytes = 0;
    unsigned threads = 0;
    double seconds = 0;
    words >> command;
    if (command == "read" && words >> bytes >> threads >> seconds && valid(threads, seconds) &&
        bytes >= size_t{1024} * threads && buffer.resize(bytes)) {
      std::printf("%.0f\n", readRate(buffer, threads, seconds));
    } else if (command == "flops" && words >> type >> threads >> seconds && valid(threads, seconds)) {
      std::printf("%.0f\n", flopRate(type, threads, seconds));
    } else {
      std::fprintf(stderr, "usage: read BYTES THREADS SECONDS | flops f32|bf16 THREADS SECONDS, but got: %s\n",
                   line.c_str());
      return 2;
    }
    std::fflush(stdout);
  }
  return 0;
}
