#include "Synthetic.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/Safetensors.h"
#include "runtime/formats/Seal.h"
#include "runtime/formats/Zip.h"
#include "runtime/program/Schedule.h"
#include "runtime/program/Serialize.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ingot::test {

using namespace program;
using namespace runtime;

TemporaryDirectory::TemporaryDirectory()
    : path([] {
        // In memory where there is such a place: hundreds of artifacts are written, each flushed to the disk.
        std::filesystem::path base =
            std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
        std::string name = base / "ingot-test-XXXXXX";
        if (!::mkdtemp(name.data()))
          throw std::runtime_error("cannot make a temporary directory");
        return name;
      }()) {}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void writeFile(const std::string &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush())
    throw std::runtime_error("cannot write " + path);
}

namespace {

Buffer buffer(std::string symbol, BufferKind kind, std::vector<int64_t> shape, std::string name = "",
              DType dtype = DType::f32, uint64_t offset = 0) {
  return {std::move(symbol), kind, std::move(name), dtype, std::move(shape), offset};
}

Argument whole(uint32_t index) { return {Argument::Kind::Buffer, index, {}, 0}; }
Argument constant(int64_t value) { return {Argument::Kind::Integer, 0, {}, value}; }

Affine index(int dimension, int64_t scale = 1) {
  Affine affine;
  affine.coefficients[static_cast<size_t>(dimension)] = scale;
  return affine;
}
Affine zero() { return {}; }

/// The whole of a buffer.
Access all(const Program &program, uint32_t index, bool stream = false) {
  const Buffer &buffer = program.buffers[index];
  return {index, std::vector<Affine>(buffer.shape.size()), buffer.shape, stream};
}

/// Integers that floats add exactly, so any order of sums gives the same reference.
std::vector<float> smallIntegers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float &value : values) {
    seed = seed * 1664525 + 1013904223;
    value = static_cast<float>(static_cast<int>(seed >> 24) % 7 - 3);
  }
  return values;
}

void addParam(Synthetic &artifact, const std::string &name, std::vector<int64_t> shape, uint32_t seed) {
  artifact.params.push_back(smallIntegers(*checkedElements(shape), seed));
  ManifestParam param;
  param.name = name;
  param.shape = std::move(shape);
  artifact.manifest.params.push_back(param);
}

Synthetic start(const std::string &name) {
  Synthetic artifact;
  artifact.manifest.model = {{"name", name}};
  artifact.manifest.targets = {{"generic", "code/cpu-generic.so"}};
  return artifact;
}

Program startProgram(const std::string &entry) {
  Program program;
  program.name = entry;
  program.target = "cpu:generic";
  return program;
}

void addEntry(Synthetic &artifact, Program program, std::vector<ManifestTensor> inputs,
              std::vector<ManifestTensor> outputs) {
  program.schedule = schedule(program, 2);
  ManifestEntry entry;
  entry.name = program.name;
  entry.inputs = std::move(inputs);
  entry.outputs = std::move(outputs);
  entry.program = {{"generic", "program/" + program.name + ".cpu-generic.bin"}};
  artifact.manifest.entries.push_back(entry);
  artifact.programs.push_back(std::move(program));
}

Launch launch(std::string symbol, uint32_t body, std::vector<int64_t> grid, std::vector<Argument> arguments) {
  Launch launch;
  launch.symbol = std::move(symbol);
  launch.body = body;
  launch.grid = std::move(grid);
  launch.arguments = std::move(arguments);
  launch.flops = 10'000'000; // far from true, so that the scheduler uses all workers
  return launch;
}

std::vector<ManifestTensor> samplingInputs() {
  std::vector<ManifestTensor> inputs;
  for (const char *role : kSamplingRoles) {
    std::string name = role;
    bool integer = name == kRoleSampled || name == kRoleTopK;
    inputs.push_back({name, name == kRoleSeed ? DType::i64 : integer ? DType::i32 : DType::f32, {1}, name, {}});
  }
  return inputs;
}

