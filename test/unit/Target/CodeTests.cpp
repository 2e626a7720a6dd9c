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

/// Names that the image defines; expects none that it needs.
static std::vector<std::string> exportsOf(const cpu::CpuCode &code, unsigned machine) {
  llvm::StringRef image(code.sharedObject.data(), code.sharedObject.size());
  auto object = llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(image, "code"));
  if (!object) {
    ADD_FAILURE() << llvm::toString(object.takeError());
    return {};
  }
  std::vector<std::string> defined;
  auto *elf = llvm::cast<llvm::object::ELF64LEObjectFile>(object->get());
  EXPECT_EQ(elf->getELFFile().getHeader().e_machine, machine);
  for (llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::StringRef name = llvm::cantFail(symbol.getName());
    EXPECT_FALSE(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined) << name.str();
    defined.push_back(name.str());
  }
  auto entries = llvm::cantFail(elf->getELFFile().dynamicEntries());
  EXPECT_FALSE(entries.empty());
  for (const auto &entry : entries)
    EXPECT_NE(entry.getTag(), llvm::ELF::DT_NEEDED);
  return defined;
}

TEST(Code, exportsBodiesAloneAndNeedsNothing) {
  std::string errors;
  auto code = compileText(designExample(), "host", errors);
  ASSERT_TRUE(code) << errors;
  EXPECT_THAT(exportsOf(*code, llvm::ELF::EM_X86_64), testing::UnorderedElementsAreArray(code->symbols));
}

/// A body with every function, on scalars and vectors.
static std::string bodyOfFunctions() {
  std::string text =
      "(%i: index, %x: memref<19xf32>, %h: memref<19xf16>, %y: memref<19xbf16>) {\ntile.map [affine_map<(n) -> "
      "(n)>, affine_map<(n) -> (n)>] ins(%x, %h : memref<19xf32>, memref<19xf16>) outs(%y : memref<19xbf16>) "
      "{\n^bb0(%v0: f32, %g: f16):\n%v1 = arith.extf %g : f16 to f32\n";
  int last = 1;
  for (const char *name : {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "erf", "sin", "cos", "sqrt",
                           "rsqrt", "floor", "ceil", "trunc", "round", "roundeven", "absf"}) {
    text += "%v" + std::to_string(last + 1) + " = math." + name + " %v" + std::to_string(last) + " : f32\n";
    ++last;
  }
  std::string result = "%v" + std::to_string(last);
  return text + "%p = math.powf %v0, " + result +
         " : f32\n%q = math.fma %p, %v0, %v1 : f32\n%m = arith.maximumf %q, %v0 : f32\n"
         "%r = arith.truncf %m : f32 to bf16\ntile.yield %r : bf16\n}\n}";
}

TEST(Code, everyLevelNeedsNoLibrary) {
  for (const char *isa : {"generic", "avx2", "avx512", "avx512bf16", "aarch64"}) {
    std::string errors;
    auto code = compileText(programOf(bodyOfFunctions()), isa, errors);
    ASSERT_TRUE(code) << errors;
    unsigned machine = std::string(isa) == "aarch64" ? llvm::ELF::EM_AARCH64 : llvm::ELF::EM_X86_64;
    EXPECT_THAT(exportsOf(*code, machine), testing::ElementsAre("t__b")) << isa;
  }
}

TEST(Code, llvmText) {
  std::string text = emitLLVMText(designExample(), "avx2");
  EXPECT_THAT(text, testing::HasSubstr("define void @decode__gemv_16(ptr"));
  EXPECT_THAT(text, testing::HasSubstr("\"target-cpu\"=\"x86-64-v3\""));
  EXPECT_THAT(text, testing::HasSubstr("<8 x float>"));
  EXPECT_EQ(text, emitLLVMText(designExample(), "avx2"));
}

TEST(Code, programWithoutBodies) {
  std::string errors;
  auto code = compileText("task.program @t target(#task.cpu<\"generic\">) {\n}\n", "", errors);
  ASSERT_TRUE(code) << errors;
  EXPECT_TRUE(code->symbols.empty());
}

TEST(Code, unsupportedOperationIsNamed) {
  std::string errors;
  EXPECT_FALSE(
      compileText(programOf("(%i: index, %x: memref<4xf32>) {\ntile.map [] outs(%x : memref<4xf32>) {\n"
                            "%c = arith.constant 1.0 : f32\n%a = math.atan %c : f32\ntile.yield %a : f32\n}\n}"),
                  "host", errors));
  EXPECT_THAT(errors, testing::HasSubstr("'math.atan' op"));
  EXPECT_THAT(errors, testing::HasSubstr("is not supported yet on the CPU"));
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
