// Compiles bodies written as text and runs them through their ABI.
#pragma once

#include "ingot/Target/CPU/Target.h"
#include "runtime/program/Program.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ingot::test {

/// A compiled program's shared object, loaded.
class LoadedCode {
public:
  explicit LoadedCode(const cpu::CpuCode &code);
  LoadedCode(const LoadedCode &) = delete;
  ~LoadedCode();
  program::BodyFunction function(const std::string &symbol) const;

private:
  int file;
  void *handle;
};

/// One body `@b` of a program `@t`, compiled for one ISA level.
class CompiledBody {
public:
  /// `text` is the body: its argument list, perhaps `private N`, and its region in braces.
  explicit CompiledBody(const std::string &text, const std::string &isa = "host");
  /// Runs on `buffers`; the scratch arena is filled with NaN first.
  void run(std::vector<void *> buffers, std::vector<int64_t> indices = {}, std::vector<int64_t> integers = {}) const;

private:
  std::unique_ptr<LoadedCode> loaded;
  program::BodyFunction function;
  int64_t scratchBytes;
};

/// Parses and compiles; null with the diagnostics in `errors` when that fails.
std::unique_ptr<cpu::CpuCode> compileText(const std::string &program, const std::string &isa, std::string &errors);
/// The optimised LLVM IR of a program's bodies.
std::string emitLLVMText(const std::string &program, const std::string &isa);
/// The program around one body.
std::string programOf(const std::string &body);

/// `count` normally distributed values of the seed's stream.
std::vector<float> randomFloats(size_t count, unsigned seed);

/// "memref<2x3xf32>"
std::string memref(const std::vector<int64_t> &extents, const std::string &element = "f32");
/// `exact` rounded to nearest even to "f16" or "bf16", as bits; and back.
uint16_t toHalf(float exact, const std::string &element);
float fromHalf(uint16_t bits, const std::string &element);

/// max |a - b| / max(1, max |b|).
double maxNormError(const std::vector<float> &actual, const std::vector<double> &expected);

/// The levels that this machine runs.
std::vector<std::string> runnableIsas();

} // namespace ingot::test