Program makeDecoderProgram(const std::string &name, int64_t length, int64_t maxSeq, int64_t vocabulary, int64_t dim) {
  Program program = startProgram(name);
  program.buffers = {buffer("tokens", BufferKind::Input, {1, length}, "tokens", DType::i32),
                     buffer("start", BufferKind::Input, {1}, "start", DType::i32),
                     buffer("count", BufferKind::Input, {1}, "count", DType::i32),
                     buffer("embedding", BufferKind::Param, {vocabulary, dim}, "embedding"),
                     buffer("head", BufferKind::Param, {vocabulary, dim}, "head"),
                     buffer("kv", BufferKind::State, {1, 1, maxSeq, dim}, "kv"),
                     buffer("logits", BufferKind::Output, {1, length, vocabulary}, "logits")};
  for (const ManifestTensor &input : samplingInputs())
    program.buffers.push_back(buffer(input.name, BufferKind::Input, {1}, input.name, input.dtype));
  program.buffers.push_back(buffer("next", BufferKind::Output, {1}, "next", DType::i32));
  int64_t tile = 32;
  program.events = {{"appended", 1, 1}, {"chosen_from", 1, static_cast<uint32_t>(vocabulary / tile)}};
  program.bodies = {{"test__append", 0}, {"test__logits", 0}, {"test__sample", 0}};
  Launch append = launch("append", 0, {1}, {whole(0), whole(1), whole(2), whole(3), whole(5), constant(dim)});
  for (uint32_t i : {0u, 1u, 2u, 3u})
    append.reads.push_back(all(program, i));
  append.writes = {all(program, 5)}; // where, is known only at run time: nothing must be written
  append.signals = {{0, zero()}};
  Launch logits = launch("logits", 1, {vocabulary / tile},
                         {whole(1), whole(2), whole(5), whole(4), whole(6), constant(dim), constant(vocabulary),
                          constant(tile), constant(length)});
  for (uint32_t i : {1u, 2u, 5u})
    logits.reads.push_back(all(program, i));
  logits.reads.push_back({4, {index(0, tile), zero()}, {tile, dim}, true});
  logits.writes = {{6, {zero(), zero(), index(0, tile)}, {1, length, tile}, false}};
  logits.mustWrite = logits.writes;
  logits.waits = {{0, zero()}};
  logits.signals = {{1, zero()}};
  Launch sample = launch("sample", 2, {1}, {whole(1), whole(2), whole(6)});
  for (uint32_t i = 7; i < program.buffers.size(); ++i)
    sample.arguments.push_back(whole(i));
  sample.arguments.push_back(constant(vocabulary));
  for (uint32_t i : {1u, 2u, 6u, 7u, 8u, 9u, 10u, 11u, 12u, 13u, 14u})
    sample.reads.push_back(all(program, i));
  sample.writes = {all(program, 15)};
  sample.mustWrite = sample.writes;
  sample.waits = {{1, zero()}};
  program.launches = {append, logits, sample};
  return program;
}

constexpr int64_t kDim = 4;

} // namespace

std::vector<std::pair<std::string, std::string>> membersOf(Synthetic artifact) {
  std::vector<std::pair<std::string, std::string>> members;
  Manifest &manifest = artifact.manifest;
  std::vector<SafetensorsEntry> entries;
  for (const ManifestParam &param : manifest.params)
    entries.push_back({param.name, param.dtype, param.shape});
  Result<SafetensorsLayout> layout = layoutSafetensors(entries);
  std::string file = layout->header;
  file.resize(layout->fileSize);
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    manifest.params[i].member = "params.safetensors";
    manifest.params[i].offset = layout->offsets[i];
    manifest.params[i].sha256 = std::string(64, '0');
    std::memcpy(file.data() + layout->offsets[i], artifact.params[i].data(), artifact.params[i].size() * 4);
  }
  std::vector<ManifestMemory::Entry> memory;
  for (size_t i = 0; i < artifact.programs.size(); ++i)
    memory.push_back(memoryOf(manifest.entries[i], "generic", artifact.programs[i]));
  manifest.memory = planMemory(manifest, memory);
  members.emplace_back("manifest.json", printManifest(manifest));
  std::vector<std::vector<uint8_t>> programs;
  std::vector<std::span<const std::byte>> sealed;
  for (size_t i = 0; i < artifact.programs.size(); ++i) {
    programs.push_back(serialize(artifact.programs[i]));
    sealed.push_back(std::as_bytes(std::span(programs.back())));
    members.emplace_back(manifest.entries[i].program[0].second,
                         std::string(programs.back().begin(), programs.back().end()));
  }
  members.emplace_back("code/cpu-generic.so", readFile(INGOT_TEST_BODIES) + makeSeal(sealed));
  for (const auto &member : artifact.otherMembers)
    members.push_back(member);
  members.emplace_back("params.safetensors", file);
  return members;
}

