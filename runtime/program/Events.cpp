#include "runtime/program/Events.h"

#include "runtime/program/Dependences.h"
#include "runtime/program/Schedule.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace ingot::program {

namespace {

/// What pairs of launches have in common that parts can order and that are alike: they choose together.
struct Kind {
  size_t consumer; // a number for the later launch's body and grid
  std::vector<Partition> partitions;
};

constexpr int kWhole = -1;

/// The search ends when it has scheduled so many tasks, about a second's worth; that of a model takes a hundredth of
/// it.
constexpr uint64_t kMaxScheduled = uint64_t(1) << 21;

/// By number of a kind: one of its partitions, or kWhole; `others` for kinds beyond the list.
struct Choice {
  int others = kWhole;
  std::vector<int> byKind;

  int of(size_t kind) const { return kind < byKind.size() ? byKind[kind] : others; }
};

/// The kinds of pairs of a program's launches.
class Pairs {
public:
  static constexpr size_t kNoKind = ~size_t(0);
  struct Pair {
    bool conflict = false;
    size_t kind = kNoKind; // number, where parts can order the pair
  };

  explicit Pairs(const Program &program) : program(program) {}

  Pair of(uint32_t earlier, uint32_t later) {
    auto [found, isNew] = known.try_emplace(uint64_t(later) << 32 | earlier);
    if (isNew)
      found->second = look(program.launches[earlier], program.launches[later]);
    return found->second;
  }
  const std::vector<Kind> &kinds() const { return all; }

private:
  Pair look(const Launch &earlier, const Launch &later) {
    if (!conflict(program, earlier, later))
      return {};
    std::vector<Partition> parts = partitions(program, earlier, later);
    if (parts.empty())
      return {true, kNoKind};
    std::vector<int64_t> consumer = {later.body};
    consumer.insert(consumer.end(), later.grid.begin(), later.grid.end());
    const size_t number = consumers.try_emplace(consumer, consumers.size()).first->second;
    std::vector<int64_t> key = {static_cast<int64_t>(number), earlier.body};
    key.insert(key.end(), earlier.grid.begin(), earlier.grid.end());
    for (size_t kind : alike[key])
      if (all[kind].partitions == parts)
        return {true, kind};
    alike[key].push_back(all.size());
    all.push_back({number, std::move(parts)});
    return {true, all.size() - 1};
  }

  const Program &program;
  std::unordered_map<uint64_t, Pair> known;
  std::map<std::vector<int64_t>, size_t> consumers;
  std::map<std::vector<int64_t>, std::vector<size_t>> alike;
  std::vector<Kind> all; // in the order in which their first pairs were asked for
};

using Launches = std::vector<bool>;

void add(Launches &to, const Launches &from) {
  for (size_t i = 0; i < to.size(); ++i)
    to[i] = to[i] || from[i];
}

/// Gives a program the events of a choice.
class EventWriter {
public:
  EventWriter(Program &program, Pairs &pairs, const Choice &choice)
      : program(program), pairs(pairs), choice(choice),
        ordered(program.launches.size(), Launches(program.launches.size())), reached(ordered) {}

  EventChoice run() {
    program.events.clear();
    for (Launch &launch : program.launches) {
      launch.waits.clear();
      launch.signals.clear();
    }
    for (uint32_t later = 0; later < program.launches.size(); ++later) {
      for (uint32_t earlier = later; earlier-- > 0;)
        order(earlier, later);
      add(reached[later], ordered[later]);
    }
    return result;
  }

private:
  void order(uint32_t earlier, uint32_t later) {
    if (ordered[later][earlier])
      return;
    const Pairs::Pair pair = pairs.of(earlier, later);
    if (!pair.conflict)
      return;
    ++result.waits;
    const int number = pair.kind == Pairs::kNoKind ? kWhole : choice.of(pair.kind);
    if (number == kWhole) {
      program.launches[later].waits.push_back({eventOf(earlier, nullptr), {}});
      ordered[later][earlier] = true;
      add(ordered[later], reached[earlier]);
      return;
    }
    ++result.waitsForParts;
    const Partition &part = pairs.kinds()[pair.kind].partitions[static_cast<size_t>(number)];
    for (const Affine &wait : part.waits)
      program.launches[later].waits.push_back({eventOf(earlier, &part), wait});
    // Each task has waited for some task of `earlier`, and so for all that come before all of those.
    add(ordered[later], ordered[earlier]);
    if (part.complete) {
      reached[later][earlier] = true;
      add(reached[later], reached[earlier]);
    }
  }

