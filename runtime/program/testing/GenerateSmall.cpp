#include "runtime/program/testing/Cells.h"
#include "runtime/program/testing/Generate.h"
#include "runtime/program/testing/Random.h"

#include <algorithm>
#include <set>

namespace ingot::program::testing {

namespace {

Affine linear(int64_t constant, int64_t c0 = 0, int64_t c1 = 0, int64_t divisor = 1) {
  return {constant, {c0, c1, 0}, divisor};
}

class SmallBuilder {
public:
  explicit SmallBuilder(uint64_t seed) : random(seed) {
    program.name = "small";
    program.target = "cpu:test";
    program.arenaBytes = 24;
    program.bodies.push_back({"body", 0});
  }

  Program build() {
    buffers();
    int64_t launches = 2 + random.below(4);
    for (int64_t l = 0; l < launches && tasksLeft > 0; ++l)
      addLaunch(l == launches - 1);
    if (tasksLeft > 0 && random.chance(90))
      for (uint32_t b = 0; b < program.buffers.size() && tasksLeft > 0; ++b)
        if (program.buffers[b].kind == BufferKind::Output)
          addLaunch(true, b);
    assign();
    return std::move(program);
  }

private:
  template <typename T> const T &oneOf(const std::vector<T> &choices) {
    return choices[size_t(random.below(int64_t(choices.size())))];
  }

  void add(const std::string &symbol, BufferKind kind, std::vector<int64_t> shape, DType dtype = DType::i8) {
    Buffer buffer{symbol, kind, kind == BufferKind::Scratch ? "" : symbol, dtype, std::move(shape), 0};
    if (kind == BufferKind::Scratch) {
      uint64_t places = (program.arenaBytes - buffer.bytes()) / 4 + 1;
      buffer.offset = 4 * uint64_t(random.below(int64_t(places)));
      // A buffer with the same place, shape and type as another makes the case of in-place aliases.
      if (program.buffers.back().kind == BufferKind::Scratch && random.chance(30)) {
        buffer.shape = program.buffers.back().shape;
        buffer.offset = program.buffers.back().offset;
        buffer.dtype = program.buffers.back().dtype;
      }
    }
    program.buffers.push_back(std::move(buffer));
  }

  void buffers() {
    const std::vector<std::vector<int64_t>> shapes = {{4}, {6}, {8}, {2, 4}, {4, 2}, {3, 2}, {12}};
    add("in", BufferKind::Input, {4});
    add("w", BufferKind::Param, {2, 4});
    add("kv", BufferKind::State, {2, 4});
    add("out", BufferKind::Output, random.chance(50) ? std::vector<int64_t>{4} : std::vector<int64_t>{2, 2});
    int64_t scratch = 2 + random.below(3);
    for (int64_t i = 0; i < scratch; ++i)
      add("s" + std::to_string(i), BufferKind::Scratch, oneOf(shapes), random.chance(70) ? DType::i8 : DType::f16);
  }

  /// A box that tiles the buffer by the launch's grid where the extents allow it, otherwise a fixed box.
  Access box(uint32_t b, const Launch &launch, bool tiled) {
    const std::vector<int64_t> &shape = program.buffers[b].shape;
    Access access;
    access.buffer = b;
    size_t nextIndex = 0;
    for (int64_t extent : shape) {
      if (tiled && nextIndex < launch.grid.size() && extent % launch.grid[nextIndex] == 0) {
        int64_t size = extent / launch.grid[nextIndex];
        access.offset.push_back(nextIndex == 0 ? linear(0, size) : linear(0, 0, size));
        access.size.push_back(size);
        ++nextIndex;
      } else if (random.chance(85)) {
        access.offset.push_back(linear(0));
        access.size.push_back(extent);
      } else {
        access.size.push_back(1 + random.below(extent));
        access.offset.push_back(linear(random.below(extent - access.size.back() + 1)));
      }
    }
    return access;
  }

