// `ingot run`, `generate` and `inspect` as a user meets them: output, messages, exit statuses.
#include "CliFixture.h"

#include "tools/ingot/Npz.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sys/wait.h>
#include <thread>
#include <type_traits>
#include <unistd.h>

using namespace ingot;
using namespace ingot::test;
using ingot::tool::Array;
using program::DType;

namespace {

std::string bytesToText(const std::vector<int32_t> &tokens) { return {tokens.begin(), tokens.end()}; }

TEST_F(CliTest, UsageErrorsExitWith2) {
  EXPECT_EQ(run("").exit, 2);
  EXPECT_EQ(run("dance").exit, 2);
  EXPECT_EQ(run("generate @/x.ingot").exit, 2) << "neither prompt nor tokens";
  EXPECT_EQ(run("generate @/x.ingot --prompt a --tokens 1").exit, 2);
  EXPECT_EQ(run("generate @/x.ingot --prompt a --unknown").exit, 2);
  EXPECT_EQ(run("run @/x.ingot --workers 0 --outputs y").exit, 2);
  for (const char *option : {"temperature -1",
                             "temperature inf",
                             "temperature nan",
                             "top-k -1",
                             "top-k 1.5",
                             "top-p -0.1",
                             "top-p 1.5",
                             "top-p nan",
                             "presence-penalty inf",
                             "frequency-penalty x",
                             "repetition-penalty -1",
                             "steps-per-launch 0",
                             "seed -1",
                             "seed x",
                             "max-tokens -1",
                             "max-tokens 1e9",
                             "max-tokens 99999999999999999999",
                             "interleaving-seed -3",
                             "ranks 0",
                             "affinity x",
                             "affinity 1-0",
                             "target cpu:avx9000",
                             "target toaster",
                             "logits -"}) {
    Outcome outcome = run(std::string("generate @/x.ingot --prompt a --") + option);
    EXPECT_EQ(outcome.exit, 2) << option;
    EXPECT_NE(outcome.err, "") << option;
  }
  Outcome help = run("generate --help");
  EXPECT_EQ(help.exit, 0);
  EXPECT_NE(help.out.find("--temperature"), std::string::npos);
  EXPECT_EQ(run("--help").exit, 0);
}

TEST_F(CliTest, UsageErrorsAreInOurWords) {
  auto message = [&](const std::string &arguments) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    return outcome.err;
  };
  auto of = [](const std::string &command, const std::string &text) {
    return "ingot " + command + ": " + text + "\n`ingot " + command + " --help` lists the options\n";
  };
  EXPECT_EQ(message("generate"), of("generate", "artifact is required"));
  EXPECT_EQ(message("generate x"), of("generate", "exactly 1 option from [--prompt,--tokens,--prompts] is required"));
  EXPECT_EQ(message("generate x --prompt a Extra"), of("generate", "unexpected argument 'Extra'"));
  EXPECT_EQ(message("generate x --prompt a --max-new-tokens 10"),
            of("generate", "unexpected argument '--max-new-tokens 10'"));
  EXPECT_EQ(message("generate x --prompt"), of("generate", "--prompt expects a value TEXT, but got none"));
  EXPECT_EQ(message("generate x --tokens 1,,2"), of("generate", "--tokens expects ids like 1,2,3, but got '1,,2'"));
  EXPECT_EQ(message("run x --outputs y --target cpu --target cpu"),
            of("run", "--target expects one value, but got several"));
  EXPECT_EQ(message("run x --outputs y --launch fast"),
            of("run", "--launch expects megakernel, eager or interleaved, but got 'fast'"));
  EXPECT_EQ(message("trace x -o y --launch fast"), of("trace", "--launch expects megakernel or eager, but got 'fast'"));
  EXPECT_EQ(message("generate x --prompt a --target toaster"),
            of("generate", "--target expects cpu or cpu:ISA, but got 'toaster'"));
  EXPECT_EQ(message("run x --outputs y --workers 0"),
            of("run", "--workers expects a whole number from 1 to 1024, but got '0'"));
  EXPECT_EQ(message("inspect x --json=Foo"), of("inspect", "--json expects no value 'Foo'"));
  EXPECT_EQ(message("trace x -o -"), of("trace", "--output expects a file, but got '-'"));
  EXPECT_EQ(message("trace x -o @/t --svg @/t"),
            "ingot trace: expects different files for -o and --svg, but got '" + (directory / "t") + "' twice\n");
  for (const char *help : {"--help", "run --help"}) {
    std::string command =
        std::string(INGOT_BINARY_DIR) + "/bin/ingot " + help + " > /dev/full 2> " + (directory / "err");
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1) << help;
    EXPECT_EQ(readFile(directory / "err"), "ingot: cannot write to standard output: No space left on device\n");
  }
}

