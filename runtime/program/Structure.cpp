#include "runtime/program/Structure.h"

#include <algorithm>
#include <set>
#include <utility>

namespace ingot::program {

using runtime::Status;

namespace {

std::string str(uint64_t value) { return std::to_string(value); }
std::string str(int64_t value) { return std::to_string(value); }

Status checkName(const std::string &what, const std::string &name, bool mayBeEmpty) {
  if (name.empty() && !mayBeEmpty)
    return Status::corrupt(what + " expects a name, but got an empty one");
  if (name.size() > kMaxNameLength)
    return Status::corrupt(what + " expects a name of at most " + str(kMaxNameLength) + " bytes, but got " +
                           str(name.size()));
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return Status::corrupt(what + " expects a printable name, but got one with a control character");
  return Status::success();
}

template <typename Things> Status checkSymbols(const char *what, const Things &things) {
  std::set<std::string> seen;
  for (const auto &thing : things) {
    INGOT_RETURN_IF_ERROR(checkName(what, thing.symbol, false));
    if (!seen.insert(thing.symbol).second)
      return Status::corrupt(std::string(what) + " symbols expect to be unique, but @" + thing.symbol +
                             " occurs twice");
  }
  return Status::success();
}

Status checkBuffer(const Program &program, const Buffer &buffer) {
  std::string what = "buffer @" + buffer.symbol;
  if (buffer.kind > BufferKind::Scratch)
    return Status::corrupt(what + " has an unknown kind " + str(uint64_t(buffer.kind)));
  INGOT_RETURN_IF_ERROR(checkName(what, buffer.name, buffer.kind == BufferKind::Scratch));
  if (buffer.dtype > DType::f64)
    return Status::corrupt(what + " has an unknown dtype " + str(uint64_t(buffer.dtype)));
  if (buffer.shape.size() > kMaxRank)
    return Status::corrupt(what + " expects rank <= " + str(kMaxRank) + ", but got " + str(buffer.shape.size()));
  unsigned __int128 bytes = byteSize(buffer.dtype);
  // Zero extents are checked last: they must not hide an absurd extent beside them.
  for (int64_t extent : buffer.shape) {
    if (extent < 0)
      return Status::corrupt(what + " expects extents >= 0, but got " + str(extent));
    bytes *= static_cast<uint64_t>(std::max<int64_t>(extent, 1));
    if (bytes > kMaxBytes)
      return Status::corrupt(what + " expects at most 2^48 bytes, but got more");
  }
  if (buffer.kind != BufferKind::Scratch)
    return Status::success();
  if (buffer.offset > program.arenaBytes || buffer.bytes() > program.arenaBytes - buffer.offset)
    return Status::corrupt(what + " expects to lie inside the arena of " + str(program.arenaBytes) +
                           " bytes, but got offset " + str(buffer.offset) + " and " + str(buffer.bytes()) + " bytes");
  if (buffer.offset % byteSize(buffer.dtype) != 0)
    return Status::corrupt(what + " expects an offset that is a multiple of its element size, but got " +
                           str(buffer.offset));
  return Status::success();
}

Status checkDeclarations(const Program &program) {
  INGOT_RETURN_IF_ERROR(checkName("program", program.name, false));
  INGOT_RETURN_IF_ERROR(checkName("program target", program.target, true));
  INGOT_RETURN_IF_ERROR(checkSymbols("buffer", program.buffers));
  INGOT_RETURN_IF_ERROR(checkSymbols("event", program.events));
  INGOT_RETURN_IF_ERROR(checkSymbols("body", program.bodies));
  INGOT_RETURN_IF_ERROR(checkSymbols("launch", program.launches));
  if (program.arenaBytes > kMaxBytes)
    return Status::corrupt("program expects an arena of at most 2^48 bytes, but got " + str(program.arenaBytes));
  std::set<std::pair<BufferKind, std::string>> bound;
  for (const Buffer &buffer : program.buffers) {
    INGOT_RETURN_IF_ERROR(checkBuffer(program, buffer));
    // Two buffers that the runtime binds to the same memory would hide a conflict from the verifier.
    if ((buffer.kind == BufferKind::State || buffer.kind == BufferKind::Output) &&
        !bound.emplace(buffer.kind, buffer.name).second)
      return Status::corrupt("buffer @" + buffer.symbol + " expects to be the only one bound to " +
                             toString(buffer.kind) + " \"" + buffer.name + "\", but there is another");
  }
  uint64_t counters = 0;
  for (const Event &event : program.events) {
    counters += event.count;
    if (event.count == 0)
      return Status::corrupt("event @" + event.symbol + " expects count >= 1, but got 0");
    if (event.signals > kMaxSignals)
      return Status::corrupt("event @" + event.symbol + " expects at most 2^30 signals, but got " +
                             str(uint64_t(event.signals)));
    if (counters > kMaxCounters)
      return Status::corrupt("program expects at most 2^24 counters, but got more");
  }
  for (const Body &body : program.bodies)
    if (body.privateBytes > kMaxBytes)
      return Status::corrupt("body @" + body.symbol + " expects at most 2^48 private bytes, but got " +
                             str(body.privateBytes));
  return Status::success();
}

enum class AccessRole { reads, writes, mustWrites };

/// What the checks of one launch share.
struct LaunchChecker {
  const Program &program;
  const Launch &launch;
  std::string what;