void writeMembers(const std::string &path, const std::vector<std::pair<std::string, std::string>> &members) {
  Result<ZipWriter> zip = ZipWriter::create(path);
  Status status = zip.status();
  for (const auto &[name, data] : members)
    if (status.ok())
      status = zip->add(name, data, name == "params.safetensors" ? kParamsAlignment : kMemberAlignment);
  if (status.ok())
    status = zip->finish();
  if (!status.ok())
    throw std::runtime_error(status.message());
}

void writeArtifact(const std::string &path, const Synthetic &artifact) { writeMembers(path, membersOf(artifact)); }

Synthetic makeMlp() {
  Synthetic artifact = start("mlp");
  addParam(artifact, "w1", {8, 16}, 1);
  addParam(artifact, "w2", {16, 8}, 2);
  Program program = startProgram("forward");
  program.buffers = {buffer("x", BufferKind::Input, {4, 8}, "x"), buffer("w1", BufferKind::Param, {8, 16}, "w1"),
                     buffer("w2", BufferKind::Param, {16, 8}, "w2"), buffer("h", BufferKind::Scratch, {4, 16}),
                     buffer("y", BufferKind::Output, {4, 8}, "y")};
  program.arenaBytes = 4 * 16 * 4;
  program.events = {{"row", 4, 2}};
  program.bodies = {{"test__matmul", 0}, {"test__matmul_private", 64}};
  Launch first =
      launch("first", 0, {4, 2}, {whole(0), whole(1), whole(3), constant(8), constant(16), constant(8), constant(1)});
  first.reads = {{0, {index(0), zero()}, {1, 8}, false}, {1, {zero(), index(1, 8)}, {8, 8}, true}};
  first.writes = {{3, {index(0), index(1, 8)}, {1, 8}, false}};
  first.mustWrite = first.writes;
  first.signals = {{0, index(0)}};
  Launch second = launch("second", 1, {4, 2}, {whole(3), whole(2), whole(4), constant(16), constant(8), constant(4)});
  second.reads = {{3, {index(0), zero()}, {1, 16}, false}, {2, {zero(), index(1, 4)}, {16, 4}, true}};
  second.writes = {{4, {index(0), index(1, 4)}, {1, 4}, false}};
  second.mustWrite = second.writes;
  second.waits = {{0, index(0)}};
  program.launches = {first, second};
  addEntry(artifact, program, {{"x", DType::f32, {4, 8}, "", {}}}, {{"y", DType::f32, {4, 8}, "", {}}});
  return artifact;
}

std::vector<float> mlpInput() { return smallIntegers(32, 7); }

std::vector<float> mlpReference(const std::vector<float> &x, const Synthetic &artifact) {
  std::vector<float> h(4 * 16), y(4 * 8);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 16; ++j) {
      for (size_t k = 0; k < 8; ++k)
        h[i * 16 + j] += x[i * 8 + k] * artifact.params[0][k * 16 + j];
      h[i * 16 + j] = std::max(h[i * 16 + j], 0.0f);
    }
    for (size_t j = 0; j < 8; ++j)
      for (size_t k = 0; k < 16; ++k)
        y[i * 8 + j] += h[i * 16 + k] * artifact.params[1][k * 8 + j];
  }
  return y;
}

