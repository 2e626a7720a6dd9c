#include "BodyRunner.h"

#include "dialects/Registration.h"
#include "ingot/Target/CPU/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <limits>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

using namespace ingot;

static mlir::MLIRContext &context() {
  static mlir::MLIRContext *instance = [] {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    cpu::registerCpuTarget(registry);
    return new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
  }();
  return *instance;
}

test::LoadedCode::LoadedCode(const cpu::CpuCode &code) {
  // Open until the code is unloaded: the loader knows libraries by their path, so no other may get this descriptor.
  file = memfd_create("bodies", 0);
  if (write(file, code.sharedObject.data(), code.sharedObject.size()) != static_cast<ssize_t>(code.sharedObject.size()))
    throw std::runtime_error("cannot write the shared object");
  handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw std::runtime_error(dlerror());
}

test::LoadedCode::~LoadedCode() {
  dlclose(handle);
  close(file);
}

program::BodyFunction test::LoadedCode::function(const std::string &symbol) const {
  void *address = dlsym(handle, symbol.c_str());
  if (!address)
    throw std::runtime_error("no symbol " + symbol);
  return reinterpret_cast<program::BodyFunction>(address);
}

std::string test::programOf(const std::string &body) {
  return "task.program @t target(#task.cpu<\"generic\">) {\n  task.body @b" + body + "\n}\n";
}

template <typename Compile> static auto withProgram(const std::string &text, std::string &errors, Compile compile) {
  mlir::ScopedDiagnosticHandler handler(&context(), [&](mlir::Diagnostic &diagnostic) {
    errors += diagnostic.str() + "\n";
    return mlir::success();
  });
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context());
  std::vector<task::ProgramOp> programs;
  if (module)
    for (auto program : module->getOps<task::ProgramOp>())
      programs.push_back(program);
  return compile(programs);
}

static std::string textOf(task::ProgramOp program) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  program->print(stream);
  return text;
}

std::unique_ptr<cpu::CpuCode> test::compileText(const std::string &program, const std::string &isa,
                                                std::string &errors) {
  return withProgram(program, errors,
                     [&](const std::vector<task::ProgramOp> &programs) -> std::unique_ptr<cpu::CpuCode> {
                       if (programs.empty())
                         return nullptr;
                       std::string before = textOf(programs.front());
                       mlir::FailureOr<cpu::CpuCode> code = cpu::compileForCpu(programs, {isa});
                       if (textOf(programs.front()) != before)
                         throw std::runtime_error("compilation changed its input");
                       if (mlir::failed(code))
                         return nullptr;
                       return std::make_unique<cpu::CpuCode>(std::move(*code));
                     });
}

std::string test::emitLLVMText(const std::string &program, const std::string &isa) {
  std::string errors;
  return withProgram(program, errors, [&](const std::vector<task::ProgramOp> &programs) {
    mlir::FailureOr<std::string> text = cpu::emitLLVMForCpu(programs, {isa});
    return mlir::failed(text) ? errors : *text;
  });
}

test::CompiledBody::CompiledBody(const std::string &text, const std::string &isa) {
  std::string errors;
  std::unique_ptr<cpu::CpuCode> code = compileText(programOf(text), isa, errors);
  if (!code)
    throw std::runtime_error(errors);
  loaded = std::make_unique<LoadedCode>(*code);
  function = loaded->function(cpu::exportedName("t", "b"));
  size_t at = text.find(") private ");
  scratchBytes = at == std::string::npos ? 0 : std::atoll(text.c_str() + at + strlen(") private "));
}

void test::CompiledBody::run(std::vector<void *> buffers, std::vector<int64_t> indices,
                             std::vector<int64_t> integers) const {
  indices.resize(program::kMaxGridRank);
  void *scratch = std::aligned_alloc(64, (scratchBytes + 127) / 64 * 64);
  std::memset(scratch, 0xff, (scratchBytes + 127) / 64 * 64);
  function(indices.data(), buffers.data(), integers.data(), scratch);
  std::free(scratch);
}

std::vector<float> test::randomFloats(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(engine);
  return values;
}

std::string test::memref(const std::vector<int64_t> &extents, const std::string &element) {
  std::string text = "memref<";
  for (int64_t extent : extents)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

static const llvm::fltSemantics &semanticsOf(const std::string &element) {
  return element == "bf16" ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf();
}

uint16_t test::toHalf(float exact, const std::string &element) {
  llvm::APFloat value(exact);
  bool inexact;
  value.convert(semanticsOf(element), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return static_cast<uint16_t>(value.bitcastToAPInt().getZExtValue());
}

float test::fromHalf(uint16_t bits, const std::string &element) {
  llvm::APFloat value(semanticsOf(element), llvm::APInt(16, bits));
  bool inexact;
  value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return value.convertToFloat();
}

double test::maxNormError(const std::vector<float> &actual, const std::vector<double> &expected) {
  if (actual.size() != expected.size())
    return std::numeric_limits<double>::infinity();
  double difference = 0, scale = 1;
  for (size_t i = 0; i < actual.size(); ++i) {
    double distance = std::abs(actual[i] - expected[i]);
    if (std::isnan(distance)) // must not pass as a small error
      return std::numeric_limits<double>::infinity();
    difference = std::max(difference, distance);
    scale = std::max(scale, std::abs(expected[i]));
  }
  return difference / scale;
}

std::vector<std::string> test::runnableIsas() {
  std::vector<std::string> all = {"generic", "avx2", "avx512", "avx512bf16"};
  std::string host = cpu::hostCpuIsa();
  auto last = std::find(all.begin(), all.end(), host);
  return last == all.end() ? std::vector<std::string>{host} : std::vector<std::string>(all.begin(), last + 1);
}
