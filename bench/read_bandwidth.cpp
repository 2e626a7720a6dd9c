// read_bandwidth BYTES THREADS: how fast THREADS threads read BYTES bytes over and over, each its own part, in bytes
// per second: the best of several rounds. What no decoder can beat that reads its weights once a token.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

/// Sums in sixteen chains, which compilers turn into vector loads.
uint64_t sum(const uint64_t *data, size_t count) {
  uint64_t sums[16] = {};
  for (size_t i = 0; i + 16 <= count; i += 16)
    for (size_t k = 0; k < 16; ++k)
      sums[k] += data[i + k];
  for (size_t k = 1; k < 16; ++k)
    sums[0] += sums[k];
  return sums[0];
}

/// Bytes per second of one thread that reads `data` for about `seconds`.
double rate(const std::vector<uint64_t> &data, double seconds) {
  volatile uint64_t sink = 0;
  uint64_t passes = 0;
  Clock::time_point begin = Clock::now();
  std::chrono::duration<double> took{};
  do {
    sink = sink + sum(data.data(), data.size());
    ++passes;
    took = Clock::now() - begin;
  } while (took.count() < seconds);
  return static_cast<double>(passes * data.size() * sizeof(uint64_t)) / took.count();
}

} // namespace

int main(int argc, char **argv) {
  size_t bytes = argc == 3 ? std::strtoull(argv[1], nullptr, 10) : 0;
  size_t threads = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (bytes < 1024 || threads < 1 || threads > 1024) {
    std::fprintf(stderr, "usage: read_bandwidth BYTES THREADS\n");
    return 2;
  }
  std::vector<std::vector<uint64_t>> parts(threads, std::vector<uint64_t>(bytes / threads / sizeof(uint64_t), 1));
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<double> rates(threads);
    std::vector<std::thread> team;
    for (size_t i = 0; i < threads; ++i)
      team.emplace_back([&, i] { rates[i] = rate(parts[i], 0.2); });
    double total = 0;
    for (size_t i = 0; i < threads; ++i) {
      team[i].join();
      total += rates[i];
    }
    best = std::max(best, total);
  }
  std::printf("%.0f\n", best);
  return 0;
}
