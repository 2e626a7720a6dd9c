// The shared object as a whole: names, bytes, errors.
#include "BodyRunner.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

using namespace ingot;
using namespace ingot::test;

static std::string designExample() {
  std::ifstream file(INGOT_SOURCE_DIR "/test/Dialect/Task/contract.mlir");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Code, runsTheDesignsExample) {
  std::string errors;
  auto code = compileText(designExample(), "host", errors);
  ASSERT_TRUE(code) << errors;
  EXPECT_THAT(code->symbols, testing::ElementsAre("decode__gemv_16", "decode__row_64"));
  LoadedCode loaded(*code);
  std::vector<float> table = randomFloats(512 * 64, 1), wq = randomFloats(4 * 64 * 16, 2), x(64), q(64);
  int32_t token = 77;
  alignas(64) char scratch[64];
  int64_t index[program::kMaxGridRank] = {0, 0, 0};
  void *rowArguments[] = {&token, table.data(), x.data()};
  loaded.function("decode__row_64")(index, rowArguments, nullptr, scratch);
  EXPECT_EQ(x, std::vector<float>(table.begin() + 77 * 64, table.begin() + 78 * 64));
  void *gemvArguments[] = {x.data(), wq.data(), q.data()};
  for (index[0] = 0; index[0] < 4; ++index[0])
    loaded.function("decode__gemv_16")(index, gemvArguments, nullptr, scratch);
  std::vector<double> expected(64);
  for (int64_t i = 0; i < 64; ++i)
    for (int64_t k = 0; k < 64; ++k)
      expected[i] += double(x[k]) * wq[((i / 16) * 64 + k) * 16 + i % 16];
  EXPECT_LE(maxNormError(q, expected), 1e-6);
}

TEST(Code, equalInputsGiveEqualBytes) {
  std::string errors;
  for (const std::string &isa : runnableIsas()) {
    auto first = compileText(designExample(), isa, errors), second = compileText(designExample(), isa, errors);
    ASSERT_TRUE(first && second) << errors;
    EXPECT_EQ(first->isa, isa);
    EXPECT_EQ(first->sharedObject, second->sharedObject);
    std::string bytes(first->sharedObject.begin(), first->sharedObject.end());
    EXPECT_EQ(bytes.find("/tmp"), std::string::npos) << "a path of this machine is in the code";
  }
}

TEST(Code, exportsBodiesAloneAndNeedsNothing) {
  std::string errors;
  auto code = compileText(designExample(), "host", errors);
  ASSERT_TRUE(code) << errors;
  llvm::StringRef image(code->sharedObject.data(), code->sharedObject.size());
  auto object = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(image, "code"));
  ASSERT_TRUE(static_cast<bool>(object)) << llvm::toString(object.takeError());
  std::vector<std::string> defined;
  auto *elf = llvm::cast<llvm::object::ELFObjectFileBase>(object->get());
  for (llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::StringRef name = llvm::cantFail(symbol.getName());
    EXPECT_FALSE(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined) << name.str();
    defined.push_back(name.str());
  }
  EXPECT_THAT(defined, testing::UnorderedElementsAreArray(code->symbols));
  auto entries = llvm::cantFail(llvm::cast<llvm::object::ELF64LEObjectFile>(elf)->getELFFile().dynamicEntries());
  EXPECT_FALSE(entries.empty());
  for (const auto &entry : entries)
    EXPECT_NE(entry.getTag(), llvm::ELF::DT_NEEDED);
}

TEST(Code, levelOfTheProgramIsTheDefault) {
  std::string errors, program = designExample();
  auto code = compileText(program, "", errors);
  ASSERT_TRUE(code) << errors;
  EXPECT_EQ(code->isa, "avx512");
}

TEST(Code, unknownLevel) {
  std::string errors;
  EXPECT_FALSE(compileText(designExample(), "avx3", errors));
  EXPECT_THAT(errors, testing::HasSubstr("expects an ISA level (generic, avx2, avx512, avx512bf16, aarch64 or host), "
                                         "but got \"avx3\""));
}

TEST(Code, namesOfBodies) {
  EXPECT_EQ(cpu::exportedName("decode", "gemv_16"), "decode__gemv_16");
  EXPECT_EQ(cpu::exportedName("decode.1", "l0-q"), "decode_1__l0_q");
}

TEST(Code, privateBytesAreRoundedUp) {
  std::string errors;
  auto body = [](const char *size) {
    return programOf(std::string("(%i: index, %x: memref<3xf32>) private ") + size +
                     " {\n%a = memref.alloca() : memref<3xf32>\n%b = memref.alloca() : memref<17xf32>\n}");
  };
  EXPECT_TRUE(compileText(body("192"), "host", errors)) << errors;
  EXPECT_FALSE(compileText(body("80"), "host", errors));
  EXPECT_THAT(errors, testing::HasSubstr("expects private of at least 192 bytes, but got 80"));
}