/// Help names what a command does with the options that all have in common, and nothing else.
TEST_F(CliTest, HelpOffersWhatThereIs) {
  auto offers = [&](const std::string &command, const char *word) {
    Outcome outcome = run(command + " --help");
    EXPECT_EQ(outcome.exit, 0) << command;
    return outcome.out.find(word) != std::string::npos;
  };
  for (const char *command : {"run", "generate", "trace", "bench"}) {
    for (const char *word : {"--ranks", "graph", "cuda", "emulator"})
      EXPECT_FALSE(offers(command, word)) << command << ": " << word;
    EXPECT_TRUE(offers(command, "--target")) << command;
    bool runs = command == std::string("run"), steps = runs || command == std::string("generate");
    EXPECT_EQ(offers(command, "or interpreter"), runs) << command;
    EXPECT_EQ(offers(command, "--interleaving-seed"), steps) << command;
    EXPECT_EQ(offers(command, "or interleaved"), steps) << command;
  }
  EXPECT_EQ(run("trace x -o y --interleaving-seed 1").exit, 2);
}

TEST_F(CliTest, AbsentThingsSayNotSupportedYet) {
  writeArtifact(directory / "d.ingot", makeDecoder());
  for (const char *arguments :
       {"eval", "generate @/d.ingot --prompt a --launch graph", "generate @/d.ingot --prompt a --target cuda",
        "generate @/d.ingot --prompt a --target emulator", "generate @/d.ingot --prompt a --ranks 2",
        "inspect @/d.ingot --sharding"}) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit, 1) << arguments;
    EXPECT_NE(outcome.err.find("not supported yet"), std::string::npos) << arguments << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << arguments;
  }
}

TEST_F(CliTest, MissingAndForeignFiles) {
  Outcome missing = run("inspect @/none.ingot");
  EXPECT_EQ(missing.exit, 1);
  EXPECT_EQ(missing.err, "ingot: cannot read '" + (directory / "none.ingot") + "': No such file or directory\n");
  writeFile(directory / "text", "hello");
  EXPECT_EQ(run("inspect @/text").err,
            "ingot: '" + (directory / "text") + "': archive is broken: it has only 5 bytes\n");
  writeMembers(directory / "a.zip", {{"a", "b"}});
  EXPECT_EQ(run("inspect @/a.zip").err,
            "ingot: '" + (directory / "a.zip") + "': it is a zip file, but no artifact: it has no manifest.json\n");
  EXPECT_EQ(run("inspect @").exit, 1);
}

TEST_F(CliTest, MessagesArePrintable) {
  EXPECT_EQ(run("inspect @/$(printf \"a\\377\\033b\\303\\244\")").err,
            "ingot: cannot read '" + (directory / "a\\xFF\\x1Bb\u00e4") + "': No such file or directory\n");
  EXPECT_EQ(run("inspect @/$(printf \"a\\302\\233\\302\\240\")").err,
            "ingot: cannot read '" + (directory / "a\\xC2\\x9B\u00a0") + "': No such file or directory\n");
  Outcome usage = run("generate @/x.ingot --prompt a --seed $(printf \"\\377\")");
  EXPECT_EQ(usage.exit, 2);
  EXPECT_NE(usage.err.find("\\xFF"), std::string::npos) << usage.err;
}