  /// Whether the grid's indices all appear in the box, so that tasks write different cells.
  static bool usesWholeGrid(const Access &access, const Launch &launch) {
    for (size_t d = 0; d < launch.grid.size(); ++d)
      if (launch.grid[d] > 1 && std::none_of(access.offset.begin(), access.offset.end(),
                                             [&](const Affine &a) { return a.coefficients[d] != 0; }))
        return false;
    return true;
  }

  void addLaunch(bool last, int64_t forced = -1) {
    Launch launch;
    launch.symbol = "l" + std::to_string(program.launches.size());
    const std::vector<std::vector<int64_t>> grids = {{1}, {1}, {2}, {2}, {3}, {4}, {2, 2}};
    launch.grid = oneOf(grids);
    uint32_t target = forced >= 0                 ? uint32_t(forced)
                      : last && random.chance(80) ? 3
                                                  : 2 + uint32_t(random.below(int64_t(program.buffers.size()) - 2));
    Access write = box(target, launch, true);
    if ((!usesWholeGrid(write, launch) && random.chance(97)) || launch.numTasks() > tasksLeft) {
      launch.grid = {1};
      write = box(target, launch, false);
    }
    launch.writes.push_back(write);
    if (random.chance(85) || forced >= 0)
      launch.mustWrite.push_back(write);
    int64_t reads = random.below(3);
    for (int64_t r = 0; r < reads; ++r)
      addRead(launch, write);
    std::set<uint32_t> passed;
    for (const auto *list : {&launch.reads, &launch.writes})
      for (const Access &access : *list)
        if (passed.insert(access.buffer).second)
          launch.arguments.push_back({Argument::Kind::Buffer, access.buffer, {}, 0});
    tasksLeft -= launch.numTasks();
    program.launches.push_back(std::move(launch));
    synchronise();
  }

  void addRead(Launch &launch, const Access &write) {
    // Mostly boxes that hold data when the launches so far have run in order.
    for (int attempt = 0; attempt < 6; ++attempt) {
      Access read = random.chance(25)
                        ? write
                        : box(uint32_t(random.below(int64_t(program.buffers.size()))), launch, random.chance(50));
      BufferKind kind = program.buffers[read.buffer].kind;
      if (kind == BufferKind::Param || (kind == BufferKind::State && random.chance(5)))
        read.stream = random.chance(30);
      Launch trial = launch;
      trial.reads = {read};
      if (random.chance(3) || holdsData(trial)) {
        launch.reads.push_back(read);
        return;
      }
    }
  }

  /// The program so far on one queue, in launch order.
  ConcreteProgram inOrder(const Launch *extra = nullptr) const {
    Program copy = program;
    if (extra)
      copy.launches.push_back(*extra);
    copy.schedule.queues = {{}};
    for (uint32_t l = 0; l < copy.launches.size(); ++l)
      copy.schedule.queues[0].push_back({l, 0, copy.launches[l].numTasks()});
    return ConcreteProgram(copy);
  }

  bool holdsData(const Launch &trial) const {
    ConcreteProgram concrete = inOrder(&trial);
    for (const ConcreteTask &task : concrete.tasks) {
      if (task.ref.launch == program.launches.size())
        for (const auto &read : task.reads)
          if (concrete.owners[read.cell] != read.buffer)
            return false;
      for (const auto &write : task.mayWrites)
        if (concrete.owners[write.cell] != write.buffer)
          concrete.owners[write.cell] = ConcreteProgram::kNobody;
      for (const auto &write : task.mustWrites)
        concrete.owners[write.cell] = write.buffer;
    }
    return true;
  }

