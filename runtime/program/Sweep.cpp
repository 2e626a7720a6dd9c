#include "runtime/program/Sweep.h"

#include <algorithm>
#include <cassert>

namespace ingot::program {

void AccessSpace::add(Entry entry, const std::vector<int64_t> &low, const std::vector<int64_t> &high) {
  assert(low.size() == rank() && high.size() == rank());
  entries.push_back(entry);
  boxes.insert(boxes.end(), low.begin(), low.end());
  boxes.insert(boxes.end(), high.begin(), high.end());
}

namespace {

constexpr uint32_t kNone = ~uint32_t(0);

class Sweeper {
public:
  Sweeper(const AccessSpace &space, const HappensBefore &order, const TaskGraph &graph, Report &report)
      : space(space), order(order), graph(graph), report(report), low(space.rank(), 0), high(space.extent) {}

  void run() {
    std::vector<uint32_t> all(space.entries.size());
    for (uint32_t i = 0; i < all.size(); ++i)
      all[i] = i << 1 | covers(i);
    cut(all);
  }

private:
  // A piece's list holds entry << 1 | whether the entry covers the whole piece, in order.
  using List = std::vector<uint32_t>;

  bool covers(uint32_t entry) const {
    const int64_t *l = space.low(entry), *h = space.high(entry);
    for (size_t d = 0; d < low.size(); ++d)
      if (l[d] > low[d] || h[d] < high[d])
        return false;
    return true;
  }
  bool touches(uint32_t entry) const {
    const int64_t *l = space.low(entry), *h = space.high(entry);
    for (size_t d = 0; d < low.size(); ++d)
      if (l[d] >= high[d] || h[d] <= low[d])
        return false;
    return true;
  }

  /// Checks the piece [low, high) with the accesses that touch it.
  void cut(const List &list) {
    if (report.full())
      return;
    bool anyPart = false, anyWrite = false;
    for (uint32_t item : list) {
      anyPart |= !(item & 1);
      anyWrite |= space.entries[item >> 1].kind != AccessKind::Read;
    }
    // Reads alone conflict with nothing, whatever their shape.
    if (!anyPart || (!anyWrite && (list.empty() || space.whole.definedAtStart)))
      return walk(list);
    auto [dimension, position] = chooseCut(list);
    int64_t saved = high[dimension];
    high[dimension] = position;
    descend(list);
    high[dimension] = saved;
    std::swap(low[dimension], position);
    descend(list);
    low[dimension] = position;
  }

  void descend(const List &parent) {
    List list;
    list.reserve(parent.size());
    for (uint32_t item : parent)
      if ((item & 1) || touches(item >> 1))
        list.push_back((item & ~uint32_t(1)) | ((item & 1) || covers(item >> 1)));
    cut(list);
  }

  /// A box boundary strictly inside the piece. There is one: some entry touches the piece and does not cover it.
  std::pair<size_t, int64_t> chooseCut(const List &list) {
    size_t best = 0;
    std::vector<int64_t> chosen;
    for (size_t d = 0; d < low.size(); ++d) {
      bounds.clear();
      for (uint32_t item : list) {
        if (item & 1)
          continue;
        if (int64_t at = space.low(item >> 1)[d]; at > low[d] && at < high[d])
          bounds.push_back(at);
        if (int64_t at = space.high(item >> 1)[d]; at > low[d] && at < high[d])
          bounds.push_back(at);
      }
      if (bounds.size() > chosen.size()) {
        best = d;
        chosen.swap(bounds);
      }
    }
    assert(!chosen.empty() && "a piece that is covered in part has a boundary inside");
    auto median = chosen.begin() + std::ptrdiff_t(chosen.size() / 2);
    std::nth_element(chosen.begin(), median, chosen.end());
    return {best, *median};
  }

  /// Walks the accesses of a piece that all of them cover.
  void walk(const List &list) {
    constexpr uint32_t undefined = kNone;
    uint32_t owner = space.whole.definedAtStart ? space.whole.buffer : undefined; // whose data the piece holds
    uint32_t writer = kNone;
    readers.clear();
    for (uint32_t item : list) {
      const AccessSpace::Entry &entry = space.entries[item >> 1];
      if (writer != kNone && writer != entry.task && !order.before(writer, entry.task))
        race(entry.task, entry.kind, writer, AccessKind::MustWrite, entry.buffer);
      if (entry.kind == AccessKind::Read) {
        if (owner != entry.buffer)
          undefinedRead(entry, writer);
        // Of two readers in one queue the later one stands for both.
        if (!readers.empty() && graph.queueOf(readers.back()) == graph.queueOf(entry.task))
          readers.back() = entry.task;
        else
          readers.push_back(entry.task);
        continue;
      }
      for (uint32_t reader : readers)
        if (reader != entry.task && !order.before(reader, entry.task))
          race(entry.task, entry.kind, reader, AccessKind::Read, entry.buffer);
      readers.clear();
      writer = entry.task;
      if (entry.kind == AccessKind::MustWrite)
        owner = entry.buffer;
      else if (owner != entry.buffer)
        owner = undefined;
    }
    if (space.whole.definedAtEnd && owner == undefined)
      unwrittenOutput();
  }

  std::string place(uint32_t buffer) const {
    std::string text = "@" + graph.program().buffers[buffer].symbol;
    if (space.inBytes)
      return text + " (arena byte " + std::to_string(low[0]) + ")";
    for (size_t d = 0; d < low.size(); ++d)
      text += (d ? ", " : "[") + std::to_string(low[d]);
    return low.empty() ? text : text + "]";
  }

  std::string worker(uint32_t task) const {
    return graph.nameOf(task) + " (queue " + std::to_string(graph.queueOf(task)) + ")";
  }

  void race(uint32_t task, AccessKind kind, uint32_t other, AccessKind otherKind, uint32_t buffer) {
    if (!report.isNew(Rule::Race, buffer, graph.refOf(task).launch, graph.refOf(other).launch))
      return;
    auto verb = [](AccessKind k) { return k == AccessKind::Read ? "read" : "write"; };
    report.add(Rule::Race, "race on " + place(buffer) + ": expects the " + verb(otherKind) + " by " + worker(other) +
                               " and the " + verb(kind) + " by " + worker(task) +
                               " to be ordered, but got no event or queue that orders them");
  }

  void undefinedRead(const AccessSpace::Entry &entry, uint32_t writer) {
    if (!report.isNew(Rule::UndefinedRead, entry.buffer, graph.refOf(entry.task).launch, 0))
      return;
    report.add(Rule::UndefinedRead, worker(entry.task) + " reads " + place(entry.buffer) +
                                        ": expects a task before it that certainly writes it, but got " +
                                        (writer == kNone ? std::string("none")
                                                         : "the last write from " + worker(writer) +
                                                               ", a may-write or one of another buffer"));
  }

  void unwrittenOutput() {
    if (report.isNew(Rule::OutputWritten, space.whole.buffer, 0, 0))
      report.add(Rule::OutputWritten,
                 "output " + place(space.whole.buffer) + " expects a task that certainly writes it, but got none");
  }

  const AccessSpace &space;
  const HappensBefore &order;
  const TaskGraph &graph;
  Report &report;
  std::vector<int64_t> low, high; // the current piece
  std::vector<uint32_t> readers;  // reused by walk
  std::vector<int64_t> bounds;    // reused by chooseCut
};

} // namespace

void sweep(const AccessSpace &space, const HappensBefore &order, const TaskGraph &graph, Report &report) {
  for (int64_t extent : space.extent)
    if (extent == 0)
      return;
  Sweeper(space, order, graph, report).run();
}

} // namespace ingot::program
