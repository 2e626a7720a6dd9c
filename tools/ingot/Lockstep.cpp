#include "Lockstep.h"

#include "runtime/formats/DTypes.h"
#include "runtime/program/Serialize.h"
#include "runtime/program/SplitMix64.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ingot::tool {

using interpreter::HostInterpreter;
using interpreter::HostLaunch;
using interpreter::HostTensor;
using interpreter::HostTensors;
using program::Buffer;
using program::DType;
using runtime::Session;

namespace {

std::string trimmed(std::string messages) {
  while (!messages.empty() && messages.back() == '\n')
    messages.pop_back();
  return messages;
}

/// Index of a buffer of the program, which has it.
size_t bufferIndex(const program::Program &program, const std::string &symbol) {
  auto it = std::find_if(program.buffers.begin(), program.buffers.end(),
                         [&](const Buffer &buffer) { return buffer.symbol == symbol; });
  return static_cast<size_t>(it - program.buffers.begin());
}

/// Whether a program in text, which names its bodies in its own way, is `compiled`.
bool isEqual(program::Program text, const program::Program &compiled) {
  if (text.bodies.size() != compiled.bodies.size())
    return false;
  for (size_t i = 0; i < text.bodies.size(); ++i)
    text.bodies[i].symbol = compiled.bodies[i].symbol;
  return program::serialize(text) == program::serialize(compiled);
}

/// Computations on moved memory that show what rounding does to a launch.
constexpr size_t kSamples = 8;

/// Moves about half of the float32 values to one of the two next to them. Zeros stay: that they are exact has reasons.
void moveByOneUnit(HostTensors &memory, program::SplitMix64 &random) {
  for (auto &[symbol, tensor] : memory) {
    if (tensor.dtype != "f32")
      continue;
    for (size_t at = 0; at < tensor.bytes.size(); at += sizeof(float)) {
      float value;
      std::memcpy(&value, &tensor.bytes[at], sizeof(value));
      uint64_t draw = random.below(4);
      if (value == 0 || !std::isfinite(value) || draw > 1)
        continue;
      value = std::nextafter(value, draw == 0 ? 0.0f : std::copysign(HUGE_VALF, value));
      if (std::isfinite(value))
        std::memcpy(&tensor.bytes[at], &value, sizeof(value));
    }
  }
}

} // namespace

Result<std::unique_ptr<HostInterpreter>> interpretText(std::string_view text, const std::string &name,
                                                       interpreter::HostOptions options) {
  std::string error;
  std::unique_ptr<HostInterpreter> made = HostInterpreter::create(std::string(text), name, std::move(options), error);
  if (!made)
    return Status::corrupt(trimmed(error));
  return made;
}

Result<std::unique_ptr<Lockstep>> Lockstep::create(Session &session, Session::Entry &entry) {
  const program::Program &program = *entry.prepared->program;
  std::string member = "program/" + program.name + "." + program.target + ".mlir";
  std::replace(member.begin(), member.end(), ':', '-');
  const runtime::ZipReader::Member *text = session.artifact().archive().find(member);
  if (!text)
    return Status::corrupt("the artifact has no member '" + member + "'");
  // As stored: queues of another number of workers are made when a session begins.
  auto stored = session.artifact().readProgram(entry.manifest(), program.target.substr(program.target.find(':') + 1));
  if (!stored)
    return stored.status();
  std::unique_ptr<Lockstep> lockstep(new Lockstep(entry));
  for (bool typed : {false, true}) {
    interpreter::HostOptions options;
    options.typed = typed;
    auto made = interpretText({reinterpret_cast<const char *>(text->data.data()), text->data.size()}, member, options);
    if (!made)
      return made.status();
    (typed ? lockstep->typed : lockstep->exact) = std::move(*made);
  }
  std::string error;
  std::optional<program::Program> said = lockstep->exact->program(program.name, error);
  if (!said)
    return Status::corrupt("'" + member + "': " + trimmed(error));
  if (!isEqual(std::move(*said), *stored))
    return Status::corrupt("'" + member + "' is not the program that runs");
  lockstep->launches = lockstep->exact->launches(program.name);
  return lockstep;
}

HostTensors Lockstep::memoryOf(const HostLaunch &launch) const {
  HostTensors memory;
  for (const std::string &symbol : launch.buffers) {
    size_t index = bufferIndex(*entry.prepared->program, symbol);
    const Buffer &buffer = entry.prepared->program->buffers[index];
    auto *begin = reinterpret_cast<const char *>(entry.buffers[index]);
    memory[symbol] = {runtime::dtypeName(buffer.dtype), buffer.shape, {begin, begin + buffer.bytes()}};
  }
  return memory;
}

Result<HostTensors> Lockstep::interpret(HostInterpreter &interpreter, size_t launch, const HostTensors &memory) const {
  std::string error;
  std::optional<HostTensors> want = interpreter.runLaunch(entry.prepared->program->name, launch, memory, error);
  if (!want)
    return Status::corrupt("launch @" + launches[launch].symbol + " cannot be interpreted: " + trimmed(error));
  return std::move(*want);
}

Result<double> Lockstep::sampleRounding(size_t launch, const HostTensors &memory, const std::string &symbol,
                                        const HostTensor &want) const {
  program::SplitMix64 random(launch);
  double largest = 0;
  for (size_t i = 0; i < kSamples; ++i) {
    HostTensors moved = memory;
    moveByOneUnit(moved, random);
    Result<HostTensors> sample = interpret(*typed, launch, moved);
    if (!sample)
      return sample.status();
    largest = std::max(largest, largestDifference(want, sample->at(symbol)));
  }
  return largest;
}

Result<std::optional<Divergence>> Lockstep::run(const std::string &what, Progress &progress) {
  const program::Program &program = *entry.prepared->program;
  worstPart = 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    const HostLaunch &launch = launches[i];
    progress.show(what + ", launch " + std::to_string(i + 1) + " of " + std::to_string(launches.size()));
    HostTensors memory = memoryOf(launch);
    entry.step->runLaunch(i);
    Result<HostTensors> want = interpret(*exact, i, memory), peer = interpret(*typed, i, memory);
    if (!want || !peer)
      return want ? peer.status() : want.status();
    bool low = false;
    for (const auto &[symbol, tensor] : memory)
      low |= tensor.dtype == "bf16" || tensor.dtype == "f16";
    for (const auto &[symbol, tensor] : *want) {
      size_t index = bufferIndex(program, symbol);
      const Buffer &buffer = program.buffers[index];
      std::span<const std::byte> got(entry.buffers[index], buffer.bytes());
      double rounding = largestDifference(tensor, peer->at(symbol));
      Comparison result = compareWith(tensor, rounding, buffer.dtype, got, low);
      if (result.diverging) {
        Result<double> sampled = sampleRounding(i, memory, symbol, tensor);
        if (!sampled)
          return sampled.status();
        result = compareWith(tensor, std::max(rounding, *sampled), buffer.dtype, got, low);
      }
      if (result.diverging)
        return std::optional<Divergence>({i, launch, buffer, result});
      if (result.largest > worstPart * result.allowed) {
        worstPart = result.largest / result.allowed;
        worstSymbol = launch.symbol;
      }
    }
  }
  return std::optional<Divergence>();
}

} // namespace ingot::tool
