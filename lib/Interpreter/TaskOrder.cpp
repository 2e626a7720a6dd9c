#include "lib/Interpreter/TaskOrder.h"

#include "lib/Interpreter/Models/Slices.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

SmallVector<int64_t> ingot::interpreter::indicesOf(TaskRef task) {
  ArrayRef<int64_t> grid = task.launch.getGrid();
  SmallVector<int64_t> indices(grid.size());
  int64_t position = task.position;
  for (size_t dim = grid.size(); dim-- > 0; position /= grid[dim])
    indices[dim] = position % grid[dim];
  return indices;
}

std::string ingot::interpreter::nameOf(TaskRef task) {
  std::string name = "@" + task.launch.getSymName().str() + "[";
  for (auto [dim, index] : llvm::enumerate(indicesOf(task)))
    name += (dim ? ", " : "") + std::to_string(index);
  return name + "]";
}

LogicalResult TaskOrder::prepare() {
  for (auto event : program.getOps<task::EventOp>())
    events[event.getSymName()] = {event, std::vector<int64_t>(event.getCount(), 0)};
  for (auto launch : program.getOps<task::LaunchOp>())
    remaining += launch.getNumTasks();
  auto schedules = program.getOps<task::ScheduleOp>();
  if (!schedules.empty())
    return readSchedule(*schedules.begin());
  readProgramOrder();
  return success();
}

void TaskOrder::readProgramOrder() {
  queues.emplace_back();
  for (auto launch : program.getOps<task::LaunchOp>()) {
    std::vector<int64_t> tasks(launch.getNumTasks());
    for (auto [i, task] : llvm::enumerate(tasks))
      task = static_cast<int64_t>(i);
    queues.back().push_back({launch, std::move(tasks), /*ordered=*/false});
  }
  std::reverse(queues.back().begin(), queues.back().end());
}

LogicalResult TaskOrder::readSchedule(task::ScheduleOp schedule) {
  llvm::StringMap<task::LaunchOp> launches;
  llvm::StringMap<std::vector<bool>> seen;
  for (auto launch : program.getOps<task::LaunchOp>()) {
    launches[launch.getSymName()] = launch;
    seen[launch.getSymName()].resize(launch.getNumTasks());
  }
  for (auto ranges : schedule.getQueues().getAsRange<ArrayAttr>()) {
    queues.emplace_back();
    for (auto range : ranges.getAsRange<task::RangeAttr>()) {
      Group group{launches[range.getLaunch().getValue()], {}, /*ordered=*/true};
      for (int64_t task = range.getEnd(); task-- > range.getBegin();) {
        auto mark = seen[range.getLaunch().getValue()][task];
        if (mark)
          return emitError(schedule.getLoc()) << "holds task " << nameOf({group.launch, task}) << " twice";
        mark = true;
        group.tasks.push_back(task);
      }
      queues.back().push_back(std::move(group));
    }
    std::reverse(queues.back().begin(), queues.back().end());
  }
  for (auto launch : program.getOps<task::LaunchOp>())
    for (auto [task, mark] : llvm::enumerate(seen[launch.getSymName()]))
      if (!mark)
        return emitError(schedule.getLoc()) << "lacks task " << nameOf({launch, static_cast<int64_t>(task)});
  return success();
}

int64_t *TaskOrder::counterOf(TaskRef task, task::EventRefAttr ref) {
  Counters &counters = events.find(ref.getEvent().getValue())->second;
  int64_t index = 0;
  if (ref.getIndex().getNumResults() == 1) {
    auto values = evaluate(ref.getIndex(), indicesOf(task));
    index = values ? values->front() : -1;
  }
  if (index >= 0 && index < static_cast<int64_t>(counters.arrived.size()))
    return &counters.arrived[index];
  task.launch.emitOpError() << "names counter " << index << " of " << ref.getEvent() << " in task " << nameOf(task)
                            << ", which has " << counters.arrived.size();
  return nullptr;
}

int64_t TaskOrder::signalsOf(task::EventRefAttr ref) const {
  task::EventOp event = events.find(ref.getEvent().getValue())->second.op;
  return static_cast<int64_t>(event.getSignals());
}

FailureOr<std::optional<task::EventRefAttr>> TaskOrder::missingSignal(TaskRef task) {
  for (auto ref : task.launch.getWaits().getAsRange<task::EventRefAttr>()) {
    int64_t *counter = counterOf(task, ref);
    if (!counter)
      return failure();
    if (*counter < signalsOf(ref))
      return std::optional(ref);
  }
  return std::optional<task::EventRefAttr>();
}

FailureOr<int64_t> TaskOrder::readyTask(Group &group) {
  auto count = static_cast<int64_t>(group.tasks.size());
  int64_t tries = group.ordered ? 1 : count;
  int64_t first = group.ordered ? count - 1 : static_cast<int64_t>(random.below(count));
  for (int64_t i = 0; i < tries; ++i) {
    int64_t position = (first + i) % count;
    auto missing = missingSignal({group.launch, group.tasks[position]});
    if (failed(missing))
      return failure();
    if (!*missing)
      return position;
  }
  return -1;
}

FailureOr<TaskRef> TaskOrder::next() {
  std::vector<std::pair<size_t, int64_t>> ready;
  for (auto [number, queue] : llvm::enumerate(queues)) {
    if (queue.empty())
      continue;
    auto position = readyTask(queue.back());
    if (failed(position))
      return failure();
    if (*position >= 0)
      ready.emplace_back(number, *position);
  }
  if (ready.empty())
    return reportDeadlock();
  auto [number, position] = ready[random.below(ready.size())];
  std::vector<Group> &queue = queues[number];
  Group &group = queue.back();
  TaskRef task{group.launch, group.tasks[position]};
  group.tasks.erase(group.tasks.begin() + position);
  if (group.tasks.empty())
    queue.pop_back();
  --remaining;
  return task;
}

LogicalResult TaskOrder::reportDeadlock() {
  InFlightDiagnostic diag = emitError(program.getLoc()) << "deadlock in @" << program.getSymName() << ": " << remaining
                                                        << " tasks are left and none can run";
  for (auto [number, queue] : llvm::enumerate(queues)) {
    if (queue.empty())
      continue;
    TaskRef task{queue.back().launch, queue.back().tasks.back()};
    auto missing = missingSignal(task);
    if (failed(missing) || !*missing)
      continue;
    diag.attachNote(task.launch.getLoc())
        << "worker " << number << ": " << nameOf(task) << " waits for " << (*missing)->getEvent() << ", which has "
        << *counterOf(task, **missing) << " of " << signalsOf(**missing) << " signals";
  }
  return failure();
}

LogicalResult TaskOrder::complete(TaskRef task) {
  for (auto ref : task.launch.getSignals().getAsRange<task::EventRefAttr>()) {
    int64_t *counter = counterOf(task, ref);
    if (!counter)
      return failure();
    int64_t signals = signalsOf(ref);
    if (++*counter > signals)
      return task.launch.emitOpError() << "signals " << ref.getEvent() << " from task " << nameOf(task)
                                       << ", which has all its " << signals << " signals already";
  }
  return success();
}
