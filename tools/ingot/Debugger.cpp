#include "Debugger.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace ingot::tool {

using interpreter::HostTensor;
using interpreter::HostTensors;
using runtime::Artifact;
using runtime::ManifestTensor;
using runtime::Session;

namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

/// The lines about one tensor that diverges.
std::string describe(const Comparison &result, const std::vector<int64_t> &shape) {
  return "  first:    " + indexText(result.index, shape) + ": got " + number(result.got) + ", want " +
         number(result.want) + ", allowed error " + number(result.allowed) +
         "\n  largest:  " + indexText(result.largestAt, shape) + ": error " + number(result.largest) + "; " +
         std::to_string(result.diverging) + " of " + counted(result.count, "value") + " diverge" +
         (result.diverging == 1 ? "s" : "") + "\n";
}

std::string describe(const Divergence &divergence, size_t numLaunches) {
  const interpreter::HostLaunch &launch = divergence.launch;
  std::string text = "launch " + std::to_string(divergence.number + 1) + " of " + std::to_string(numLaunches) + ", @" +
                     launch.symbol + ", diverges from the interpreter\n",
              ops;
  if (!launch.node.empty())
    text += "  node:     '" + launch.node + "'\n";
  if (!launch.file.empty())
    text += "  source:   " + launch.file + "\n";
  for (const std::string &op : launch.ops)
    ops += (ops.empty() ? "" : ", ") + op;
  const program::Buffer &buffer = divergence.buffer;
  text += "  computes: " + (ops.empty() ? std::string("a copy") : ops) + "\n  buffer:   @" + buffer.symbol + " " +
          runtime::typeText(buffer.dtype, buffer.shape) + ", " + program::toString(buffer.kind) + "\n";
  return text + describe(divergence.comparison, buffer.shape);
}

/// Names come from the artifact.
void say(const std::string &text) { print(printable(text)); }

/// Why bits may depend on who runs a task and when.
constexpr const char *kOrder = ": it is a bug of the schedule, or a launch touches more than it declares";

/// What outputs are compared with, and where it can be read.
constexpr const char *kPlanned = "the tensor program that was planned (1-model.mlir of --save-temps)";

} // namespace

Status Debugger::open(std::shared_ptr<Artifact> artifact) {
  auto made = runtime::CpuTarget::create(options.target, options.workers,
                                         options.affinity.empty() ? nullptr : options.affinity.c_str());
  if (!made)
    return made.status();
  target = *made;
  for (std::unique_ptr<Session> *each : {&session, &usual}) {
    Result<std::unique_ptr<Session>> created = Session::create(artifact, target, {});
    if (!created)
      return created.status();
    *each = std::move(*created);
    if (!options.params.empty())
      INGOT_RETURN_IF_ERROR((*each)->loadParams(options.params));
  }
  return Status::success();
}

Result<bool> Debugger::run(std::shared_ptr<Artifact> artifact, DebugModel *model) {
  INGOT_RETURN_IF_ERROR(open(artifact));
  std::vector<DebugStep> steps;
  if (options.inputs.empty()) {
    Result<std::vector<DebugStep>> planned = planSteps(*session, options.entry, options.steps, options.seed);
    if (!planned)
      return planned.status();
    steps = std::move(*planned);
  } else {
    auto entry = chooseEntry(artifact->manifest(), options.entry);
    if (!entry)
      return entry.status();
    auto inputs = readInputs(options, **entry);
    if (!inputs)
      return inputs.status();
    steps.push_back({(*entry)->name, (*entry)->name, std::move(*inputs)});
  }
  for (const DebugStep &step : steps) {
    Result<bool> agrees = runStep(step, model);
    progress.erase();
    if (!agrees || !*agrees)
      return agrees;
  }
  return options.reference.empty() ? Result<bool>(true) : agreesWithReference(*session->findEntry(steps.back().entry));
}

Result<bool> Debugger::runStep(const DebugStep &step, DebugModel *model) {
  Session::Entry &entry = *session->findEntry(step.entry), &whole = *usual->findEntry(step.entry);
  for (Session::Entry *each : {&entry, &whole})
    for (size_t i = 0; i < each->inputs.size(); ++i) {
      const std::string &bytes = step.inputs.at(each->manifest().inputs[i].name).data;
      std::memcpy(each->inputs[i], bytes.data(), bytes.size());
    }
  INGOT_RETURN_IF_ERROR(usual->runStep(whole)); // checks the inputs, too
  Result<bool> agrees = runLaunches(step.name, entry);
  if (!agrees || !*agrees)
    return agrees;
  if (!equalsWholeStep(step.name, entry, whole))
    return false;
  return model ? agreesWithModel(step.name, entry, *model) : Result<bool>(true);
}

Result<bool> Debugger::runLaunches(const std::string &what, Session::Entry &entry) {
  std::unique_ptr<Lockstep> &lockstep = locksteps[entry.manifest().name];
  if (!lockstep) {
    auto made = Lockstep::create(*session, entry);
    if (!made)
      return made.status();
    lockstep = std::move(*made);
  }
  Result<std::optional<Divergence>> found = lockstep->run(what, progress);
  progress.erase();
  if (!found)
    return found.status();
  if (*found) {
    say(what + ": " + describe(**found, lockstep->numLaunches()));
    return false;
  }
  say(what + ": " + std::to_string(lockstep->numLaunches()) +
      (lockstep->numLaunches() == 1 ? " launch agrees with" : " launches agree with") +
      " the interpreter; the largest error is " + std::to_string(std::lround(100 * lockstep->worst())) +
      "% of what is allowed" + (lockstep->worst() > 0 ? ", in @" + lockstep->worstLaunch() : "") + "\n");
  return true;
}

