// From an entry of an artifact to a program that may run: read, fit to the number of workers, verify, bind code.
#include "runtime/session/Artifact.h"

#include "runtime/cpu/Eager.h"
#include "runtime/cpu/Isa.h"
#include "runtime/formats/DTypes.h"
#include "runtime/formats/Seal.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Serialize.h"
#include "runtime/program/Verify.h"

#include <algorithm>
#include <optional>
#include <set>

namespace ingot::runtime {

using namespace program;

namespace {

/// The type that the manifest gives to a buffer of the program; null where it knows no such thing.
struct Type {
  DType dtype;
  const std::vector<int64_t> *shape;
};

template <typename T> std::optional<Type> typeOf(const T *declared) {
  if (!declared)
    return std::nullopt;
  return Type{declared->dtype, &declared->shape};
}

const ManifestTensor *findTensor(const std::vector<ManifestTensor> &tensors, const std::string &name) {
  auto it = std::find_if(tensors.begin(), tensors.end(), [&](const ManifestTensor &t) { return t.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

} // namespace

Result<Program> Artifact::readProgram(const ManifestEntry &entry, std::string_view isa) const {
  for (const auto &[name, member] : entry.program) {
    if (name != isa)
      continue;
    std::span<const std::byte> data = zip.find(member)->data; // `load` has checked that it is there
    Result<Program> program = deserialize(reinterpret_cast<const uint8_t *>(data.data()), data.size());
    if (!program)
      return Status(program.status()).withContext("'" + member + "'");
    return program;
  }
  return Status::corrupt("entry '" + entry.name + "' has no program for " + std::string(isa));
}

Status Artifact::checkAgainstManifest(const ManifestEntry &entry, const Program &program) const {
  if (program.name != entry.name)
    return Status::corrupt("its program is called '" + program.name + "'");
  std::set<std::string> outputs;
  for (const Buffer &buffer : program.buffers) {
    std::optional<Type> declared;
    switch (buffer.kind) {
    case BufferKind::Scratch:
      continue;
    case BufferKind::Param: {
      int64_t index = paramIndex(buffer.name);
      declared = typeOf(index < 0 ? nullptr : &parsed.params[static_cast<size_t>(index)]);
      break;
    }
    case BufferKind::State:
      declared = typeOf(parsed.findState(buffer.name));
      break;
    case BufferKind::Input:
      declared = typeOf(findTensor(entry.inputs, buffer.name));
      break;
    case BufferKind::Output:
      declared = typeOf(findTensor(entry.outputs, buffer.name));
      outputs.insert(buffer.name);
      break;
    }
    std::string what = std::string(toString(buffer.kind)) + " '" + buffer.name + "'";
    if (!declared)
      return Status::corrupt("its program uses the unknown " + what);
    if (declared->dtype != buffer.dtype || *declared->shape != buffer.shape)
      return Status::corrupt("its program expects " + what + " of type " + typeText(buffer.dtype, buffer.shape) +
                             ", but the manifest says " + typeText(declared->dtype, *declared->shape));
  }
  for (const ManifestTensor &output : entry.outputs)
    if (!outputs.contains(output.name))
      return Status::corrupt("its program does not compute the output '" + output.name + "'");
  for (const ManifestMemory::Entry &planned : parsed.memory.entries)
    if (planned.name == entry.name && "cpu:" + planned.isa == program.target &&
        planned != memoryOf(entry, planned.isa, program))
      return Status::corrupt("its program takes other memory than the manifest says, for example an arena of " +
                             std::to_string(program.arenaBytes) + " and not " + std::to_string(planned.arena) +
                             " bytes");
  return Status::success();
}

Result<std::shared_ptr<const CodeLibrary>> Artifact::loadCode(const ManifestTarget &target) {
  std::shared_ptr<const CodeLibrary> &code = codes[target.isa];
  if (code)
    return code;
  const ZipReader::Member &member = *zip.find(target.member);
  // Code is trusted, but a damaged file should give a message and not a crash in the loader.
  if (!ZipReader::crcMatches(member))
    return Status::corrupt("'" + member.name + "' is damaged: its checksum does not match");
  Result<std::shared_ptr<const CodeLibrary>> loaded = CodeLibrary::load(member.data, member.name);
  if (!loaded)
    return loaded.status();
  code = *loaded;
  return code;
}

Result<std::shared_ptr<const PreparedEntry>>
Artifact::makePrepared(const ManifestEntry &entry, const PrepareOptions &options, const ManifestTarget &target) {
  Result<Program> read = readProgram(entry, target.isa);
  if (!read)
    return read.status();
  Program program = std::move(*read);
  if (program.target != "cpu:" + target.isa)
    return Status::corrupt("its program is for '" + program.target + "', but the manifest says " + target.isa);
  INGOT_RETURN_IF_ERROR(checkAgainstManifest(entry, program));
  if (options.eager)
    program = makeEager(program, options.workers);
  else if (options.costs || program.schedule.workers() != options.workers)
    program.schedule = schedule(program, options.workers, options.costs.value_or(parsed.costs()));
  INGOT_RETURN_IF_ERROR(verify(program).status());
  // The bodies were compiled for just this program; with other arguments they could touch anything.
  for (const auto &[isa, member] : entry.program)
    if (isa == target.isa && !isSealed(zip.find(target.member)->data, zip.find(member)->data))
      return Status::corrupt("'" + member + "' is not the program that '" + target.member + "' was compiled for");
  auto ready = std::make_shared<PreparedEntry>();
  Result<std::shared_ptr<const CodeLibrary>> code = loadCode(target);
  if (!code)
    return code.status();
  ready->code = *code;
  for (const Body &body : program.bodies) {
    Result<BodyFunction> function = ready->code->body(body.symbol);
    if (!function)
      return function.status();
    ready->bodies.push_back(*function);
    ready->privateBytes = std::max(ready->privateBytes, (body.privateBytes + 63) / 64 * 64);
  }
  ready->manifest = &entry;
  ready->program = std::make_shared<const Program>(std::move(program));
  return std::shared_ptr<const PreparedEntry>(ready);
}

Result<std::shared_ptr<const PreparedEntry>> Artifact::prepare(const ManifestEntry &entry,
                                                               const PrepareOptions &options) {
  Result<const ManifestTarget *> target = selectCpuTarget(parsed.targets, options.isa);
  if (!target)
    return target.status();
  std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<const PreparedEntry> unshared; // costs are rare: no key for them
  auto &slot = options.costs ? unshared : prepared[{entry.name, (*target)->isa, options.workers, options.eager}];
  if (!slot) {
    Result<std::shared_ptr<const PreparedEntry>> made = makePrepared(entry, options, **target);
    if (!made)
      return Status(made.status()).withContext("entry '" + entry.name + "'");
    slot = *made;
  }
  return slot;
}

} // namespace ingot::runtime