TEST_F(CliTest, GeneratesPromptAndText) {
  Synthetic decoder = makeDecoder();
  writeArtifact(directory / "d.ingot", decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a', 'b', 'c', 'd', 'e', 'f'}, 10);
  for (const char *more : {"", " --workers 1", " --workers 3", " --launch eager", " --decode-only",
                           " --target cpu:generic", " --launch interleaved --interleaving-seed 7 --workers 2"}) {
    Outcome outcome = run("generate @/d.ingot --prompt abcdef --max-tokens 10" + std::string(more));
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "abcdef" + bytesToText(expected) + "\n") << more;
    EXPECT_NE(outcome.err.find("prompt: 6 tokens"), std::string::npos);
  }
  EXPECT_EQ(run("generate @/d.ingot --tokens 97,98,99,100,101,102 --max-tokens 10").out,
            "abcdef" + bytesToText(expected) + "\n");
  std::string ids = "97 98 99 100 101 102";
  for (int32_t token : expected)
    ids += " " + std::to_string(token);
  EXPECT_EQ(run("generate @/d.ingot --prompt abcdef --print-tokens --max-tokens 10").out, ids + "\n");
  EXPECT_EQ(run("generate @/d.ingot --prompt abcdef --max-tokens 0").out, "abcdef\n");
}

TEST_F(CliTest, SamplingIsReproducible) {
  writeArtifact(directory / "d.ingot", makeDecoder());
  std::string arguments = "generate @/d.ingot --prompt abc --print-tokens --max-tokens 20 --temperature 50 --seed ";
  std::string first = run(arguments + "1").out;
  EXPECT_EQ(run(arguments + "1 --workers 3").out, first);
  EXPECT_NE(run(arguments + "2").out, first);
}

TEST_F(CliTest, StopTextsEndTheText) {
  Synthetic decoder = makeDecoder();
  writeArtifact(directory / "d.ingot", decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a'}, 12);
  std::string text = bytesToText(expected), hex;
  // The generated bytes are rarely printable: pass the stop text through $'...'.
  for (unsigned char c : text.substr(4, 2)) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\x%02x", c);
    hex += escaped;
  }
  writeFile(directory / "stop", text.substr(4, 2));
  Outcome outcome = run("generate @/d.ingot --prompt a --max-tokens 12 --stop \"$(cat @/stop)\"");
  EXPECT_EQ(outcome.out, "a" + text.substr(0, text.find(text.substr(4, 2))) + "\n");
  EXPECT_NE(outcome.err.find("finished: stop text"), std::string::npos) << outcome.err;
}

TEST_F(CliTest, BadPromptsGiveMessages) {
  writeArtifact(directory / "d.ingot", makeDecoder(16));
  auto message = [&](const std::string &arguments) {
    Outcome outcome = run("generate @/d.ingot " + arguments);
    EXPECT_EQ(outcome.exit, 1);
    EXPECT_EQ(outcome.out, "");
    return outcome.err;
  };
  EXPECT_EQ(message("--prompt 12345678901234567"),
            "ingot: the prompt has 17 tokens, but only 16 of max_seq 16 positions are free\n");
  EXPECT_EQ(message("--tokens 1,256"), "ingot: the prompt expects tokens from 0 to 255, but has 256\n");
  EXPECT_EQ(message("--prompt \"\""), "ingot: the prompt is empty\n");
  EXPECT_EQ(message("--prompt a --prompt b"), "ingot: the artifact runs 1 sequence at a time, but got 2 prompts; "
                                              "compile it with a larger --batch\n");
}

TEST_F(CliTest, WritesLogits) {
  Synthetic decoder = makeDecoder();
  writeArtifact(directory / "d.ingot", decoder);
  std::vector<std::vector<float>> rows;
  std::vector<int32_t> expected = decoderReference(decoder, {'a', 'b'}, 7, &rows);
  ASSERT_EQ(run("generate @/d.ingot --prompt ab --max-tokens 7 --logits @/l.npz").exit, 0);
  auto arrays = tool::readNpz(directory / "l.npz");
  ASSERT_TRUE(arrays) << arrays.status().message();
  EXPECT_EQ((*arrays)["tokens"].shape, std::vector<int64_t>{7});
  ASSERT_EQ((*arrays)["logits"].shape, (std::vector<int64_t>{7, 256}));
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(std::memcmp((*arrays)["logits"].data.data() + i * 1024, rows[i].data(), 1024), 0);
}

