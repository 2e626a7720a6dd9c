// What `make install` gives: programs that start from there, and a CMake package that a C program is built with.
#include "Synthetic.h"

#include "runtime/formats/Zip.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>

using namespace ingot;
using namespace ingot::test;

namespace {

struct Outcome {
  int exit;
  std::string out; // both streams
};

class InstallTest : public testing::Test {
protected:
  Outcome run(const std::string &command) {
    int status = std::system(("(" + command + ") > " + (directory / "out") + " 2>&1").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readFile(directory / "out")};
  }

  void SetUp() override {
    Outcome installed = run("cmake --install " INGOT_BINARY_DIR " --prefix " + prefix);
    ASSERT_EQ(installed.exit, 0) << installed.out;
    writeArtifact(directory / "d.ingot", makeDecoder());
    for (int32_t token : decoderReference(makeDecoder(), {'a', 'b'}, 12))
      expected += static_cast<char>(token);
  }

  TemporaryDirectory directory;
  std::string prefix = directory / "ingot";
  std::string expected = "ab";
};

TEST_F(InstallTest, ProgramsAndPackageWorkWhereverTheyLie) {
  // The tree is moved: nothing in it may depend on the place it was installed to.
  std::string moved = directory / "elsewhere";
  std::filesystem::rename(prefix, moved);
  std::string generate = " generate " + (directory / "d.ingot") + " --prompt ab --max-tokens 12 2> /dev/null";
  Outcome generated = run(moved + "/bin/ingot" + generate);
  EXPECT_EQ(generated.exit, 0);
  EXPECT_EQ(generated.out, expected + "\n");
  Outcome help = run(moved + "/bin/ingot --help");
  EXPECT_EQ(help.out.find("compile") != std::string::npos,
            std::filesystem::exists(moved + "/libexec/ingot/ingot-compiler"));

  std::string source = moved + "/share/ingot/examples/c", build = directory / "build";
  Outcome configured = run("cmake -S " + source + " -B " + build + " -DCMAKE_PREFIX_PATH=" + moved);
  ASSERT_EQ(configured.exit, 0) << configured.out;
  Outcome built = run("cmake --build " + build);
  ASSERT_EQ(built.exit, 0) << built.out;
  Outcome told = run(build + "/tell " + (directory / "d.ingot") + " ab 12 2> /dev/null");
  EXPECT_EQ(told.exit, 0);
  EXPECT_EQ(told.out, expected + "\n");
  EXPECT_EQ(run(build + "/tell " + (directory / "none.ingot") + " ab").out,
            "tell: cannot read '" + (directory / "none.ingot") + "': No such file or directory\n");
}

TEST_F(InstallTest, OtherVersionsAreRefused) {
  writeFile(directory / "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES C)\nfind_package(Ingot 0.2 REQUIRED)\n");
  Outcome configured =
      run("cmake -S " + directory.path + " -B " + (directory / "build") + " -DCMAKE_PREFIX_PATH=" + prefix);
  EXPECT_NE(configured.exit, 0);
  EXPECT_NE(configured.out.find("version: 0.1.0"), std::string::npos) << configured.out;
}

TEST_F(InstallTest, RunnersRunTheArtifactBehindThem) {
  std::string story = directory / "story", elsewhere = "cd " + prefix + " && env -i ";
  runtime::MappedFile runner = std::move(*runtime::MappedFile::open(prefix + "/libexec/ingot/ingot-runner"));
  auto zip = runtime::ZipWriter::create(story, runtime::MemberNames::Safe, runner.bytes());
  for (const auto &[name, data] : membersOf(makeDecoder()))
    ASSERT_TRUE(zip->add(name, data));
  ASSERT_TRUE(zip->finish());
  std::filesystem::permissions(story, std::filesystem::perms::owner_all);

  EXPECT_EQ(run(elsewhere + story + " --prompt ab --max-tokens 12 2> /dev/null").out, expected + "\n");
  EXPECT_EQ(run(elsewhere + story + " generate --prompt ab --max-tokens 12 2> /dev/null").out, expected + "\n");
  EXPECT_EQ(run(elsewhere + story + " inspect > /dev/null").exit, 0);
  EXPECT_EQ(run(elsewhere + story).exit, 2) << "no prompt";
  EXPECT_EQ(run("unzip -t -qq " + story).exit, 0);

  std::filesystem::resize_file(story, std::filesystem::file_size(story) - 1);
  Outcome damaged = run(elsewhere + story + " --prompt ab");
  EXPECT_EQ(damaged.exit, 1);
  EXPECT_EQ(damaged.out,
            "ingot: '" + story + "': archive is broken: it has no end record, so it is no zip file or truncated\n");
}

} // namespace