Synthetic makeChain(int layers, int64_t width) {
  Synthetic artifact = start("chain");
  Program program = startProgram("forward");
  program.buffers = {buffer("x", BufferKind::Input, {width}, "x"), buffer("a", BufferKind::Scratch, {width}),
                     buffer("b", BufferKind::Scratch, {width}, "", DType::f32, static_cast<uint64_t>(width) * 4),
                     buffer("y", BufferKind::Output, {width}, "y")};
  program.arenaBytes = static_cast<uint64_t>(width) * 8;
  program.bodies = {{"test__mix", 0}};
  uint32_t from = 0;
  for (uint32_t i = 0; i < static_cast<uint32_t>(layers); ++i) {
    uint32_t to = i + 1 == static_cast<uint32_t>(layers) ? 3 : 1 + i % 2;
    Launch layer = launch("l" + std::to_string(i), 0, {width}, {whole(from), whole(to), constant(width)});
    layer.reads = {all(program, from)};
    layer.writes = {{to, {index(0)}, {1}, false}};
    layer.mustWrite = layer.writes;
    if (i > 0)
      layer.waits = {{i - 1, zero()}};
    if (to != 3) {
      program.events.push_back({"e" + std::to_string(i), 1, static_cast<uint32_t>(width)});
      layer.signals = {{i, zero()}};
    }
    program.launches.push_back(layer);
    from = to;
  }
  addEntry(artifact, program, {{"x", DType::f32, {width}, "", {}}}, {{"y", DType::f32, {width}, "", {}}});
  return artifact;
}

Synthetic makeDecoder(int64_t maxSeq, int64_t vocabulary) {
  Synthetic artifact = start("decoder");
  addParam(artifact, "embedding", {vocabulary, kDim}, 3);
  addParam(artifact, "head", {vocabulary, kDim}, 5);
  artifact.manifest.state = {{"kv", DType::f32, {1, 1, maxSeq, kDim}, 0, kRoleKv, {}}};
  artifact.manifest.tokenizer = ManifestTokenizer{"bytes", "", {}};
  for (auto [name, length] : {std::pair("decode", int64_t(1)), std::pair("prefill", int64_t(4))}) {
    std::vector<ManifestTensor> inputs = {{"tokens", DType::i32, {1, length}, kRoleTokens, {}},
                                          {"start", DType::i32, {1}, kRoleStart, {}},
                                          {"count", DType::i32, {1}, kRoleCount, {}}};
    for (ManifestTensor &input : samplingInputs())
      inputs.push_back(std::move(input));
    addEntry(
        artifact, makeDecoderProgram(name, length, maxSeq, vocabulary, kDim), std::move(inputs),
        {{"logits", DType::f32, {1, length, vocabulary}, kRoleLogits, {}}, {"next", DType::i32, {1}, kRoleNext, {}}});
  }
  return artifact;
}

std::vector<int32_t> decoderReference(const Synthetic &artifact, std::vector<int32_t> tokens, int count,
                                      std::vector<std::vector<float>> *logits) {
  const std::vector<float> &embedding = artifact.params[0], &head = artifact.params[1];
  std::vector<int32_t> generated;
  while (static_cast<int>(generated.size()) < count) {
    std::vector<float> row(head.size() / kDim);
    for (size_t v = 0; v < row.size(); ++v)
      for (size_t p = 0; p < tokens.size(); ++p)
        for (size_t d = 0; d < kDim; ++d)
          row[v] +=
              (embedding[static_cast<size_t>(tokens[p]) * kDim + d] + static_cast<float>(p % 5)) * head[v * kDim + d];
    size_t best = 0;
    for (size_t v = 0; v < row.size(); ++v)
      if (row[v] > row[best])
        best = v;
    tokens.push_back(static_cast<int32_t>(best));
    generated.push_back(static_cast<int32_t>(best));
    if (logits)
      logits->push_back(row);
  }
  return generated;
}

