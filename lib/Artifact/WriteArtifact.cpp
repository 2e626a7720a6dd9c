#include "ingot/Artifact/WriteArtifact.h"

#include "ingot/Model/HoistedConstant.h"
#include "lib/Artifact/DescribePrograms.h"
#include "lib/Artifact/PackParams.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "runtime/formats/Safetensors.h"
#include "runtime/formats/Seal.h"
#include "runtime/formats/Zip.h"
#include "runtime/program/Serialize.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

using namespace mlir;
using namespace ingot;

namespace {

constexpr const char *kParamsMember = "params.safetensors";

std::span<const std::byte> asBytes(ArrayRef<char> bytes) {
  return {reinterpret_cast<const std::byte *>(bytes.data()), bytes.size()};
}

class Writer {
public:
  Writer(const std::string &path, const ArtifactContents &contents, const ParamStore &params)
      : path(path), contents(contents), params(params), module(contents.targets.front().module) {}

  LogicalResult run() {
    runtime::MappedFile runner;
    if (!contents.runner.empty()) {
      auto mapped = runtime::MappedFile::open(contents.runner);
      if (!mapped)
        return report(mapped.status());
      runner = std::move(*mapped);
    }
    auto created = runtime::ZipWriter::create(path, runtime::MemberNames::Safe, runner.bytes());
    if (!created)
      return report(created.status());
    zip.emplace(std::move(*created));
    manifest.model.emplace_back("name", contents.modelName);
    manifest.eos = contents.eos;
    manifest.fallbacks = contents.fallbacks;
    manifest.targetDescription = contents.targetDescription;
    if (failed(addTokenizer()) || failed(addTargets()) || failed(addParams()))
      return failure();
    manifest.state = describeStates(module);
    manifest.memory = runtime::planMemory(manifest, entryMemory);
    std::string text = runtime::printManifest(manifest);
    // What is written is what is read: a manifest that the runtime refuses is our bug.
    if (auto parsed = runtime::parseManifest(text); !parsed)
      return report(parsed.status());
    if (failed(report(zip->add(runtime::kManifestMember, text))) || failed(report(zip->finish())))
      return failure();
    return contents.runner.empty() ? success() : makeExecutable();
  }

private:
  /// Who may read the file may run it.
  LogicalResult makeExecutable() {
    struct stat info;
    if (::stat(path.c_str(), &info) == 0 && ::chmod(path.c_str(), info.st_mode | ((info.st_mode & 0444) >> 2)) == 0)
      return success();
    return report(runtime::Status::io(std::string("cannot make it executable: ") + std::strerror(errno)));
  }

  LogicalResult report(const runtime::Status &status) {
    if (status.ok())
      return success();
    bool prefixed = StringRef(status.message()).starts_with("cannot write");
    return emitError(UnknownLoc::get(module.getContext()))
           << (prefixed ? "" : "cannot write '" + path + "': ") << status.message();
  }

  LogicalResult addTokenizer() {
    if (contents.tokenizerType.empty())
      return success();
    bool file = contents.tokenizerType != "bytes";
    manifest.tokenizer = runtime::ManifestTokenizer{contents.tokenizerType, file ? "tokenizer.bin" : "", contents.bos};
    return file ? report(zip->add("tokenizer.bin", contents.tokenizerBytes)) : success();
  }

  LogicalResult addTargets() {
    for (const ArtifactTarget &target : contents.targets) {
      std::string member = "code/cpu-" + target.isa + ".so";
      manifest.targets.push_back({target.isa, member});
      programs.clear();
      for (auto op : ModuleOp(target.module).getOps<task::ProgramOp>())
        if (failed(addProgram(op, target)))
          return failure();
      // The code is tied to the programs that it was compiled from.
      std::vector<std::span<const std::byte>> sealed;
      for (const std::vector<uint8_t> &bytes : programs)
        sealed.push_back(std::as_bytes(std::span(bytes)));
      std::string seal = runtime::makeSeal(sealed);
      if (failed(report(zip->begin(member))) || failed(report(zip->append(asBytes(target.sharedObject)))) ||
          failed(report(zip->append(asBytes(seal)))) || failed(report(zip->end())))
        return failure();
    }
    return success();
  }

  LogicalResult addProgram(task::ProgramOp op, const ArtifactTarget &target) {
    FailureOr<program::Program> program = linkedProgram(op);
    if (failed(program))
      return failure();
    std::string stem = "program/" + program->name + ".cpu-" + target.isa;
    runtime::ManifestEntry &entry = entryOf(op, *program);
    entry.program.emplace_back(target.isa, stem + ".bin");
    entryMemory.push_back(runtime::memoryOf(entry, target.isa, *program));
    programs.push_back(program::serialize(*program));
    if (failed(report(zip->add(stem + ".bin", std::as_bytes(std::span(programs.back()))))))
      return failure();
    return report(zip->add(stem + ".mlir", textOf(op, target.module, contents.externalParams)));
  }

  runtime::ManifestEntry &entryOf(task::ProgramOp op, const program::Program &program) {
    for (runtime::ManifestEntry &entry : manifest.entries)
      if (entry.name == program.name)
        return entry;
    manifest.entries.push_back(describeEntry(op));
    manifest.flops.emplace_back(program.name, countFlops(program));
    if (auto it = contents.specialisations.find(program.name); it != contents.specialisations.end())
      manifest.entries.back().specialisation = it->second;
    return manifest.entries.back();
  }

