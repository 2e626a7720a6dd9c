#include "runtime/program/Interleave.h"

#include "runtime/program/SplitMix64.h"
#include "runtime/program/Structure.h"
#include "runtime/program/TaskGraph.h"

#include <algorithm>
#include <memory>

namespace ingot::program {

using runtime::Status;

namespace {

using Random = SplitMix64;

/// Picks one of the ready queues.
class Policy {
public:
  virtual ~Policy() = default;
  virtual uint32_t pick(const std::vector<uint32_t> &ready) = 0;
};

class Uniform : public Policy {
public:
  explicit Uniform(Random random) : random(random) {}
  uint32_t pick(const std::vector<uint32_t> &ready) override { return ready[random.below(ready.size())]; }

private:
  Random random;
};

/// The ready queue of the highest priority runs. Priorities are lowered at a few random moments.
class Priorities : public Policy {
public:
  Priorities(Random random, uint32_t queues, uint32_t tasks) : random(random) {
    for (uint32_t q = 0; q < queues; ++q)
      priority.push_back(this->random.next() >> 1 | uint64_t(1) << 63);
    for (uint64_t changes = 1 + this->random.below(8); changes > 0; --changes)
      changeAt.push_back(this->random.below(std::max<uint64_t>(tasks, 1)));
    std::sort(changeAt.begin(), changeAt.end(), std::greater<>());
  }
  uint32_t pick(const std::vector<uint32_t> &ready) override {
    uint32_t best = highest(ready);
    for (; !changeAt.empty() && changeAt.back() <= step; changeAt.pop_back()) {
      priority[best] = random.next() >> 1;
      best = highest(ready);
    }
    ++step;
    return best;
  }

private:
  uint32_t highest(const std::vector<uint32_t> &ready) const {
    return *std::max_element(ready.begin(), ready.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(priority[a], a) < std::pair(priority[b], b);
    });
  }
  Random random;
  std::vector<uint64_t> priority, changeAt;
  uint64_t step = 0;
};

/// Stays with a queue until it blocks.
class DepthFirst : public Policy {
public:
  explicit DepthFirst(Random random) : random(random) {}
  uint32_t pick(const std::vector<uint32_t> &ready) override {
    if (std::find(ready.begin(), ready.end(), current) == ready.end())
      current = ready[random.below(ready.size())];
    return current;
  }

private:
  Random random;
  uint32_t current = ~uint32_t(0);
};

/// Uniform, but about a third of the queues run only when no other can.
class Starvation : public Policy {
public:
  Starvation(Random random, uint32_t queues) : random(random), victim(queues) {
    for (uint32_t q = 0; q < queues; ++q)
      victim[q] = this->random.below(3) == 0;
  }
  uint32_t pick(const std::vector<uint32_t> &ready) override {
    favoured.clear();
    for (uint32_t queue : ready)
      if (!victim[queue])
        favoured.push_back(queue);
    const std::vector<uint32_t> &from = favoured.empty() ? ready : favoured;
    return from[random.below(from.size())];
  }

private:
  Random random;
  std::vector<bool> victim;
  std::vector<uint32_t> favoured;
};

std::unique_ptr<Policy> makePolicy(uint64_t seed, const TaskGraph &graph) {
  Random random(seed);
  switch (seed % 4) {
  case 0:
    return std::make_unique<Uniform>(random);
  case 1:
    return std::make_unique<Priorities>(random, graph.numQueues(), graph.numTasks());
  case 2:
    return std::make_unique<DepthFirst>(random);
  default:
    return std::make_unique<Starvation>(random, graph.numQueues());
  }
}

} // namespace

runtime::Result<std::vector<TaskRef>> randomInterleaving(const Program &program, uint64_t seed) {
  INGOT_RETURN_IF_ERROR(checkStructure(program));
  INGOT_RETURN_IF_ERROR(checkSchedule(program));
  TaskGraph graph(program);
  StepRun run(graph);
  std::unique_ptr<Policy> policy = makePolicy(seed, graph);
  std::vector<TaskRef> order;
  order.reserve(graph.numTasks());
  while (!run.readyQueues().empty())
    order.push_back(graph.refOf(run.advance(policy->pick(run.readyQueues()))));
  if (!run.done()) {
    std::vector<std::string> stuck = run.stuckQueues(1);
    return Status::corrupt("deadlock: " + (stuck.empty() ? std::string("no queue is ready") : stuck[0]));
  }
  return order;
}

} // namespace ingot::program