  /// The event that a launch signals, of its parts or of all its tasks.
  uint32_t eventOf(uint32_t number, const Partition *part) {
    Launch &launch = program.launches[number];
    size_t parted = 0;
    for (const EventRef &signal : launch.signals) {
      const bool whole = program.events[signal.event].count == 1;
      if (part ? !whole && signal.index.divisor == part->signal.divisor &&
                     signal.index.coefficients == part->signal.coefficients
               : whole)
        return signal.event;
      parted += !whole;
    }
    const auto event = static_cast<uint32_t>(program.events.size());
    if (part)
      program.events.push_back(
          {launch.symbol + ".parts" + (parted ? std::to_string(parted + 1) : ""), part->count, part->signals});
    else
      program.events.push_back({launch.symbol + ".done", 1, static_cast<uint32_t>(launch.numTasks())});
    launch.signals.push_back({event, part ? part->signal : Affine()});
    return event;
  }

  Program &program;
  Pairs &pairs;
  const Choice &choice;
  std::vector<Launches> ordered; // by launch: those that come before all its tasks
  std::vector<Launches> reached; // by launch: those of which each task comes before some task of it
  EventChoice result;
};

/// Looks for the choice with the shortest step.
class Search {
public:
  Search(Program &program, uint32_t workers, const CostModel &costs)
      : program(program), workers(workers), costs(costs), pairs(program) {}

  EventChoice run(Granularity granularity) {
    Choice best;
    const PlannedTime whole = time(best);
    PlannedTime chosen = whole;
    if (granularity != Granularity::Whole) {
      const PlannedTime finest = time({0, {}}); // after which all kinds are known
      const size_t count = pairs.kinds().size();
      best.byKind.assign(count, kWhole);
      Choice parts = {0, std::vector<int>(count, 0)};
      if (granularity == Granularity::Parts) {
        best = parts;
        chosen = finest;
      } else {
        // A thousandth of the step: below that the model knows nothing.
        margin = std::max<PlannedTime>(whole / 1000, 1);
        refine(best, chosen);
        if (finest + margin <= chosen) {
          best = parts;
          chosen = finest;
          for (size_t kind = 0; kind < count; ++kind)
            coarsen(best, chosen, kind);
        }
      }
    }
    EventChoice result = EventWriter(program, pairs, best).run();
    program.schedule.queues.clear();
    result.whole = whole;
    result.chosen = chosen;
    return result;
  }

private:
  PlannedTime time(const Choice &choice) {
    scheduled += static_cast<uint64_t>(program.numTasks());
    EventWriter(program, pairs, choice).run();
    program.schedule = schedule(program, workers, costs);
    PlannedTime end = 0;
    for (const PlannedTask &task : predict(program, costs))
      end = std::max(end, task.end);
    return end;
  }

  /// From coarse to fine. A launch that waits for several gains only when it waits for parts of all of them.
  void refine(Choice &choice, PlannedTime &best) {
    size_t consumers = 0;
    for (const Kind &kind : pairs.kinds())
      consumers = std::max(consumers, kind.consumer + 1);
    for (size_t consumer = 0; consumer < consumers && scheduled < kMaxScheduled; ++consumer) {
      Choice finer = choice;
      for (size_t kind = 0; kind < pairs.kinds().size(); ++kind)
        if (pairs.kinds()[kind].consumer == consumer)
          finer.byKind[kind] = 0;
      PlannedTime reached = time(finer);
      if (reached + margin > best)
        continue;
      for (size_t kind = 0; kind < pairs.kinds().size(); ++kind)
        if (pairs.kinds()[kind].consumer == consumer)
          coarsen(finer, reached, kind);
      choice = finer;
      best = reached;
    }
  }

  /// One counter, or the fewest, where that takes no longer.
  void coarsen(Choice &choice, PlannedTime &best, size_t kind) {
    const int fewest = static_cast<int>(pairs.kinds()[kind].partitions.size()) - 1;
    for (int number : {kWhole, fewest}) {
      if (scheduled >= kMaxScheduled)
        return;
      const int before = choice.byKind[kind];
      choice.byKind[kind] = number;
      const PlannedTime reached = time(choice);
      if (reached <= best) {
        best = reached;
        return;
      }
      choice.byKind[kind] = before;
    }
  }

  Program &program;
  uint32_t workers;
  CostModel costs;
  Pairs pairs;
  PlannedTime margin = 1;
  uint64_t scheduled = 0;
};

} // namespace

EventChoice chooseEvents(Program &program, uint32_t workers, const CostModel &costs, Granularity granularity) {
  return Search(program, workers, costs).run(granularity);
}

} // namespace ingot::program