  Status checkAffine(const std::string &where, const Affine &affine) const {
    if (affine.divisor < 1 || affine.divisor > kMaxAffine)
      return Status::corrupt(what + " " + where + " expects a divisor between 1 and 2^60, but got " +
                             str(affine.divisor));
    __int128 magnitude = affine.constant < 0 ? -__int128(affine.constant) : __int128(affine.constant);
    for (size_t d = 0; d < kMaxGridRank; ++d) {
      __int128 coefficient = affine.coefficients[d];
      if (d >= launch.grid.size() && coefficient != 0)
        return Status::corrupt(what + " " + where + " expects to use only the " + str(launch.grid.size()) +
                               " indices of the grid, but got index " + str(d));
      if (d < launch.grid.size())
        magnitude += (coefficient < 0 ? -coefficient : coefficient) * launch.grid[d];
    }
    if (magnitude > kMaxAffine)
      return Status::corrupt(what + " " + where + " expects terms of at most 2^60, but got larger ones");
    return Status::success();
  }

  Status checkEventRef(const char *kind, const EventRef &ref) const {
    if (ref.event >= program.events.size())
      return Status::corrupt(what + " " + kind + " expects one of " + str(program.events.size()) +
                             " events, but got event " + str(uint64_t(ref.event)));
    const Event &event = program.events[ref.event];
    std::string where = std::string(kind) + " @" + event.symbol;
    INGOT_RETURN_IF_ERROR(checkAffine(where, ref.index));
    AffineBounds bounds = boundsOf(ref.index, launch.grid);
    if (bounds.min < 0 || bounds.max >= int64_t(event.count))
      return Status::corrupt(what + " " + where + " expects indices in [0, " + str(uint64_t(event.count)) +
                             "), but got " + str(bounds.min) + " to " + str(bounds.max));
    return Status::success();
  }

  Status checkArgument(size_t position, const Argument &argument) const {
    std::string where = what + " argument " + str(position);
    if (argument.kind > Argument::Kind::Integer)
      return Status::corrupt(where + " has an unknown kind " + str(uint64_t(argument.kind)));
    if (argument.kind == Argument::Kind::Integer)
      return Status::success();
    if (argument.buffer >= program.buffers.size())
      return Status::corrupt(where + " expects one of " + str(program.buffers.size()) + " buffers, but got buffer " +
                             str(uint64_t(argument.buffer)));
    const Buffer &buffer = program.buffers[argument.buffer];
    if (argument.leading.size() > buffer.shape.size())
      return Status::corrupt(where + " expects at most " + str(buffer.shape.size()) + " leading indices of @" +
                             buffer.symbol + ", but got " + str(argument.leading.size()));
    for (size_t d = 0; d < argument.leading.size(); ++d)
      if (argument.leading[d] < 0 || argument.leading[d] >= buffer.shape[d])
        return Status::corrupt(where + " expects leading index " + str(d) + " of @" + buffer.symbol + " in [0, " +
                               str(buffer.shape[d]) + "), but got " + str(argument.leading[d]));
    return Status::success();
  }

