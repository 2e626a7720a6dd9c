// Output files appear complete or not at all: full disk, size limits, read-only mounts, signals.
#include "Synthetic.h"

#include "runtime/formats/File.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ingot::runtime;
using namespace ingot::test;

namespace {

std::span<const std::byte> bytes(const std::string &text) { return std::as_bytes(std::span(text.data(), text.size())); }

Status writeAtomically(const std::string &path, const std::string &text) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  INGOT_RETURN_IF_ERROR(file->writeAt(0, bytes(text)));
  return file->commit();
}

bool isEmpty(const std::string &directory) { return std::filesystem::is_empty(directory); }

/// Runs `child` in a process of its own and returns its wait status. 77 means that the machine does not allow the
/// set-up.
int inChild(const std::function<int()> &child) {
  pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(child());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}
constexpr int kNotAllowed = 77;

/// A tmpfs over `directory` in a mount namespace of this process.
bool mountSmall(const std::string &directory, const char *options, unsigned long flags = 0) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", directory.c_str(), "tmpfs", flags, options) == 0;
}

TEST(AtomicFileTest, ReplacesAndFollowsLinks) {
  TemporaryDirectory directory;
  ASSERT_TRUE(writeAtomically(directory / "a", "one"));
  ASSERT_TRUE(writeAtomically(directory / "a", "two"));
  EXPECT_EQ(readFile(directory / "a"), "two");
  std::filesystem::create_symlink("a", directory / "link");
  ASSERT_TRUE(writeAtomically(directory / "link", "three"));
  EXPECT_EQ(readFile(directory / "a"), "three");
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_FALSE(writeAtomically(directory.path, "x")) << "a directory";
  EXPECT_FALSE(writeAtomically("/dev/null", "x")) << "a device must not be replaced";
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  Status missing = writeAtomically(directory / "none/a", "x");
  EXPECT_EQ(missing.message(), "cannot write '" + (directory / "none/a") + "': No such file or directory");
  size_t files = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(directory.path))
    ++files;
  EXPECT_EQ(files, 2u);
}

TEST(AtomicFileTest, AnyOrderOfWritesGivesTheBytes) {
  constexpr uint64_t kHuge = uint64_t(2) << 20;
  TemporaryDirectory directory;
  std::mt19937 random(7);
  for (int round = 0; round < 4; ++round) {
    std::string expected;
    Result<AtomicFile> file = AtomicFile::create(directory / "a");
    ASSERT_TRUE(file);
    uint64_t at = round % 2 ? 0 : kHuge;
    for (int i = 0; i < 25; ++i) {
      // Mostly one behind the other, of all sizes up to more than a huge page; sometimes a gap or a step back.
      if (random() % 6 == 0)
        at = random() % 3 ? at + random() % 5000 : random() % (at + 1);
      uint64_t size = random() % 4 ? random() % 100'000 : random() % (2 * kHuge + 2);
      if (random() % 8 == 0)
        size = kHuge - at % kHuge + (random() % 3) * kHuge;
      std::string part(size, static_cast<char>('a' + i % 26));
      if (expected.size() < at + size)
        expected.resize(at + size, '\0');
      expected.replace(at, size, part);
      ASSERT_TRUE(file->writeAt(at, bytes(part)));
      at += size;
    }
    AtomicFile moved = std::move(*file);
    ASSERT_TRUE(moved.commit());
    EXPECT_TRUE(readFile(directory / "a") == expected) << "round " << round;
  }
}

TEST(AtomicFileTest, HonoursTheUmask) {
  TemporaryDirectory directory;
  mode_t old = ::umask(027);
  ASSERT_TRUE(writeAtomically(directory / "a", "one"));
  ::umask(old);
  struct stat info;
  ASSERT_EQ(::stat((directory / "a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(AtomicFileTest, FullDiskLeavesTheOldFile) {
  TemporaryDirectory directory;
  int status = inChild([&] {
    if (!mountSmall(directory.path, "size=64k"))
      return kNotAllowed;
    if (!writeAtomically(directory / "a", "old"))
      return 1;
    Status full = writeAtomically(directory / "a", std::string(1 << 20, 'x'));
    if (full.message() != "cannot write '" + (directory / "a") + "': No space left on device")
      return 2;
    if (readFile(directory / "a") != "old")
      return 3;
    std::filesystem::remove(directory / "a");
    return isEmpty(directory.path) ? 0 : 4;
  });
  if (WEXITSTATUS(status) == kNotAllowed)
    GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

TEST(AtomicFileTest, ReadOnlyMountGivesAMessage) {
  TemporaryDirectory directory;
  int status = inChild([&] {
    if (!mountSmall(directory.path, "", MS_RDONLY))
      return kNotAllowed;
    Status status = writeAtomically(directory / "a", "x");
    return status.message() == "cannot write '" + (directory / "a") + "': Read-only file system" ? 0 : 1;
  });
  if (WEXITSTATUS(status) == kNotAllowed)
    GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(status, 0);
}

TEST(AtomicFileTest, FileSizeLimitGivesAMessage) {
  TemporaryDirectory directory;
  int status = inChild([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Status status = writeAtomically(directory / "a", std::string(10000, 'x'));
    if (status.message() != "cannot write '" + (directory / "a") + "': File too large")
      return 1;
    return isEmpty(directory.path) ? 0 : 2;
  });
  EXPECT_EQ(status, 0) << "step " << WEXITSTATUS(status);
}

TEST(AtomicFileTest, SignalsLeaveNothing) {
  TemporaryDirectory directory;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    int status = inChild([&] {
      removeUnfinishedFilesOnSignals();
      Result<AtomicFile> file = AtomicFile::create(directory / "a");
      if (!file || !file->writeAt(0, bytes("half")))
        return 1;
      ::raise(signal);
      return 2;
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << "the exit status names the signal";
    EXPECT_TRUE(isEmpty(directory.path));
  }
}

} // namespace