  /// One program with the declarations that it needs: a module that can be read, edited and compiled again.
  static std::string textOf(task::ProgramOp op, ModuleOp module, bool externalParams) {
    OwningOpRef<ModuleOp> single = ModuleOp::create(module.getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(single->getBody());
    for (Operation &declaration : *module.getBody())
      if (isa<ParamOp, StateOp>(declaration)) {
        Operation *copy = builder.clone(declaration);
        if (auto param = dyn_cast<ParamOp>(copy))
          if (!externalParams || !param->hasAttr(kHoistedConstant))
            param.removeValueAttr(); // its data are in the file of the weights
      }
    builder.clone(*op);
    forgetFolders(*single);
    std::string text;
    llvm::raw_string_ostream os(text);
    single->print(os, OpPrintingFlags().enableDebugInfo());
    return text;
  }

  /// Locations name files without their folders: equal models give equal artifacts wherever they lie.
  static void forgetFolders(ModuleOp module) {
    AttrTypeReplacer replacer;
    auto base = [](StringAttr name) { return StringAttr::get(name.getContext(), llvm::sys::path::filename(name)); };
    replacer.addReplacement([&](FileLineColLoc loc) -> std::optional<Attribute> {
      return FileLineColLoc::get(base(loc.getFilename()), loc.getLine(), loc.getColumn());
    });
    replacer.addReplacement([&](NameLoc loc) -> std::optional<std::pair<Attribute, WalkResult>> {
      if (isa<UnknownLoc>(loc.getChildLoc()) && loc.getName().getValue().ends_with(".onnx"))
        return std::pair(NameLoc::get(base(loc.getName())), WalkResult::skip());
      return std::nullopt;
    });
    replacer.recursivelyReplaceElementsIn(module, /*replaceAttrs=*/false, /*replaceLocs=*/true);
  }

  LogicalResult addParams() {
    auto described = describeParams(module);
    if (failed(described))
      return failure();
    manifest.params = std::move(*described);
    if (failed(checkParams(module, manifest.params, params)))
      return failure();
    // Constants belong to the program: they stay in the artifact.
    std::vector<size_t> inside, outside;
    for (auto [i, param] : llvm::enumerate(manifest.params))
      (contents.externalParams && !param.constant ? outside : inside).push_back(i);
    if (contents.externalParams && failed(addExternal(outside)))
      return failure();
    return contents.externalParams && inside.empty() ? success() : addInternal(inside);
  }

  runtime::Result<runtime::SafetensorsLayout> layoutOf(const std::vector<size_t> &indices) const {
    std::vector<runtime::SafetensorsEntry> entries;
    for (size_t i : indices)
      entries.push_back({manifest.params[i].name, manifest.params[i].dtype, manifest.params[i].shape});
    return runtime::layoutSafetensors(entries);
  }

  LogicalResult addInternal(const std::vector<size_t> &indices) {
    auto layout = layoutOf(indices);
    if (!layout)
      return report(layout.status());
    if (failed(report(zip->begin(kParamsMember, runtime::kParamsAlignment))) ||
        failed(report(zip->append(asBytes(layout->header)))))
      return failure();
    auto append = [&](uint64_t, ArrayRef<char> bytes) { return report(zip->append(asBytes(bytes))); };
    if (failed(writeAll(*layout, indices, kParamsMember, append)))
      return failure();
    return report(zip->end());
  }

  LogicalResult addExternal(const std::vector<size_t> &indices) {
    auto layout = layoutOf(indices);
    if (!layout)
      return report(layout.status());
    std::string external = path + ".safetensors";
    manifest.externalParams = llvm::sys::path::filename(external).str();
    auto file = runtime::AtomicFile::create(external);
    if (!file)
      return report(file.status());
    if (failed(report(file->writeAt(0, asBytes(layout->header)))))
      return failure();
    auto write = [&](uint64_t offset, ArrayRef<char> bytes) { return report(file->writeAt(offset, asBytes(bytes))); };
    if (failed(writeAll(*layout, indices, manifest.externalParams, write)))
      return failure();
    return report(file->commit());
  }

  /// `write` gets an offset and the bytes that belong there, in ascending order.
  LogicalResult writeAll(const runtime::SafetensorsLayout &layout, const std::vector<size_t> &indices,
                         const std::string &member, function_ref<LogicalResult(uint64_t, ArrayRef<char>)> write) {
    for (size_t i : layout.order) {
      runtime::ManifestParam &param = manifest.params[indices[i]];
      param.member = member;
      param.offset = layout.offsets[i];
      auto consume = [&](ArrayRef<char> bytes) {
        param.sha256 = sha256(bytes);
        return write(param.offset, bytes);
      };
      if (failed(withStoredBytes(module, param.name, params, consume)))
        return failure();
    }
    return success();
  }

  const std::string &path;
  const ArtifactContents &contents;
  const ParamStore &params;
  ModuleOp module;
  std::optional<runtime::ZipWriter> zip;
  runtime::Manifest manifest;
  std::vector<runtime::ManifestMemory::Entry> entryMemory;
  std::vector<std::vector<uint8_t>> programs; // serialised, of the target at hand
};

} // namespace

LogicalResult ingot::writeArtifact(const std::string &path, const ArtifactContents &contents,
                                   const ParamStore &params) {
  assert(!contents.targets.empty() && "an artifact has code for some target");
  return Writer(path, contents, params).run();
}