Synthetic makeTrained(int64_t vocabulary) {
  Synthetic artifact = start("table");
  addParam(artifact, "w", {vocabulary / 16, vocabulary, 16}, 5);
  artifact.manifest.params[0].layout = "panels<axis = 0, width = 16>";
  addParam(artifact, "scale", {3}, 6);
  for (const char *name : {"w.trained", "w.m"}) {
    ManifestState state;
    state.name = name;
    state.shape = {vocabulary, vocabulary};
    state.param = artifact.manifest.state.empty() ? "w" : "";
    artifact.manifest.state.push_back(state);
  }
  Program program = startProgram("train_step");
  program.buffers = {buffer("tokens", BufferKind::Input, {2, 4}, "tokens", DType::i32),
                     buffer("targets", BufferKind::Input, {2, 4}, "targets", DType::i32),
                     buffer("weights", BufferKind::Input, {2, 4}, "weights"),
                     buffer("lr", BufferKind::Input, {1}, "lr"),
                     buffer("step", BufferKind::Input, {1}, "step", DType::i32),
                     buffer("w", BufferKind::State, {vocabulary, vocabulary}, "w.trained"),
                     buffer("m", BufferKind::State, {vocabulary, vocabulary}, "w.m"),
                     buffer("partial", BufferKind::Scratch, {vocabulary, 2}),
                     buffer("loss", BufferKind::Output, {1}, "loss"),
                     buffer("norm", BufferKind::Output, {1}, "norm")};
  program.arenaBytes = static_cast<uint64_t>(vocabulary) * 8;
  program.events = {{"rows", 1, static_cast<uint32_t>(vocabulary)}};
  program.bodies = {{"test__train_row", static_cast<uint64_t>(vocabulary) * 4}, {"test__sum_rows", 0}};
  Launch rows = launch("rows", 0, {vocabulary}, {});
  for (uint32_t i = 0; i < 8; ++i)
    rows.arguments.push_back(whole(i));
  rows.arguments.push_back(constant(vocabulary));
  rows.arguments.push_back(constant(8));
  for (uint32_t i : {0u, 1u, 2u, 3u, 4u})
    rows.reads.push_back(all(program, i));
  for (uint32_t i : {5u, 6u}) {
    rows.reads.push_back({i, {index(0), zero()}, {1, vocabulary}, false});
    rows.writes.push_back(rows.reads.back());
  }
  rows.writes.push_back({7, {index(0), zero()}, {1, 2}, false});
  rows.mustWrite = rows.writes;
  rows.signals = {{0, zero()}};
  Launch sum = launch("sum", 1, {1}, {whole(7), whole(8), whole(9), constant(vocabulary)});
  sum.reads = {all(program, 7)};
  sum.writes = {all(program, 8), all(program, 9)};
  sum.mustWrite = sum.writes;
  sum.waits = {{0, zero()}};
  program.launches = {rows, sum};
  std::pair<int64_t, int64_t> range(0, vocabulary - 1);
  addEntry(artifact, program,
           {{"tokens", DType::i32, {2, 4}, "tokens", range},
            {"targets", DType::i32, {2, 4}, "targets", {}},
            {"weights", DType::f32, {2, 4}, "weights", {}},
            {"lr", DType::f32, {1}, "lr", {}},
            {"step", DType::i32, {1}, "step", {}}},
           {{"loss", DType::f32, {1}, "loss", {}}, {"norm", DType::f32, {1}, "grad_norm", {}}});
  return artifact;
}

std::vector<float> trainedStart(const Synthetic &artifact) {
  const std::vector<int64_t> &shape = artifact.manifest.params[0].shape; // [panel, column, row within]
  std::vector<float> value;
  for (int64_t row = 0; row < shape[1]; ++row)
    for (int64_t column = 0; column < shape[1]; ++column)
      value.push_back(artifact.params[0][static_cast<size_t>(((row / 16) * shape[1] + column) * 16 + row % 16)]);
  return value;
}

Synthetic makeSlow(int64_t tasks, int64_t work) {
  Synthetic artifact = start("slow");
  Program program = startProgram("forward");
  program.buffers = {buffer("y", BufferKind::Output, {tasks}, "y")};
  program.bodies = {{"test__slow", 0}};
  Launch slow = launch("slow", 0, {tasks}, {whole(0), constant(work)});
  slow.writes = {{0, {index(0)}, {1}, false}};
  slow.mustWrite = slow.writes;
  program.launches = {slow};
  addEntry(artifact, program, {}, {{"y", DType::f32, {tasks}, "", {}}});
  return artifact;
}

} // namespace ingot::test
