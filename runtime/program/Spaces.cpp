#include "runtime/program/Spaces.h"

#include "runtime/program/Boxes.h"

#include <algorithm>
#include <numeric>

namespace ingot::program {

namespace {

constexpr uint32_t kNoSpace = ~uint32_t(0);
// Boxes of one program. In a space of bytes a box that is not contiguous becomes many.
constexpr size_t kMaxBoxes = size_t(1) << 24;

/// The time during which a buffer is used, in vector clocks.
struct Lifetime {
  std::vector<uint32_t> first; // per queue: tasks that happen before every use
  std::vector<uint32_t> last;  // per queue: one past the position of the last use

  bool endsBefore(const Lifetime &other) const {
    for (size_t q = 0; q < last.size(); ++q)
      if (last[q] > other.first[q])
        return false;
    return true;
  }
};

void use(Lifetime &lifetime, const TaskGraph &graph, const HappensBefore &order, uint32_t task) {
  size_t width = graph.numQueues();
  if (lifetime.first.empty()) {
    lifetime.first.assign(width, ~uint32_t(0));
    lifetime.last.assign(width, 0);
  }
  uint32_t queue = graph.queueOf(task), position = graph.positionOf(task);
  const uint32_t *clock = order.clockOf(task);
  uint32_t ownFirst = std::min(lifetime.first[queue], position);
  for (size_t q = 0; q < width; ++q)
    lifetime.first[q] = std::min(lifetime.first[q], clock[q]);
  lifetime.first[queue] = ownFirst;
  lifetime.last[queue] = std::max(lifetime.last[queue], position + 1);
}

/// Calls `visit(kind, access)` for what a launch does, in the order in which one task does it. May-writes that are
/// must-writes as well come once, as the latter.
template <typename Visit> void forEachAccess(const Launch &launch, Visit visit) {
  for (const Access &read : launch.reads)
    visit(AccessKind::Read, read);
  for (const Access &write : launch.writes)
    if (std::none_of(launch.mustWrite.begin(), launch.mustWrite.end(),
                     [&](const Access &must) { return sameBox(write, must); }))
      visit(AccessKind::MayWrite, write);
  for (const Access &must : launch.mustWrite)
    visit(AccessKind::MustWrite, must);
}

std::vector<Lifetime> lifetimesOfScratch(const TaskGraph &graph, const HappensBefore &order) {
  const Program &program = graph.program();
  std::vector<std::vector<uint32_t>> scratchOf(program.launches.size());
  for (size_t l = 0; l < program.launches.size(); ++l) {
    forEachAccess(program.launches[l], [&](AccessKind, const Access &access) {
      if (program.buffers[access.buffer].kind == BufferKind::Scratch)
        scratchOf[l].push_back(access.buffer);
    });
    std::sort(scratchOf[l].begin(), scratchOf[l].end());
    scratchOf[l].erase(std::unique(scratchOf[l].begin(), scratchOf[l].end()), scratchOf[l].end());
  }
  std::vector<Lifetime> lifetimes(program.buffers.size());
  for (uint32_t task = 0; task < graph.numTasks(); ++task)
    for (uint32_t buffer : scratchOf[graph.refOf(task).launch])
      use(lifetimes[buffer], graph, order, task);
  return lifetimes;
}

/// Appends the box [low, high) of a row-major buffer at arena byte `base` as runs of bytes.
/// Returns false when that would make more than `limit` boxes.
bool addByteRuns(AccessSpace &space, AccessSpace::Entry entry, const Buffer &buffer, const std::vector<int64_t> &low,
                 const std::vector<int64_t> &high, size_t limit) {
  size_t rank = buffer.shape.size();
  // Dimensions from `inner` on are contiguous: all of them are whole but the first.
  size_t inner = rank;
  int64_t run = 1;
  while (inner > 0) {
    --inner;
    run *= high[inner] - low[inner];
    if (low[inner] != 0 || high[inner] != buffer.shape[inner])
      break;
  }
  int64_t element = static_cast<int64_t>(byteSize(buffer.dtype));
  std::vector<int64_t> at = low, from(1), to(1);
  while (true) {
    if (limit-- == 0)
      return false;
    int64_t linear = 0;
    for (size_t d = 0; d < rank; ++d)
      linear = linear * buffer.shape[d] + at[d];
    from[0] = static_cast<int64_t>(buffer.offset) + linear * element;
    to[0] = from[0] + run * element;
    space.add(entry, from, to);
    size_t d = inner;
    while (d > 0 && ++at[d - 1] == high[d - 1]) {
      at[d - 1] = low[d - 1];
      --d;
    }
    if (d == 0)
      return true;
  }
}

/// Fills the spaces of one program.
class Builder {
public:
  Builder(const TaskGraph &graph, Report &report)
      : graph(graph), program(graph.program()), report(report), spaceOf(program.buffers.size(), kNoSpace) {}

