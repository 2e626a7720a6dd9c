#include "Synthetic.h"

#include "runtime/formats/Zip.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

using namespace ingot::runtime;
using namespace ingot::test;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

std::span<const std::byte> bytes(const std::string &text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// Reads a file and returns the members, or the message.
std::string parseMessage(const std::string &file) {
  Result<ZipReader> zip = ZipReader::parse(bytes(file));
  return zip ? "accepted" : zip.status().message();
}

class ZipTest : public testing::Test {
protected:
  std::string make(const Members &members) {
    writeMembers(directory / "a.zip", members);
    return readFile(directory / "a.zip");
  }
  /// Standard output of a shell command.
  static std::string run(const std::string &command) {
    FILE *pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::string text;
    char buffer[256];
    while (size_t n = std::fread(buffer, 1, sizeof(buffer), pipe))
      text.append(buffer, n);
    int status = ::pclose(pipe);
    return text + (status == 0 ? "" : "exit status " + std::to_string(status));
  }
  TemporaryDirectory directory;
};

TEST_F(ZipTest, RoundTripIsAlignedAndDeterministic) {
  Members members = {{"manifest.json", "{}"},
                     {"program/a.bin", std::string(1000, 'x')},
                     {"empty", ""},
                     {"params.safetensors", std::string(100000, 'p')}};
  std::string file = make(members);
  Result<ZipReader> zip = ZipReader::parse(bytes(file));
  ASSERT_TRUE(zip) << zip.status().message();
  ASSERT_EQ(zip->members().size(), members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const ZipReader::Member &member = zip->members()[i];
    EXPECT_EQ(member.name, members[i].first);
    EXPECT_EQ(std::string(reinterpret_cast<const char *>(member.data.data()), member.data.size()), members[i].second);
    EXPECT_EQ(member.offset % (member.name == "params.safetensors" ? kParamsAlignment : kMemberAlignment), 0u);
    EXPECT_TRUE(ZipReader::crcMatches(member));
  }
  EXPECT_EQ(file.substr(0, 4), "PK\3\4") << "programs recognise archives by their first bytes";
  EXPECT_EQ(zip->find("nothing"), nullptr);
  EXPECT_EQ(make(members), file);
  file[zip->find("program/a.bin")->offset] ^= 1;
  zip = ZipReader::parse(bytes(file));
  ASSERT_TRUE(zip) << "opening does not read checksums";
  EXPECT_FALSE(ZipReader::crcMatches(*zip->find("program/a.bin")));
}

TEST_F(ZipTest, OtherToolsReadIt) {
  make({{"manifest.json", "{}"}, {"code/x.so", "12345"}, {"params.safetensors", std::string(70000, 'p')}});
  std::string path = directory / "a.zip";
  std::string python = run("python3 -c 'import sys, zipfile\n"
                           "z = zipfile.ZipFile(sys.argv[1])\n"
                           "print(z.testzip(), [(i.filename, i.file_size, i.date_time[0]) for i in z.infolist()])' " +
                           path);
  EXPECT_EQ(python, "None [('manifest.json', 2, 1980), ('code/x.so', 5, 1980), ('params.safetensors', 70000, 1980)]\n");
  if (std::system("command -v unzip > /dev/null") == 0) {
    EXPECT_NE(run("unzip -l " + path).find("70007                     3 files"), std::string::npos);
    EXPECT_NE(run("unzip -t " + path).find("No errors detected"), std::string::npos);
  }
}

TEST_F(ZipTest, ReadsPlainArchivesOfOtherTools) {
  std::string path = directory / "plain.zip";
  EXPECT_EQ(run("python3 -c 'import sys, zipfile\n"
                "z = zipfile.ZipFile(sys.argv[1], \"w\", zipfile.ZIP_STORED)\n"
                "z.writestr(\"a/b\", \"hello\"); z.comment = b\"a comment\"; z.close()' " +
                path),
            "");
  std::string file = readFile(path);
  Result<ZipReader> zip = ZipReader::parse(bytes(file));
  ASSERT_TRUE(zip) << zip.status().message();
  EXPECT_EQ(zip->find("a/b")->data.size(), 5u);
}

TEST_F(ZipTest, RefusesCompressedAndEncryptedMembers) {
  std::string path = directory / "deflated.zip";
  run("python3 -c 'import sys, zipfile\n"
      "zipfile.ZipFile(sys.argv[1], \"w\", zipfile.ZIP_DEFLATED).writestr(\"a\", \"hello\" * 100)' " +
      path);
  EXPECT_EQ(parseMessage(readFile(path)), "member 'a' is compressed; members must be stored");
  std::string file = make({{"a", "hello"}});
  std::string encrypted = file;
  encrypted[file.rfind("PK\1\2") + 8] |= 1;
  EXPECT_EQ(parseMessage(encrypted), "member 'a' is encrypted");
}

TEST_F(ZipTest, RefusesHostileStructure) {
  EXPECT_EQ(parseMessage(""), "archive is broken: it has only 0 bytes");
  EXPECT_EQ(parseMessage(std::string(1000, 'x')),
            "archive is broken: it has no end record, so it is no zip file or truncated");
  std::string file = make({{"aa", "hello"}, {"bb", "world"}});
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_NE(parseMessage(file.substr(0, size)), "accepted") << "truncated to " << size;
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string changed = file;
    for (size_t at = 0; (at = changed.find(from, at)) != std::string::npos; at += to.size())
      changed.replace(at, from.size(), to);
    return parseMessage(changed);
  };
  EXPECT_EQ(replaced("bb", "aa"), "archive is broken: member 'aa' appears twice");
  EXPECT_EQ(replaced("bb", ".."), "archive is broken: a member has no acceptable name");
  EXPECT_EQ(replaced("bb", "/b"), "archive is broken: a member has no acceptable name");
  std::string local = file;
  local[local.find("bb")] = 'c';
  EXPECT_EQ(parseMessage(local), "archive is broken: member 'bb' has another name in its local header");
  // Both entries describe the first member's data.
  std::string overlapping = file;
  size_t first = overlapping.find("PK\1\2"), second = overlapping.find("PK\1\2", first + 1);
  overlapping.replace(second, second - first, overlapping.substr(first, second - first));
  EXPECT_NE(parseMessage(overlapping), "accepted");
}