/// The name of a state that the two runs left with different bits.
static std::optional<std::string> stateThatDiffers(const Session::Entry &entry, const Session::Entry &whole) {
  const std::vector<program::Buffer> &buffers = entry.prepared->program->buffers;
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].kind == program::BufferKind::State &&
        std::memcmp(entry.buffers[i], whole.buffers[i], buffers[i].bytes()) != 0)
      return buffers[i].name;
  return std::nullopt;
}

/// The same bits, whoever runs the tasks in which legal order.
bool Debugger::equalsWholeStep(const std::string &what, const Session::Entry &entry,
                               const Session::Entry &whole) const {
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    const ManifestTensor &tensor = entry.manifest().outputs[i];
    uint64_t bytes = *runtime::checkedBytes(tensor.dtype, tensor.shape), size = program::byteSize(tensor.dtype);
    if (std::memcmp(entry.outputs[i], whole.outputs[i], bytes) == 0)
      continue;
    uint64_t at = 0;
    while (std::memcmp(entry.outputs[i] + at * size, whole.outputs[i] + at * size, size) == 0)
      ++at;
    say(what + ": output '" + tensor.name + "' differs between the launches one by one and " +
        counted(usual->workers(), "worker") + kOrder + "\n  first:    " + indexText(at, tensor.shape) +
        ": one by one " + number(elementAt(tensor.dtype, entry.outputs[i], at)) + ", together " +
        number(elementAt(tensor.dtype, whole.outputs[i], at)) + "\n");
    return false;
  }
  std::optional<std::string> state = stateThatDiffers(entry, whole);
  if (state)
    say(what + ": state '" + *state + "' differs between the launches one by one and " +
        counted(usual->workers(), "worker") + kOrder + "\n");
  return !state;
}

Result<bool> Debugger::agreesWithModel(const std::string &what, const Session::Entry &entry, DebugModel &model) {
  progress.show(what + ", interpreting the model");
  HostTensors inputs;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const ManifestTensor &tensor = entry.manifest().inputs[i];
    auto *begin = reinterpret_cast<const char *>(entry.inputs[i]);
    inputs[tensor.name] = {runtime::dtypeName(tensor.dtype),
                           tensor.shape,
                           {begin, begin + *runtime::checkedBytes(tensor.dtype, tensor.shape)}};
  }
  std::string error;
  std::optional<HostTensors> exact = model.exact->run(entry.manifest().name, inputs, error), typed;
  if (exact)
    typed = model.typed->run(entry.manifest().name, inputs, error);
  progress.erase();
  if (!typed)
    return Status::corrupt("the model cannot be interpreted: " + error.substr(0, error.find_last_not_of('\n') + 1));
  bool low = false;
  for (const program::Buffer &buffer : entry.prepared->program->buffers)
    low |= buffer.dtype == program::DType::bf16 || buffer.dtype == program::DType::f16;
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    const ManifestTensor &tensor = entry.manifest().outputs[i];
    // Which logit is the largest may depend on their errors; launches have shown that it is taken.
    if (tensor.role == runtime::kRoleNext)
      continue;
    std::span<const std::byte> got(entry.outputs[i], *runtime::checkedBytes(tensor.dtype, tensor.shape));
    const HostTensor &want = (low ? *typed : *exact).at(tensor.name);
    Comparison result = compareWith(want, largestDifference(want, typed->at(tensor.name)), tensor.dtype, got, low);
    if (result.diverging) {
      say(what + ": output '" + tensor.name + "' diverges from " + kPlanned +
          ": its launches compute what they say, but not what that says\n" + describe(result, tensor.shape));
      return false;
    }
  }
  say(what + ": outputs agree with " + kPlanned + "\n");
  return true;
}

Result<bool> Debugger::agreesWithReference(const Session::Entry &entry) const {
  auto arrays = readNpz(options.reference);
  if (!arrays)
    return arrays.status();
  if (arrays->empty())
    return Status::invalidArgument("'" + options.reference + "' has no arrays to compare with");
  for (const auto &[name, array] : *arrays) {
    const auto &outputs = entry.manifest().outputs;
    auto it = std::find_if(outputs.begin(), outputs.end(), [&](auto &output) { return output.name == name; });
    if (it == outputs.end())
      return Status::invalidArgument("'" + options.reference + "': entry '" + entry.manifest().name +
                                     "' has no output '" + name + "'");
    if (it->dtype != array.dtype || it->shape != array.shape)
      return Status::invalidArgument("'" + options.reference + "': '" + name + "' expects " +
                                     runtime::typeText(it->dtype, it->shape) + ", but got " +
                                     runtime::typeText(array.dtype, array.shape));
    HostTensor want = {runtime::dtypeName(array.dtype), array.shape, {array.data.begin(), array.data.end()}};
    std::span<const std::byte> got(entry.outputs[static_cast<size_t>(it - outputs.begin())], array.data.size());
    bool low = array.dtype == program::DType::bf16 || array.dtype == program::DType::f16;
    Comparison result = compareWith(want, 0, array.dtype, got, low);
    if (result.diverging) {
      say("output '" + name + "' diverges from '" + options.reference + "'\n" + describe(result, it->shape));
      return false;
    }
  }
  say("outputs agree with '" + options.reference + "'\n");
  return true;
}

} // namespace ingot::tool