  void declare(const HappensBefore &order) {
    std::vector<bool> written(program.buffers.size(), false);
    for (const Launch &launch : program.launches)
      for (const Access &write : launch.writes)
        written[write.buffer] = true;
    for (uint32_t b = 0; b < program.buffers.size(); ++b) {
      BufferKind kind = program.buffers[b].kind;
      if (kind == BufferKind::Scratch || (kind != BufferKind::Output && !written[b]))
        continue;
      spaceOf[b] = addSpace(b);
      spaces.back().whole.definedAtStart = kind != BufferKind::Output;
      spaces.back().whole.definedAtEnd = kind == BufferKind::Output;
    }
    for (const std::vector<uint32_t> &group : groupSharedScratch(graph, order)) {
      uint32_t space = addSpace(group[0]);
      for (uint32_t b : group)
        spaceOf[b] = space;
      if (!std::all_of(group.begin(), group.end(), [&](uint32_t b) { return samePlace(b, group[0]); })) {
        spaces[space].inBytes = true;
        spaces[space].extent = {static_cast<int64_t>(program.arenaBytes)};
      }
    }
  }

  void fill(const std::vector<uint32_t> &tasks) {
    for (uint32_t task : tasks) {
      TaskIndex index = graph.indexOf(task);
      forEachAccess(graph.launchOf(task), [&](AccessKind kind, const Access &access) {
        if (spaceOf[access.buffer] != kNoSpace)
          addAccess(spaces[spaceOf[access.buffer]], {task, access.buffer, kind}, access, index);
      });
    }
  }

  bool complete() const { return isComplete; }

  std::vector<AccessSpace> spaces;

private:
  uint32_t addSpace(uint32_t buffer) {
    AccessSpace &space = spaces.emplace_back();
    space.extent = program.buffers[buffer].shape;
    space.whole.buffer = buffer;
    return static_cast<uint32_t>(spaces.size() - 1);
  }
  bool samePlace(uint32_t a, uint32_t b) const {
    const Buffer &x = program.buffers[a], &y = program.buffers[b];
    return x.offset == y.offset && x.shape == y.shape && x.dtype == y.dtype;
  }
  void addAccess(AccessSpace &space, AccessSpace::Entry entry, const Access &access, const TaskIndex &index) {
    low.resize(access.size.size());
    high.resize(access.size.size());
    for (size_t d = 0; d < access.size.size(); ++d) {
      low[d] = access.offset[d].at(index);
      high[d] = low[d] + access.size[d];
      if (access.size[d] == 0)
        return;
    }
    size_t before = space.entries.size();
    if (!space.inBytes && boxes < kMaxBoxes)
      space.add(entry, low, high);
    else if (!space.inBytes || !addByteRuns(space, entry, program.buffers[entry.buffer], low, high, kMaxBoxes - boxes))
      tooManyBoxes(entry.buffer);
    boxes += space.entries.size() - before;
  }
  void tooManyBoxes(uint32_t buffer) {
    isComplete = false;
    if (report.isNew(Rule::Limit, 0, 0, 0))
      report.add(Rule::Limit,
                 "program expects at most 2^24 accessed boxes (contiguous ones where scratch buffers share "
                 "bytes at overlapping times), but got more at @" +
                     program.buffers[buffer].symbol);
  }

  const TaskGraph &graph;
  const Program &program;
  Report &report;
  std::vector<uint32_t> spaceOf; // per buffer
  std::vector<int64_t> low, high;
  size_t boxes = 0; // in all spaces
  bool isComplete = true;
};

} // namespace

std::vector<std::vector<uint32_t>> groupSharedScratch(const TaskGraph &graph, const HappensBefore &order) {
  const Program &program = graph.program();
  std::vector<Lifetime> lifetimes = lifetimesOfScratch(graph, order);
  std::vector<uint32_t> byOffset, parent(program.buffers.size());
  std::iota(parent.begin(), parent.end(), 0);
  for (uint32_t b = 0; b < program.buffers.size(); ++b)
    if (!lifetimes[b].first.empty() && program.buffers[b].bytes() > 0)
      byOffset.push_back(b);
  std::sort(byOffset.begin(), byOffset.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(program.buffers[a].offset, a) < std::pair(program.buffers[b].offset, b);
  });
  auto root = [&](uint32_t b) {
    while (parent[b] != b)
      b = parent[b] = parent[parent[b]];
    return b;
  };
  std::vector<uint32_t> open; // buffers that reach beyond the current offset
  for (uint32_t b : byOffset) {
    uint64_t offset = program.buffers[b].offset;
    open.erase(
        std::remove_if(open.begin(), open.end(),
                       [&](uint32_t a) { return program.buffers[a].offset + program.buffers[a].bytes() <= offset; }),
        open.end());
    for (uint32_t a : open)
      if (!lifetimes[a].endsBefore(lifetimes[b]) && !lifetimes[b].endsBefore(lifetimes[a]))
        parent[std::max(root(a), root(b))] = std::min(root(a), root(b));
    open.push_back(b);
  }
  std::vector<std::vector<uint32_t>> groups, members(program.buffers.size());
  for (uint32_t b : byOffset)
    members[root(b)].push_back(b);
  for (std::vector<uint32_t> &group : members)
    if (!group.empty()) {
      std::sort(group.begin(), group.end());
      groups.push_back(std::move(group));
    }
  return groups;
}

void forEachSpace(const TaskGraph &graph, const std::vector<uint32_t> &tasks, const HappensBefore &order,
                  Report &report, const std::function<void(const AccessSpace &)> &visit) {
  Builder builder(graph, report);
  builder.declare(order);
  builder.fill(tasks);
  if (builder.complete())
    for (const AccessSpace &space : builder.spaces)
      visit(space);
}

} // namespace ingot::program