TEST_F(ZipTest, RandomDamageNeverCrashes) {
  std::string file = make({{"manifest.json", "{}"}, {"a", std::string(100, 'a')}, {"b", "b"}});
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = file;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes)
      damaged[random() % damaged.size()] = static_cast<char>(random() % 3 ? random() : 0xff);
    Result<ZipReader> zip = ZipReader::parse(bytes(damaged));
    if (zip)
      for (const ZipReader::Member &member : zip->members())
        ZipReader::crcMatches(member); // touches every byte it claims
  }
}

TEST_F(ZipTest, WriterRefusesBadNames) {
  Result<ZipWriter> zip = ZipWriter::create(directory / "b.zip");
  ASSERT_TRUE(zip);
  for (const char *name : {"", "/a", "a/../b", "a//b", "a\\b", "..", "a/", "\n"})
    EXPECT_FALSE(zip->add(name, std::string_view("x"))) << name;
  EXPECT_TRUE(zip->add("a", std::string_view("x")));
  EXPECT_EQ(zip->add("a", std::string_view("x")).message(), "duplicate member 'a'");
}

TEST_F(ZipTest, NothingRemainsOfAnUnfinishedFile) {
  {
    Result<ZipWriter> zip = ZipWriter::create(directory / "c.zip");
    ASSERT_TRUE(zip);
    ASSERT_TRUE(zip->add("a", std::string_view("x")));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path));
}

} // namespace
