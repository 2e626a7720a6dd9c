#include "runtime/formats/Convert.h"
#include "runtime/formats/DTypes.h"
#include "runtime/formats/JsonFields.h"
#include "runtime/formats/Layout.h"
#include "runtime/formats/Manifest.h"
#include "runtime/formats/TargetDescriptionJson.h"
#include "runtime/formats/Zip.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace ingot::runtime {

using program::DType;

namespace {

using Names = std::set<std::string>;

constexpr size_t kMaxEntries = 1024; // also of targets; keeps look-ups by name cheap

/// Reads "name" and checks that it is neither empty nor taken.
std::string uniqueName(JsonFields &fields, Names &taken) {
  std::string name = fields.text("name");
  if (name.empty())
    fields.fail("has an empty name");
  else if (!taken.insert(name).second)
    fields.fail("repeats the name '" + name + "'");
  return name;
}

void readType(JsonFields &fields, DType &dtype, std::vector<int64_t> &shape) {
  std::string name = fields.text("dtype");
  if (std::optional<DType> parsed = parseDType(name))
    dtype = *parsed;
  else
    fields.fail("has the unknown dtype '" + name + "'");
  shape = fields.integers("shape");
  if (shape.size() > 16 || !checkedBytes(dtype, shape))
    fields.fail("has a shape that is negative or too large");
}

std::string readMember(JsonFields &fields, const char *key) {
  std::string member = fields.text(key);
  if (!isSafeMemberName(member))
    fields.fail("'" + std::string(key) + "' is no name of a member");
  return member;
}

bool isSha256(const std::string &text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// Tensors with a role have the type that the runtime relies on.
void checkRole(JsonFields &fields, const ManifestTensor &tensor) {
  struct Rule {
    const char *role;
    DType dtype;
    size_t rank; // SIZE_MAX: any, and any type
  };
  constexpr size_t kOne = SIZE_MAX - 1, kAnyRank = SIZE_MAX - 2; // the former: of one element
  static constexpr Rule kRules[] = {
      {kRoleTokens, DType::i32, 2},      {kRoleStart, DType::i32, 1},          {kRoleCount, DType::i32, 1},
      {kRoleLogits, DType::f32, 3},      {kRoleNext, DType::i32, 1},           {kRoleSampled, DType::i32, 1},
      {kRoleTemperature, DType::f32, 1}, {kRoleTopK, DType::i32, 1},           {kRoleTopP, DType::f32, 1},
      {kRolePresence, DType::f32, 1},    {kRoleFrequency, DType::f32, 1},      {kRoleRepetition, DType::f32, 1},
      {kRoleSeed, DType::i64, 1},        {kRoleTargets, DType::i32, kAnyRank}, {kRoleWeights, DType::f32, kAnyRank},
      {kRoleLr, DType::f32, kOne},       {kRoleStep, DType::i32, kOne},        {kRoleLoss, DType::f32, kOne},
      {kRoleGradNorm, DType::f32, kOne}, {"", DType::f32, SIZE_MAX},           {"rng", DType::f32, SIZE_MAX},
  };
  for (const Rule &rule : kRules) {
    if (tensor.role != rule.role)
      continue;
    if (rule.rank == kOne && (tensor.dtype != rule.dtype || checkedElements(tensor.shape) != 1))
      fields.fail("role '" + tensor.role + "' expects one " + dtypeName(rule.dtype));
    else if (rule.rank == kAnyRank && tensor.dtype != rule.dtype)
      fields.fail("role '" + tensor.role + "' expects " + dtypeName(rule.dtype));
    else if (rule.rank < kAnyRank && (tensor.dtype != rule.dtype || tensor.shape.size() != rule.rank))
      fields.fail("role '" + tensor.role + "' expects " + dtypeName(rule.dtype) + " of rank " +
                  std::to_string(rule.rank));
    return;
  }
  fields.fail("has the unknown role '" + tensor.role + "'");
}

void readRange(JsonFields &fields, ManifestTensor &tensor) {
  std::vector<int64_t> range = fields.integers("range");
  bool isInteger = tensor.dtype == DType::i8 || tensor.dtype == DType::i32 || tensor.dtype == DType::i64;
  if (range.size() != 2 || range[0] > range[1] || !isInteger)
    return fields.fail("range expects the smallest and largest value of an integer tensor");
  tensor.range = {range[0], range[1]};
}

std::vector<ManifestTensor> readTensors(JsonFields &entry, const char *key, Status &status) {
  std::vector<ManifestTensor> tensors;
  Names names;
  entry.list(key, [&](const Json &json, const std::string &place) {
    JsonFields fields(json, place, status);
    ManifestTensor tensor;
    tensor.name = uniqueName(fields, names);
    readType(fields, tensor.dtype, tensor.shape);
    tensor.role = fields.text("role");
    checkRole(fields, tensor);
    if (fields.has("range"))
      readRange(fields, tensor);
    fields.finish();
    tensors.push_back(std::move(tensor));
  });
  return tensors;
}

/// Inputs and outputs with roles agree on batch and chunk.
void checkRoles(JsonFields &fields, const ManifestEntry &entry) {
  const ManifestTensor *tokens = entry.inputOfRole(kRoleTokens), *logits = entry.outputOfRole(kRoleLogits);
  auto checkBatch = [&](const ManifestTensor *tensor) {
    if (tensor && (!tokens || tensor->shape[0] != tokens->shape[0]))
      fields.fail("'" + tensor->name + "' expects the batch of the input with role 'tokens'");
  };
  for (const char *role : {kRoleStart, kRoleCount})
    checkBatch(entry.inputOfRole(role));
  for (const char *role : kSamplingRoles)
    checkBatch(entry.inputOfRole(role));
  checkBatch(entry.outputOfRole(kRoleNext));
  for (const char *role : {kRoleTargets, kRoleWeights})
    if (const ManifestTensor *tensor = entry.inputOfRole(role); tensor && tokens && tensor->shape != tokens->shape)
      fields.fail("'" + tensor->name + "' expects the shape of the input with role 'tokens'");
  bool rowsFit = !tokens || !logits || logits->shape[1] == tokens->shape[1] || logits->shape[1] == 1;
  if (tokens && logits && (logits->shape[0] != tokens->shape[0] || !rowsFit))
    fields.fail("'" + logits->name + "' expects the batch and length of '" + tokens->name + "', or one row");
}

ManifestEntry readEntry(const Json &json, const std::string &place, Names &names, Status &status) {
  JsonFields fields(json, place, status);
  ManifestEntry entry;
  entry.name = uniqueName(fields, names);
  fields.fields("specialisation", [&](const std::string &name, const Json &value, const std::string &) {
    if (!value.is_number_integer())
      return fields.fail("specialisation expects integers");
    entry.specialisation.emplace_back(name, value.get<int64_t>());
  });
  entry.inputs = readTensors(fields, "inputs", status);
  entry.outputs = readTensors(fields, "outputs", status);
  fields.fields("program", [&](const std::string &isa, const Json &value, const std::string &) {
    if (isa.empty() || !value.is_string() || !isSafeMemberName(value.get_ref<const std::string &>()))
      return fields.fail("program expects names of members by isa");
    entry.program.emplace_back(isa, value.get<std::string>());
  });
  entry.launch = fields.text("launch");
  if (entry.launch != "megakernel" && entry.launch != "graph" && entry.launch != "eager")
    fields.fail("has the unknown launch '" + entry.launch + "'");
  fields.finish();
  if (status.ok())
    checkRoles(fields, entry);
  return entry;
}

ManifestParam readParam(const Json &json, const std::string &place, Names &names, Status &status) {
  JsonFields fields(json, place, status);
  ManifestParam param;
  param.name = uniqueName(fields, names);
  readType(fields, param.dtype, param.shape);
  param.layout = fields.text("layout");
  param.member = readMember(fields, "member");
  param.offset = fields.unsignedInteger("offset");
  param.sha256 = fields.text("sha256");
  if (!isSha256(param.sha256))
    fields.fail("sha256 expects 64 lower-case hexadecimal digits");
  if (fields.has("constant")) {
    const Json *constant = fields.any("constant");
    if (constant->is_boolean())
      param.constant = constant->get<bool>();
    else
      fields.fail("constant expects true or false");
  }
  fields.finish();
  return param;
}

ManifestState readState(const Json &json, const std::string &place, Names &names, Status &status) {
  JsonFields fields(json, place, status);
  ManifestState state;
  state.name = uniqueName(fields, names);
  readType(fields, state.dtype, state.shape);
  state.init = fields.number("init");
  state.role = fields.optionalText("role");
  state.param = fields.optionalText("param");
  state.from = fields.optionalTexts("from");
  if (state.role != "" && state.role != kRoleKv && state.role != kRoleCounts)
    fields.fail("has the unknown role '" + state.role + "'");
  if (state.role == kRoleKv && state.shape.size() < 4)
    fields.fail("role 'kv' expects at least the dimensions slot, kv_head, max_seq and head_dim");
  if (state.role == kRoleCounts && (state.shape.size() != 3 || state.dtype != DType::i32))
    fields.fail("role 'counts' expects i32 of rank 3");
  fields.finish();
  return state;
}

ManifestMemory readMemory(const Json &json, Status &status) {
  ManifestMemory memory;
  JsonFields fields(json, "memory", status);
  memory.params = fields.unsignedInteger("params");
  memory.state = fields.unsignedInteger("state");
  std::set<std::pair<std::string, std::string>> seen;
  fields.list("entries", [&](const Json &item, const std::string &place) {
    JsonFields entry(item, place, status);
    memory.entries.push_back({entry.text("name"), entry.text("isa"), entry.unsignedInteger("arena"),
                              entry.unsignedInteger("inputs"), entry.unsignedInteger("outputs"),
                              entry.unsignedInteger("private_per_worker")});
    entry.finish();
    if (!seen.emplace(memory.entries.back().name, memory.entries.back().isa).second)
      entry.fail("repeats entry '" + memory.entries.back().name + "'");
  });
  fields.finish();
  return memory;
}

/// Whether version `a` ("1.2.3") is newer than `b`; nothing if `a` is no version.
std::optional<bool> isNewer(const std::string &a, const std::string &b) {
  unsigned x[3], y[3];
  char rest;
  if (std::sscanf(a.c_str(), "%u.%u.%u%c", &x[0], &x[1], &x[2], &rest) != 3 ||
      std::sscanf(b.c_str(), "%u.%u.%u%c", &y[0], &y[1], &y[2], &rest) != 3)
    return std::nullopt;
  return std::lexicographical_compare(y, y + 3, x, x + 3);
}

Status checkVersion(const Json &json) {
  Status status;
  JsonFields fields(json, "manifest", status);
  int64_t format = fields.integer("format");
  std::string minRuntime = fields.text("min_runtime");
  INGOT_RETURN_IF_ERROR(status);
  std::optional<bool> newer = isNewer(minRuntime, kRuntimeVersion);
  if (!newer)
    return Status::corrupt("manifest: min_runtime expects a version like 1.2.3, but got '" + minRuntime + "'");
  if (*newer)
    return Status::unsupported("the artifact needs runtime " + minRuntime + ", but this is " + kRuntimeVersion);
  if (format != kManifestFormat)
    return Status::unsupported("the artifact has format " + std::to_string(format) + ", but this runtime reads " +
                               std::to_string(kManifestFormat));
  return Status::success();
}

std::vector<int32_t> readTokenIds(JsonFields &fields, const char *key) {
  std::vector<int32_t> tokens;
  for (int64_t token : fields.integers(key)) {
    if (token < 0 || token > INT32_MAX)
      fields.fail(std::string(key) + " expects token ids");
    tokens.push_back(static_cast<int32_t>(token));
  }
  return tokens;
}

void readModel(JsonFields &root, Manifest &manifest) {
  root.fields("model", [&](const std::string &key, const Json &value, const std::string &) {
    if (!value.is_string())
      return root.fail("model expects texts");
    manifest.model.emplace_back(key, value.get<std::string>());
  });
  if (const Json *tokenizer = root.any("tokenizer"); tokenizer && !tokenizer->is_null()) {
    Status status;
    JsonFields fields(*tokenizer, "tokenizer", status);
    ManifestTokenizer parsed;
    parsed.type = fields.text("type");
    if (parsed.type == "llama2c" || parsed.type == "sentencepiece" || parsed.type == "huggingface")
      parsed.member = readMember(fields, "member");
    else if (parsed.type != "bytes")
      fields.fail("has the unknown type '" + parsed.type + "'");
    if (!parsed.member.empty())
      parsed.bos = readTokenIds(fields, "bos");
    fields.finish();
    if (!status.ok())
      root.fail(status.message());
    manifest.tokenizer = parsed;
  }
  manifest.eos = readTokenIds(root, "eos");
}

/// A state that starts as a parameter has its row-major shape. Layouts that this runtime does not know are refused
/// where they are used.
void checkStart(JsonFields &root, const Manifest &manifest, const ManifestState &state) {
  const ManifestParam *param = manifest.findParam(state.param);
  if (!param)
    return root.fail("state '" + state.name + "' starts as the unknown parameter '" + state.param + "'");
  if (param->constant)
    return root.fail("state '" + state.name + "' starts as the constant '" + state.param + "'");
  bool fits = checkedElements(param->shape) == checkedElements(state.shape) && isConvertible(param->dtype, state.dtype);
  if (fits && checkedElements(state.shape) > 0) {
    Result<StoredLayout> layout = StoredLayout::parse(param->layout, param->shape);
    fits = !layout || layout->logicalShape == state.shape;
  }
  if (!fits)
    root.fail("state '" + state.name + "' expects the type of parameter '" + state.param + "', but has " +
              typeText(state.dtype, state.shape));
}

/// Names that refer to other parts do refer to something.
void checkReferences(JsonFields &root, const Manifest &manifest) {
  if (manifest.entries.size() > kMaxEntries || manifest.targets.size() > kMaxEntries)
    return root.fail("expects at most " + std::to_string(kMaxEntries) + " entries and targets");
  if (manifest.memory.entries.size() > kMaxEntries)
    return root.fail("memory expects at most " + std::to_string(kMaxEntries) + " entries");
  for (const ManifestMemory::Entry &entry : manifest.memory.entries)
    if (!manifest.findEntry(entry.name))
      root.fail("memory names the unknown entry '" + entry.name + "'");
  for (const auto &[name, flops] : manifest.flops)
    if (!manifest.findEntry(name))
      root.fail("flops names the unknown entry '" + name + "'");
  for (const ManifestState &state : manifest.state)
    if (!state.param.empty())
      checkStart(root, manifest, state);
  for (const ManifestParam &param : manifest.params)
    if (!manifest.externalParams.empty() && param.constant == (param.member == manifest.externalParams))
      root.fail(param.constant ? "constant '" + param.name + "' is in the external file"
                               : "parameter '" + param.name + "' is not in the external file");
}

} // namespace

Result<Manifest> parseManifest(std::string_view text) {
  Result<Json> json = parseJson(text);
  if (!json)
    return Status(json.status()).withContext("manifest");
  INGOT_RETURN_IF_ERROR(checkVersion(*json));
  Status status;
  Manifest manifest;
  JsonFields root(*json, "manifest", status);
  root.integer("format");
  manifest.minRuntime = root.text("min_runtime");
  readModel(root, manifest);
  Names entries, params, states, isas;
  root.list("entries", [&](const Json &item, const std::string &place) {
    manifest.entries.push_back(readEntry(item, place, entries, status));
  });
  root.list("params", [&](const Json &item, const std::string &place) {
    manifest.params.push_back(readParam(item, place, params, status));
  });
  manifest.externalParams = root.optionalText("external_params");
  if (!manifest.externalParams.empty() &&
      (!isSafeMemberName(manifest.externalParams) || manifest.externalParams.find('/') != std::string::npos))
    root.fail("external_params expects the name of a file beside the artifact");
  root.list("state", [&](const Json &item, const std::string &place) {
    manifest.state.push_back(readState(item, place, states, status));
  });
  root.list("targets", [&](const Json &item, const std::string &place) {
    JsonFields fields(item, place, status);
    manifest.targets.push_back({fields.text("isa"), readMember(fields, "member")});
    fields.finish();
    if (!isas.insert(manifest.targets.back().isa).second)
      fields.fail("repeats the isa '" + manifest.targets.back().isa + "'");
  });
  if (root.has("target_description"))
    if (const Json *described = root.any("target_description"))
      manifest.targetDescription = readDescribedTarget(*described, "manifest.target_description", status);
  if (const Json *memory = root.any("memory"))
    manifest.memory = readMemory(*memory, status);
  root.fields("flops", [&](const std::string &entry, const Json &value, const std::string &) {
    if (!value.is_number_unsigned())
      return root.fail("flops expects a count by entry");
    manifest.flops.emplace_back(entry, value.get<uint64_t>());
  });
  root.list("fallbacks", [&](const Json &item, const std::string &place) {
    JsonFields fields(item, place, status);
    manifest.fallbacks.push_back({fields.text("op"), fields.text("location"), fields.text("reason")});
    fields.finish();
  });
  root.finish();
  if (status.ok())
    checkReferences(root, manifest);
  if (!status.ok())
    return status;
  return manifest;
}

} // namespace ingot::runtime
