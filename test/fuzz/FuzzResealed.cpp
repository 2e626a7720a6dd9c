// Fuzz target for what lies behind checksums: one member of a small artifact is replaced by the input, and the artifact
// is stored anew with right checksums and, for a program, a right seal. The first byte chooses the member. A session is
// made of whatever opens; it generates, unless the program was replaced: then nobody promises what the bodies touch.
#include "test/unit/Runtime/Synthetic.h"

#include "lib/Tokenizer/CompileTokenizer.h"
#include "runtime/formats/Seal.h"
#include "runtime/session/Generate.h"
#include "runtime/session/Session.h"

#include <cstdlib>

using namespace ingot;
using namespace ingot::runtime;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

/// A decoder, with a tokenizer of 259 tokens.
Members makeMembers() {
  test::Synthetic decoder = test::makeDecoder(32, 259);
  std::string file = {16, 0, 0, 0};
  for (int id = 0; id < 259; ++id) {
    char text[8];
    int length = std::snprintf(text, sizeof(text), id < 3 ? "<%d>" : "<0x%02X>", id < 3 ? id : id - 3);
    file.append(4, '\0').append({static_cast<char>(length), 0, 0, 0}).append(text);
  }
  decoder.otherMembers["tokenizer.bin"] = ingot::tokenizer::compileTokenizer(file)->form;
  decoder.manifest.tokenizer = ManifestTokenizer{"llama2c", "tokenizer.bin", {1}};
  return test::membersOf(decoder);
}

void reseal(Members &members) {
  std::vector<std::span<const std::byte>> programs;
  for (const auto &[name, data] : members)
    if (name.starts_with("program/"))
      programs.push_back(std::as_bytes(std::span(data)));
  for (auto &[name, data] : members)
    if (name.starts_with("code/"))
      data += makeSeal(programs); // the last one counts
}

void use(const std::string &path, bool run) {
  static const std::shared_ptr<CpuTarget> target = [] {
    auto made = std::make_shared<CpuTarget>();
    made->executor = std::move(*Executor::create({1, {}}));
    return made;
  }();
  Result<std::shared_ptr<Artifact>> artifact = Artifact::open(path);
  Status status = artifact.status();
  if (artifact) {
    SessionOptions options;
    options.memoryLimit = 1 << 26;
    Result<std::unique_ptr<Session>> session = Session::create(*artifact, target, options);
    status = session.status();
    if (session && run) {
      GenerateOptions generation;
      generation.prompts = {{(*artifact)->tokenizer() ? std::optional<std::string>("a b") : std::nullopt, {1, 2, 3}}};
      generation.maxTokens = 3;
      status = generate(**session, generation, [](const GeneratedToken &) { return true; }).status();
    }
  }
  if (!status.ok() && status.message().empty())
    abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Members original = makeMembers();
  static const test::TemporaryDirectory directory;
  if (size < 1)
    return 0;
  Members members = original;
  auto &[name, content] = members[data[0] % members.size()];
  if (name.starts_with("code/"))
    return 0; // code is trusted like any program
  content.assign(reinterpret_cast<const char *>(data) + 1, size - 1);
  bool program = name.starts_with("program/");
  if (program)
    reseal(members);
  test::writeMembers(directory / "a", members);
  use(directory / "a", !program);
  return 0;
}