  /// Which tasks of the last launch conflict with which of an earlier one: pairs of linear indices.
  std::set<std::pair<int64_t, int64_t>> conflicts(const ConcreteProgram &concrete, uint32_t earlier) const {
    std::set<std::pair<int64_t, int64_t>> pairs;
    uint32_t last = uint32_t(program.launches.size() - 1);
    auto touch = [](const auto &a, const auto &b) {
      return std::any_of(a.begin(), a.end(), [&](const auto &x) {
        return std::any_of(b.begin(), b.end(), [&](const auto &y) { return x.cell == y.cell; });
      });
    };
    for (const ConcreteTask &a : concrete.tasks)
      for (const ConcreteTask &b : concrete.tasks)
        if (a.ref.launch == earlier && b.ref.launch == last &&
            (touch(a.mayWrites, b.mayWrites) || touch(a.mayWrites, b.reads) || touch(a.reads, b.mayWrites)))
          pairs.emplace(a.ref.index, b.ref.index);
    return pairs;
  }

  /// Makes the last launch wait for the earlier ones that it conflicts with. Now and then one is forgotten.
  void synchronise() {
    ConcreteProgram concrete = inOrder();
    uint32_t last = uint32_t(program.launches.size() - 1);
    std::vector<uint32_t> coarse;
    for (uint32_t k = 0; k < last; ++k) {
      auto pairs = conflicts(concrete, k);
      if (pairs.empty() ? random.chance(92) : random.chance(8))
        continue;
      int64_t mine = program.launches[last].numTasks(), its = program.launches[k].numTasks();
      bool oneDimensional = program.launches[last].grid.size() == 1 && program.launches[k].grid.size() == 1;
      int64_t ratio = mine % its == 0 ? mine / its : 0;
      bool perTile = oneDimensional && ratio > 0 && std::all_of(pairs.begin(), pairs.end(), [&](auto pair) {
                       return pair.first == pair.second / ratio;
                     });
      if (its > 1 && oneDimensional && ratio > 0 && random.chance(perTile ? 60 : 3))
        waitPerTile(k, last, its, ratio);
      else
        coarse.push_back(k);
    }
    if (coarse.size() > 1 && random.chance(30)) {
      waitForAll(coarse, last);
      return;
    }
    for (uint32_t k : coarse)
      waitForAll({k}, last);
  }

  void waitPerTile(uint32_t from, uint32_t to, int64_t tiles, int64_t ratio) {
    uint32_t event = uint32_t(program.events.size());
    program.events.push_back({"e" + std::to_string(event), uint32_t(tiles), 1});
    program.launches[from].signals.push_back({event, linear(0, 1)});
    program.launches[to].waits.push_back({event, linear(0, 1, 0, ratio)});
  }

  /// One counter that all tasks of all these launches signal.
  void waitForAll(const std::vector<uint32_t> &from, uint32_t to) {
    uint32_t event = uint32_t(program.events.size());
    program.events.push_back({"e" + std::to_string(event), 1, 0});
    for (uint32_t launch : from) {
      program.launches[launch].signals.push_back({event, linear(0)});
      program.events[event].signals += uint32_t(program.launches[launch].numTasks());
    }
    program.launches[to].waits.push_back({event, linear(0)});
  }

  void assign() {
    int64_t workers = 1 + random.below(4);
    program.schedule.queues.assign(size_t(workers), {});
    for (uint32_t l = 0; l < program.launches.size(); ++l) {
      int64_t tasks = program.launches[l].numTasks();
      for (int64_t begin = 0; begin < tasks;) {
        int64_t end = begin + 1 + random.below(tasks - begin);
        program.schedule.queues[size_t(random.below(workers))].push_back({l, begin, end});
        begin = end;
      }
    }
    auto &queue = program.schedule.queues[size_t(random.below(workers))];
    if (queue.size() > 1 && random.chance(8))
      std::swap(queue[0], queue[1]);
  }

  Random random;
  Program program;
  int64_t tasksLeft = 10;
};

} // namespace

Program randomSmallProgram(uint64_t seed) { return SmallBuilder(seed).build(); }

} // namespace ingot::program::testing