TEST_F(CliTest, RunsAnEntryOnArrays) {
  Synthetic mlp = makeMlp();
  writeArtifact(directory / "m.ingot", mlp);
  std::vector<float> x = mlpInput(), y = mlpReference(x, mlp);
  Array input = {DType::f32, {4, 8}, std::string(reinterpret_cast<char *>(x.data()), 128)};
  ASSERT_TRUE(tool::writeNpz(directory / "in.npz", {{"x", input}}));
  Outcome outcome = run("run @/m.ingot --entry forward --inputs @/in.npz --outputs @/out.npz");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  auto arrays = tool::readNpz(directory / "out.npz");
  ASSERT_TRUE(arrays);
  EXPECT_EQ((*arrays)["y"].data, std::string(reinterpret_cast<char *>(y.data()), 128));

  Array wrong = {DType::f64, {2}, std::string(16, '\0')};
  ASSERT_TRUE(tool::writeNpz(directory / "bad.npz", {{"x", wrong}, {"z", wrong}}));
  outcome = run("run @/m.ingot --inputs @/bad.npz --outputs @/out2.npz");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_EQ(outcome.err, "ingot: '" + (directory / "bad.npz") +
                             "' does not fit entry 'forward':\n"
                             "  'x' expects f32[4,8], but got f64[2]\n  'z' is no input\n  expected: x f32[4,8]\n");
  EXPECT_FALSE(std::filesystem::exists(directory / "out2.npz"));
  EXPECT_EQ(run("run @/m.ingot --outputs @/out2.npz").exit, 1);
  EXPECT_EQ(run("run @/m.ingot --inputs @/none.npz --outputs @/out2.npz").exit, 1);
  EXPECT_EQ(run("run @/m.ingot --inputs @/in.npz --outputs @/none/out.npz").exit, 1);
  EXPECT_EQ(run("run @/m.ingot --inputs @/in.npz --entry no --outputs @/o.npz").err,
            "ingot: the artifact has no entry 'no', but forward\n");
}

TEST_F(CliTest, RunRefusesWhatGenerateRefuses) {
  writeArtifact(directory / "d.ingot", makeDecoder());
  auto message = [&](const char *name, auto value) {
    DType dtype = std::is_same_v<decltype(value), float> ? DType::f32 : DType::i32;
    Array zero = {DType::i32, {1}, std::string(4, '\0')}, one = {DType::i32, {1}, std::string("\1\0\0\0", 4)};
    Array tokens = {DType::i32, {1, 1}, std::string(4, '\0')};
    Array given = {dtype, {1}, std::string(reinterpret_cast<char *>(&value), 4)};
    std::vector<std::pair<std::string, Array>> arrays = {{"tokens", tokens}, {"start", zero}, {name, given}};
    if (name != std::string("count"))
      arrays.emplace_back("count", one);
    EXPECT_TRUE(tool::writeNpz(directory / "in.npz", arrays));
    Outcome outcome = run("run @/d.ingot --entry decode --inputs @/in.npz --outputs @/out.npz");
    EXPECT_EQ(outcome.exit, 1) << name;
    EXPECT_FALSE(std::filesystem::exists(directory / "out.npz"));
    return outcome.err;
  };
  EXPECT_EQ(message("temperature", std::numeric_limits<float>::quiet_NaN()),
            "ingot: temperature expects a finite number of at least 0, but got nan\n");
  EXPECT_EQ(message("top_k", int32_t(-1)), "ingot: top_k expects a number from 0 to 2147483647, but got -1\n");
  EXPECT_EQ(message("top_p", 2.0f), "ingot: top_p expects a number from 0 to 1, but got 2.000000\n");
  EXPECT_EQ(message("count", int32_t(2)), "ingot: count expects values from 0 to 1, but got 2\n");
}

