#include "runtime/program/Dependences.h"

#include "runtime/program/Structure.h"

#include <algorithm>
#include <map>
#include <optional>

namespace ingot::program {

namespace {

constexpr int64_t kMaxPairs = int64_t(1) << 20;
/// A task waits for at most so many counters of one launch.
constexpr int64_t kMaxWaits = 4;

bool sharesBytes(const Buffer &a, const Buffer &b) {
  return a.kind == BufferKind::Scratch && b.kind == BufferKind::Scratch && a.offset < b.offset + b.bytes() &&
         b.offset < a.offset + a.bytes();
}

/// Whether the boxes of all tasks of two launches together overlap, in the same buffer.
bool footprintsOverlap(const Launch &x, const Access &a, const Launch &y, const Access &b) {
  for (size_t d = 0; d < a.size.size(); ++d) {
    AffineBounds inA = boundsOf(a.offset[d], x.grid), inB = boundsOf(b.offset[d], y.grid);
    if (inA.min >= inB.max + b.size[d] || inB.min >= inA.max + a.size[d])
      return false;
  }
  return true;
}

/// Calls `each(a, b)` for accesses of the earlier and the later launch of which one is a write and which may meet.
template <typename Function>
void forEachConflict(const Program &program, const Launch &earlier, const Launch &later, Function each) {
  auto meet = [&](const std::vector<Access> &as, const std::vector<Access> &bs) {
    for (const Access &a : as)
      for (const Access &b : bs)
        if (a.buffer == b.buffer ? footprintsOverlap(earlier, a, later, b)
                                 : sharesBytes(program.buffers[a.buffer], program.buffers[b.buffer]))
          if (!each(a, b))
            return false;
    return true;
  };
  meet(earlier.writes, later.writes) && meet(earlier.reads, later.writes) && meet(earlier.writes, later.reads);
}

/// First elements of an access's boxes, task by task.
std::vector<int64_t> originsOf(const Launch &launch, const Access &access) {
  std::vector<int64_t> origins;
  for (int64_t i = 0; i < launch.numTasks(); ++i)
    for (const Affine &offset : access.offset)
      origins.push_back(offset.at(launch.indexOf(i)));
  return origins;
}

/// One way to number tasks of a launch in one dimension: by their linear index, or along one dimension of the grid.
struct Axis {
  Affine index;
  int64_t extent;
};

/// Dimensions come first: of two axes with the same groups, "the row" says more simply what "the task divided by the
/// length of a row" says.
std::vector<Axis> axesOf(const Launch &launch) {
  std::vector<Axis> axes;
  Axis linear = {{}, launch.numTasks()};
  for (size_t d = 0; d < launch.grid.size(); ++d)
    if (launch.grid[d] > 1 && launch.grid[d] < linear.extent) {
      axes.push_back({{}, launch.grid[d]});
      axes.back().index.coefficients[d] = 1;
    }
  int64_t stride = 1;
  for (size_t d = launch.grid.size(); d-- > 0; stride *= launch.grid[d])
    linear.index.coefficients[d] = stride;
  axes.push_back(linear);
  return axes;
}

/// Where on an axis the tasks lie that a task conflicts with.
struct Range {
  int64_t low = INT64_MAX, high = -1;
};

/// The expression of the task index that has these values, if there is one of a simple form.
std::optional<Affine> fit(const Launch &launch, const std::vector<int64_t> &values) {
  auto linearOf = [&](size_t dim, int64_t position) {
    int64_t stride = 1;
    for (size_t d = launch.grid.size() - 1; d > dim; --d)
      stride *= launch.grid[d];
    return static_cast<size_t>(stride * position);
  };
  auto fitsWith = [&](int64_t divisor) -> std::optional<Affine> {
    Affine affine = {values[0] * divisor, {}, divisor};
    for (size_t d = 0; d < launch.grid.size(); ++d)
      if (launch.grid[d] > divisor)
        affine.coefficients[d] = values[linearOf(d, divisor)] - values[0];
      else if (launch.grid[d] > 1)
        affine.coefficients[d] = divisor * (values[linearOf(d, 1)] - values[0]);
    for (int64_t i = 0; i < launch.numTasks(); ++i)
      if (affine.at(launch.indexOf(i)) != values[static_cast<size_t>(i)])
        return std::nullopt;
    return affine;
  };
  if (std::optional<Affine> affine = fitsWith(1))
    return affine;
  for (size_t d = 0; d < launch.grid.size(); ++d) {
    int64_t run = 1; // tasks along this dimension that have the first one's value
    while (run < launch.grid[d] && values[linearOf(d, run)] == values[0])
      ++run;
    if (run > 1 && run < launch.grid[d])
      if (std::optional<Affine> affine = fitsWith(run))
        return affine;
  }
  return std::nullopt;
}

/// Groups of `size` neighbours on the axis, one counter for each.
std::optional<Partition> partition(const Launch &earlier, const Axis &axis, int64_t size, const Launch &later,
                                   const std::vector<Range> &needed) {
  const int64_t count = axis.extent / size;
  int64_t waits = 1;
  for (const Range &range : needed)
    waits = std::max(waits, range.high / size - range.low / size + 1);
  if (waits > kMaxWaits || waits >= count)
    return std::nullopt;
  std::vector<int64_t> first;
  std::vector<bool> awaited(static_cast<size_t>(count), false);
  for (const Range &range : needed) {
    first.push_back(std::min(range.low / size, count - waits));
    for (int64_t wait = 0; wait < waits; ++wait)
      awaited[static_cast<size_t>(first.back() + wait)] = true;
  }
  std::optional<Affine> wait = fit(later, first);
  if (!wait)
    return std::nullopt;
  Partition result;
  result.count = static_cast<uint32_t>(count);
  result.signals = static_cast<uint32_t>(earlier.numTasks() / count);
  result.signal = axis.index;
  result.signal.divisor = size;
  result.complete = std::find(awaited.begin(), awaited.end(), false) == awaited.end();
  for (int64_t i = 0; i < waits; ++i) {
    result.waits.push_back(*wait);
    result.waits.back().constant += i * wait->divisor;
  }
  return result;
}

using Accesses = std::pair<const Access *, const Access *>; // of the earlier and of the later launch

/// By axis of the earlier launch and task of the later one: what it conflicts with.
std::vector<std::vector<Range>> neededTasks(const Launch &earlier, const Launch &later, const std::vector<Axis> &axes,
                                            const std::vector<Accesses> &conflicts) {
  const int64_t numEarlier = earlier.numTasks(), numLater = later.numTasks();
  std::vector<std::vector<Range>> needed(axes.size(), std::vector<Range>(static_cast<size_t>(numLater)));
  std::vector<TaskIndex> indices;
  for (int64_t i = 0; i < numEarlier; ++i)
    indices.push_back(earlier.indexOf(i));
  for (auto [a, b] : conflicts) {
    const size_t rank = a->size.size();
    std::vector<int64_t> originsA = originsOf(earlier, *a), originsB = originsOf(later, *b);
    for (int64_t j = 0; j < numLater; ++j)
      for (int64_t i = 0; i < numEarlier; ++i) {
        const int64_t *x = originsA.data() + i * static_cast<int64_t>(rank);
        const int64_t *y = originsB.data() + j * static_cast<int64_t>(rank);
        bool meet = true;
        for (size_t d = 0; d < rank && meet; ++d)
          meet = x[d] < y[d] + b->size[d] && y[d] < x[d] + a->size[d];
        for (size_t k = 0; meet && k < axes.size(); ++k) {
          Range &range = needed[k][static_cast<size_t>(j)];
          const int64_t position = axes[k].index.at(indices[static_cast<size_t>(i)]);
          range.low = std::min(range.low, position);
          range.high = std::max(range.high, position);
        }
      }
  }
  return needed;
}

} // namespace

bool Partition::operator==(const Partition &other) const {
  auto same = [](const Affine &x, const Affine &y) {
    return x.constant == y.constant && x.coefficients == y.coefficients && x.divisor == y.divisor;
  };
  return count == other.count && signals == other.signals && same(signal, other.signal) && complete == other.complete &&
         std::equal(waits.begin(), waits.end(), other.waits.begin(), other.waits.end(), same);
}

bool conflict(const Program &program, const Launch &earlier, const Launch &later) {
  bool found = false;
  forEachConflict(program, earlier, later, [&](const Access &, const Access &) {
    found = true;
    return false;
  });
  return found;
}

std::vector<Partition> partitions(const Program &program, const Launch &earlier, const Launch &later) {
  const int64_t numEarlier = earlier.numTasks();
  if (numEarlier < 2 || later.numTasks() > kMaxPairs / numEarlier)
    return {};
  std::vector<Accesses> conflicts;
  bool sameBuffers = true;
  forEachConflict(program, earlier, later, [&](const Access &a, const Access &b) {
    conflicts.emplace_back(&a, &b);
    return sameBuffers = a.buffer == b.buffer;
  });
  if (!sameBuffers)
    return {};
  const std::vector<Axis> axes = axesOf(earlier);
  const std::vector<std::vector<Range>> needed = neededTasks(earlier, later, axes, conflicts);
  for (const Range &range : needed.front())
    if (range.high < 0)
      return {}; // nothing to wait for, which an expression of the index cannot say
  // By how many tasks they wait for; of as many, the one with fewest waits.
  std::map<size_t, Partition> best;
  for (size_t k = 0; k < axes.size(); ++k)
    for (int64_t size = 1; size <= axes[k].extent / 2; ++size)
      if (axes[k].extent % size == 0)
        if (std::optional<Partition> made = partition(earlier, axes[k], size, later, needed[k])) {
          Partition &known = best[made->waits.size() * made->signals];
          if (known.waits.empty() || made->waits.size() < known.waits.size())
            known = std::move(*made);
        }
  std::vector<Partition> found;
  for (auto &[awaited, part] : best)
    found.push_back(std::move(part));
  // The finest and the coarsest ones.
  if (found.size() > kMaxPartitions)
    found.erase(found.begin() + kMaxPartitions / 2, found.end() - kMaxPartitions / 2);
  return found;
}

} // namespace ingot::program