  Status checkAccess(AccessRole role, const Access &access) const {
    std::string kind = role == AccessRole::reads ? "reads" : role == AccessRole::writes ? "writes" : "must-writes";
    if (access.buffer >= program.buffers.size())
      return Status::corrupt(what + " " + kind + " expects one of " + str(program.buffers.size()) +
                             " buffers, but got buffer " + str(uint64_t(access.buffer)));
    const Buffer &buffer = program.buffers[access.buffer];
    std::string where = kind + " @" + buffer.symbol;
    if (access.offset.size() != buffer.shape.size() || access.size.size() != buffer.shape.size())
      return Status::corrupt(what + " " + where + " expects a box of rank " + str(buffer.shape.size()) + ", but got " +
                             str(access.offset.size()) + " offsets and " + str(access.size.size()) + " sizes");
    if (access.stream && role != AccessRole::reads)
      return Status::corrupt(what + " " + where + " expects not to be a stream, but got one: only reads are");
    for (size_t d = 0; d < buffer.shape.size(); ++d) {
      INGOT_RETURN_IF_ERROR(checkAffine(where, access.offset[d]));
      AffineBounds bounds = boundsOf(access.offset[d], launch.grid);
      if (access.size[d] < 0 || bounds.min < 0 || access.size[d] > buffer.shape[d] ||
          bounds.max > buffer.shape[d] - access.size[d])
        return Status::corrupt(what + " " + where + " expects dimension " + str(d) + " inside [0, " +
                               str(buffer.shape[d]) + "), but got offsets " + str(bounds.min) + " to " +
                               str(bounds.max) + " and size " + str(access.size[d]));
    }
    return checkPassed(where, access, role == AccessRole::mustWrites);
  }

  /// A body reaches only what its arguments reach. May-boxes can be generous, must-boxes cannot: they are promises.
  Status checkPassed(const std::string &where, const Access &access, bool must) const {
    bool passed = false;
    for (const Argument &argument : launch.arguments) {
      if (argument.kind != Argument::Kind::Buffer || argument.buffer != access.buffer)
        continue;
      passed = true;
      bool inside = true;
      for (size_t d = 0; d < argument.leading.size(); ++d) {
        AffineBounds bounds = boundsOf(access.offset[d], launch.grid);
        inside &= bounds.min == argument.leading[d] && bounds.max == argument.leading[d] && access.size[d] <= 1;
      }
      if (inside || !must)
        return Status::success();
    }
    return Status::corrupt(what + " " + where +
                           (passed ? " expects a box inside an argument, but got one that leaves its leading indices"
                                   : " expects a buffer that is an argument, but got one that is not"));
  }