TEST_F(CliTest, ReadsAndWritesForNumpy) {
  std::string python = std::string(INGOT_SOURCE_DIR) + "/.venv/bin/python";
  if (std::system((python + " -c 'import numpy' > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "numpy is not installed; run scripts/setup";
  Synthetic mlp = makeMlp();
  writeArtifact(directory / "m.ingot", mlp);
  std::string script = "import sys, numpy as np\n"
                       "d = sys.argv[1]\n"
                       "x = np.arange(32, dtype=np.float32).reshape(4, 8)\n"
                       "if sys.argv[2] == 'write':\n"
                       "  np.savez_compressed(d + '/c.npz', x=x)\n"
                       "  np.savez(d + '/f.npz', x=np.asfortranarray(x))\n"
                       "  np.savez(d + '/b.npz', x=x.astype('>f4'))\n"
                       "else:\n"
                       "  y = np.load(d + '/y.npz')['y']\n"
                       "  assert y.dtype == np.float32 and y.shape == (4, 8) and y.flags.c_contiguous\n";
  writeFile(directory / "s.py", script);
  std::string command = python + " " + (directory / "s.py") + " " + directory.path;
  ASSERT_EQ(std::system((command + " write").c_str()), 0);
  EXPECT_EQ(run("run @/m.ingot --inputs @/c.npz --outputs @/y.npz").exit, 0);
  EXPECT_EQ(std::system((command + " read").c_str()), 0);
  EXPECT_NE(run("run @/m.ingot --inputs @/f.npz --outputs @/y.npz").err.find("Fortran order"), std::string::npos);
  EXPECT_NE(run("run @/m.ingot --inputs @/b.npz --outputs @/y.npz").err.find("'>f4' is not supported"),
            std::string::npos);
}

TEST_F(CliTest, NpyRoundTripAndDamage) {
  for (DType dtype : {DType::i1, DType::i8, DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64})
    for (std::vector<int64_t> shape : {std::vector<int64_t>{}, {0}, {5}, {2, 3, 4}}) {
      Array array = {dtype, shape, {}};
      uint64_t elements = 1;
      for (int64_t extent : shape)
        elements *= static_cast<uint64_t>(extent);
      array.data = std::string(elements * byteSize(dtype), 'x');
      std::string file = tool::printNpy(array);
      auto parsed = tool::parseNpy(file);
      ASSERT_TRUE(parsed) << parsed.status().message();
      EXPECT_EQ(parsed->dtype, dtype);
      EXPECT_EQ(parsed->shape, shape);
      EXPECT_EQ(parsed->data, array.data);
      for (size_t size = 0; size < file.size(); ++size)
        EXPECT_FALSE(tool::parseNpy(file.substr(0, size)));
    }
}

TEST_F(CliTest, InspectShowsAndVerifies) {
  Synthetic decoder = makeDecoder();
  writeArtifact(directory / "d.ingot", decoder);
  Outcome text = run("inspect @/d.ingot --memory --kernels");
  EXPECT_EQ(text.exit, 0) << text.err;
  for (const char *expected : {"decoder", "16 bytes per token, 32 positions", "entry decode", "role logits",
                               "test__append", "launches", "fallbacks", "of which KV"})
    EXPECT_NE(text.out.find(expected), std::string::npos) << expected << " in\n" << text.out;
  Outcome json = run("inspect @/d.ingot --memory --kernels --json");
  nlohmann::json parsed = nlohmann::json::parse(json.out);
  EXPECT_EQ(parsed["kv_bytes_per_token"], 16);
  EXPECT_EQ(parsed["memory"]["total"]["state"], 32 * 16);
  EXPECT_EQ(parsed["programs"].size(), 2u);
  EXPECT_EQ(parsed["programs"][0]["tasks"], 10);
  // The test's artifacts have no true hashes.
  Outcome verified = run("inspect @/d.ingot --verify");
  EXPECT_EQ(verified.exit, 1);
  EXPECT_NE(verified.err.find("parameter 'embedding' does not match its sha256"), std::string::npos) << verified.err;
  EXPECT_EQ(verified.err.find("checksum"), std::string::npos) << verified.err;
}

TEST_F(CliTest, FailedWritesAreReported) {
  Synthetic mlp = makeMlp();
  writeArtifact(directory / "m.ingot", mlp);
  writeArtifact(directory / "d.ingot", makeDecoder());
  ASSERT_TRUE(tool::writeNpz(directory / "in.npz", {{"x", {DType::f32, {4, 8}, std::string(128, '\0')}}}));
#if !__has_feature(thread_sanitizer) // which itself does not start under this limit
  // A limit of 0 blocks stops every file from growing; standard output and error are files too, so look at the exit
  // status.
  Outcome limited = run("run @/m.ingot --inputs @/in.npz --outputs @/o.npz", "ulimit -f 0; ");
  EXPECT_EQ(limited.exit, 1);
  EXPECT_FALSE(std::filesystem::exists(directory / "o.npz"));
#endif
  std::string command = std::string(INGOT_BINARY_DIR) + "/bin/ingot inspect " + (directory / "d.ingot");
  int status = std::system((command + " > /dev/full 2> " + (directory / "err")).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_EQ(readFile(directory / "err"), "ingot: cannot write to standard output: No space left on device\n");
}

TEST_F(CliTest, InterruptLeavesNoFile) {
  writeArtifact(directory / "s.ingot", makeSlow(1000000, 1000000));
  std::filesystem::create_directory(directory / "results");
  pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(INGOT_BINARY_DIR "/bin/ingot", "ingot", "run", (directory / "s.ingot").c_str(), "--outputs",
            (directory / "results/o.npz").c_str(), nullptr);
    ::_exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  EXPECT_TRUE(std::filesystem::is_empty(directory / "results"));
}

// These sanitizers reserve terabytes of addresses: they cannot start under a limit, and take minutes in an emulator.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
TEST_F(CliTest, CpuBelowTheLowestLevelIsRefused) {
  if (std::system("command -v qemu-x86_64 > /dev/null") != 0)
    GTEST_SKIP() << "qemu-x86_64 is not installed";
  Synthetic decoder = makeDecoder();
  std::string expected = "a" + bytesToText(decoderReference(decoder, {97}, 5)) + "\n";
  writeArtifact(directory / "generic.ingot", decoder);
  const char *nehalem = "qemu-x86_64 -cpu Nehalem ";
  EXPECT_EQ(run("generate @/generic.ingot --prompt a --max-tokens 5 --workers 3", nehalem).out, expected);
  decoder.manifest.targets[0].isa = "avx2";
  for (runtime::ManifestEntry &entry : decoder.manifest.entries)
    entry.program[0].first = "avx2";
  for (program::Program &program : decoder.programs)
    program.target = "cpu:avx2";
  writeArtifact(directory / "avx2.ingot", decoder);
  Outcome refused = run("generate @/avx2.ingot --prompt a", nehalem);
  EXPECT_EQ(refused.exit, 1);
  EXPECT_EQ(refused.err,
            "ingot: '" + (directory / "avx2.ingot") + "': this artifact needs avx2, but this cpu has only sse4.2\n");
  EXPECT_EQ(run("generate @/avx2.ingot --prompt a --target cpu:avx2", nehalem).err,
            "ingot: target 'cpu:avx2' needs avx2, but this cpu has only sse4.2\n");
}

TEST_F(CliTest, NoMemoryGivesAMessage) {
  writeArtifact(directory / "d.ingot", makeDecoder(int64_t(1) << 28)); // 4 GiB of KV cache
  Outcome outcome = run("generate @/d.ingot --prompt a", "ulimit -v 3000000; ");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_NE(outcome.err.find("bytes of memory, but only"), std::string::npos) << outcome.err;
}
#endif

} // namespace