  Status check() const {
    if (launch.body >= program.bodies.size())
      return Status::corrupt(what + " expects one of " + str(program.bodies.size()) + " bodies, but got body " +
                             str(uint64_t(launch.body)));
    for (size_t i = 0; i < launch.arguments.size(); ++i)
      INGOT_RETURN_IF_ERROR(checkArgument(i, launch.arguments[i]));
    for (const EventRef &ref : launch.waits)
      INGOT_RETURN_IF_ERROR(checkEventRef("waits", ref));
    for (const EventRef &ref : launch.signals)
      INGOT_RETURN_IF_ERROR(checkEventRef("signals", ref));
    for (const Access &access : launch.reads)
      INGOT_RETURN_IF_ERROR(checkAccess(AccessRole::reads, access));
    for (const Access &access : launch.writes)
      INGOT_RETURN_IF_ERROR(checkAccess(AccessRole::writes, access));
    for (const Access &access : launch.mustWrite)
      INGOT_RETURN_IF_ERROR(checkAccess(AccessRole::mustWrites, access));
    return Status::success();
  }
};

Status checkGrids(const Program &program) {
  __int128 total = 0;
  for (const Launch &launch : program.launches) {
    std::string what = "launch @" + launch.symbol;
    if (launch.grid.empty() || launch.grid.size() > kMaxGridRank)
      return Status::corrupt(what + " expects a grid of rank 1 to " + str(kMaxGridRank) + ", but got rank " +
                             str(launch.grid.size()));
    __int128 tasks = 1;
    for (int64_t extent : launch.grid) {
      if (extent < 1 || extent > kMaxTasks)
        return Status::corrupt(what + " expects grid extents between 1 and 2^28, but got " + str(extent));
      tasks *= extent;
    }
    total += tasks;
    if (total > kMaxTasks)
      return Status::corrupt(what + " expects at most 2^28 tasks in the program, but got more");
  }
  return Status::success();
}

/// Whoever walks a program keeps an entry per counter, and a few bytes can declare millions that nothing signals.
Status checkCounters(const Program &program) {
  uint64_t signals = 0;
  for (const Launch &launch : program.launches)
    signals += static_cast<uint64_t>(launch.numTasks()) * launch.signals.size();
  if (program.numCounters() > signals + kMaxUnsignalled)
    return Status::corrupt("program expects at most 2^16 counters more than signals, but got " +
                           str(uint64_t(program.numCounters())) + " counters and " + str(signals) + " signals");
  return Status::success();
}

} // namespace

AffineBounds boundsOf(const Affine &affine, const std::vector<int64_t> &grid) {
  // floordiv by a positive number is monotone, so the extremes lie at corners of the grid.
  TaskIndex low = {0, 0, 0}, high = {0, 0, 0};
  for (size_t d = 0; d < grid.size() && d < kMaxGridRank; ++d)
    (affine.coefficients[d] >= 0 ? high : low)[d] = grid[d] - 1;
  return {affine.at(low), affine.at(high)};
}

Status checkStructure(const Program &program) {
  INGOT_RETURN_IF_ERROR(checkDeclarations(program));
  INGOT_RETURN_IF_ERROR(checkGrids(program));
  for (const Launch &launch : program.launches)
    INGOT_RETURN_IF_ERROR((LaunchChecker{program, launch, "launch @" + launch.symbol}.check()));
  return checkCounters(program);
}

Status checkSchedule(const Program &program) {
  const auto &queues = program.schedule.queues;
  if (queues.empty() || queues.size() > kMaxWorkers)
    return Status::corrupt("schedule expects 1 to " + str(kMaxWorkers) + " queues, but got " + str(queues.size()));
  std::vector<std::vector<std::pair<int64_t, int64_t>>> ranges(program.launches.size());
  for (size_t q = 0; q < queues.size(); ++q)
    for (const TaskRange &range : queues[q]) {
      std::string what = "queue " + str(q);
      if (range.launch >= program.launches.size())
        return Status::corrupt(what + " expects one of " + str(program.launches.size()) + " launches, but got launch " +
                               str(uint64_t(range.launch)));
      const Launch &launch = program.launches[range.launch];
      if (range.begin < 0 || range.begin >= range.end || range.end > launch.numTasks())
        return Status::corrupt(what + " expects a range of the " + str(launch.numTasks()) + " tasks of @" +
                               launch.symbol + ", but got [" + str(range.begin) + ", " + str(range.end) + ")");
      ranges[range.launch].emplace_back(range.begin, range.end);
    }
  for (size_t l = 0; l < ranges.size(); ++l) {
    std::sort(ranges[l].begin(), ranges[l].end());
    int64_t next = 0;
    for (auto [begin, end] : ranges[l]) {
      if (begin != next)
        return Status::corrupt("schedule expects every task in exactly one queue, but " +
                               taskName(program, {uint32_t(l), std::min(begin, next)}) +
                               (begin < next ? " is in several" : " is in none"));
      next = end;
    }
    if (next != program.launches[l].numTasks())
      return Status::corrupt("schedule expects every task in exactly one queue, but " +
                             taskName(program, {uint32_t(l), next}) + " is in none");
  }
  return Status::success();
}

} // namespace ingot::program
