#include "GuardedTask.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>

using namespace ingot;
using namespace ingot::program;
using namespace ingot::test;

namespace {

constexpr size_t kGuard = 4096;

/// What a task may do with an element.
enum Role : uint8_t { kRead = 1, kMayWrite = 2, kMustWrite = 4 };

using Bytes = std::vector<unsigned char>;

/// Memory with a zone on either side that nobody may touch. It is aligned as the runtime's buffers are.
class GuardedMemory {
public:
  explicit GuardedMemory(const Bytes &image) : size(image.size()), memory(allocate(image.size()), std::free) {
    std::memset(memory.get(), 0xff, capacity(size)); // as floats: NaN
    std::copy(image.begin(), image.end(), data());
  }

  unsigned char *data() const { return memory.get() + kGuard; }

  /// "before", "after", or null when both zones are as they were.
  const char *touchedZone() const {
    for (size_t i = 0; i < kGuard; ++i)
      if (memory.get()[i] != 0xff)
        return "before";
    for (size_t i = kGuard + size; i < capacity(size); ++i)
      if (memory.get()[i] != 0xff)
        return "after";
    return nullptr;
  }

private:
  static size_t capacity(size_t size) { return (size + 2 * kGuard + 63) / 64 * 64; }
  static unsigned char *allocate(size_t size) {
    return static_cast<unsigned char *>(std::aligned_alloc(64, capacity(size)));
  }

  size_t size;
  std::unique_ptr<unsigned char, decltype(&std::free)> memory;
};

bool isFloat(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

/// A signalling NaN, as a computation would not make it.
uint64_t poisonOf(DType dtype) {
  switch (dtype) {
  case DType::f16:
    return 0x7d5a;
  case DType::bf16:
    return 0x7fa5;
  case DType::f32:
    return 0x7fa5a5a5;
  default:
    return 0x7ff5a5a5a5a5a5a5;
  }
}

bool isNaN(DType dtype, const unsigned char *element) {
  uint64_t bits = 0;
  std::memcpy(&bits, element, byteSize(dtype));
  switch (dtype) {
  case DType::f16:
    return (bits & 0x7fff) > 0x7c00;
  case DType::bf16:
    return (bits & 0x7fff) > 0x7f80;
  case DType::f32:
    return (bits & 0x7fffffff) > 0x7f800000;
  case DType::f64:
    return (bits & 0x7fffffffffffffff) > 0x7ff0000000000000;
  default:
    return false;
  }
}

/// Bits of a random value of moderate size, in (-1, 1) if it is a float.
uint64_t randomValue(DType dtype, IntegerRange range, std::mt19937_64 &engine) {
  uint64_t random = engine();
  if (!isFloat(dtype))
    return range.low + random % (range.high - range.low + 1);
  if (dtype == DType::f16) // a sign, an exponent of 8 to 14 (bias 15), a fraction
    return (random & 0x83ff) | (8 + (random >> 20) % 7) << 10;
  double value = std::ldexp(static_cast<double>(random >> 11), -52) - 1;
  uint64_t bits = 0;
  if (dtype == DType::f64) {
    std::memcpy(&bits, &value, 8);
    return bits;
  }
  float rounded = static_cast<float>(value);
  std::memcpy(&bits, &rounded, 4);
  return dtype == DType::bf16 ? bits >> 16 : bits;
}

/// A buffer of the task: roles of its elements, what it holds before each run, and what it holds after.
struct Copy {
  const Buffer &buffer;
  std::vector<uint8_t> roles;
  Bytes poisoned, populated;
  std::unique_ptr<GuardedMemory> afterPoisoned, afterPopulated;

  explicit Copy(const Buffer &buffer) : buffer(buffer), roles(buffer.numElements()) {}

  size_t width() const { return byteSize(buffer.dtype); }
  bool equal(const unsigned char *a, const unsigned char *b, size_t element) const {
    return std::memcmp(a + element * width(), b + element * width(), width()) == 0;
  }
  /// "@x[3, 4]"
  std::string cell(size_t element) const {
    std::string text;
    for (size_t dim = buffer.shape.size(); dim-- > 0;) {
      text = std::to_string(element % buffer.shape[dim]) + (text.empty() ? "" : ", ") + text;
      element /= buffer.shape[dim];
    }
    return "@" + buffer.symbol + "[" + text + "]";
  }
};

class TaskCheck {
public:
  TaskCheck(const Program &program, TaskRef task, BodyFunction body, const IntegerRanges &ranges, uint64_t seed)
      : program(program), launch(program.launches[task.launch]), index(launch.indexOf(task.index)), body(body),
        ranges(ranges), engine(seed), privateBytes(program.bodies[launch.body].privateBytes) {}

  std::vector<std::string> run() {
    for (const Argument &argument : launch.arguments)
      if (argument.kind == Argument::Kind::Buffer)
        copies.try_emplace(argument.buffer, program.buffers[argument.buffer]);
    mark(launch.reads, kRead);
    mark(launch.writes, kMayWrite);
    mark(launch.mustWrite, kMustWrite);
    for (auto &[number, copy] : copies)
      populate(copy);
    call(&Copy::poisoned, &Copy::afterPoisoned, Bytes(privateBytes, 0xff));
    call(&Copy::populated, &Copy::afterPopulated, randomFloats(privateBytes));
    for (auto &[number, copy] : copies) {
      compare(copy, copy.poisoned, *copy.afterPoisoned);
      compare(copy, copy.populated, *copy.afterPopulated);
      compareRuns(copy);
    }
    return std::move(findings);
  }

private:
  void mark(const std::vector<Access> &accesses, Role role) {
    for (const Access &access : accesses)
      markFrom(copies.at(access.buffer), access, role, 0, 0);
  }

  void markFrom(Copy &copy, const Access &access, Role role, size_t dim, int64_t base) {
    if (dim == access.size.size()) {
      copy.roles[base] |= role;
      return;
    }
    int64_t begin = access.offset[dim].at(index);
    for (int64_t i = begin; i < begin + access.size[dim]; ++i)
      markFrom(copy, access, role, dim + 1, base * copy.buffer.shape[dim] + i);
  }

  void populate(Copy &copy) {
    DType dtype = copy.buffer.dtype;
    auto found = ranges.find(copy.buffer.symbol);
    IntegerRange range = found == ranges.end() ? IntegerRange() : found->second;
    copy.poisoned.resize(copy.buffer.bytes());
    copy.populated.resize(copy.buffer.bytes());
    for (size_t element = 0; element < copy.roles.size(); ++element) {
      uint64_t value = randomValue(dtype, range, engine), other = value;
      if (!(copy.roles[element] & kRead))
        other = isFloat(dtype)                 ? poisonOf(dtype)
                : range.high == range.low      ? value
                : int64_t(value) == range.high ? range.low
                                               : value + 1;
      std::memcpy(copy.populated.data() + element * copy.width(), &value, copy.width());
      std::memcpy(copy.poisoned.data() + element * copy.width(), &other, copy.width());
    }
  }

  Bytes randomFloats(size_t size) {
    Bytes bytes(size);
    for (size_t at = 0; at + 4 <= size; at += 4) {
      uint64_t value = randomValue(DType::f32, {}, engine);
      std::memcpy(bytes.data() + at, &value, 4);
    }
    return bytes;
  }

  void call(Bytes Copy::*before, std::unique_ptr<GuardedMemory> Copy::*after, const Bytes &privateImage) {
    for (auto &[number, copy] : copies)
      copy.*after = std::make_unique<GuardedMemory>(copy.*before);
    GuardedMemory privateMemory(privateImage);
    std::vector<void *> pointers;
    std::vector<int64_t> integers;
    for (const Argument &argument : launch.arguments) {
      if (argument.kind == Argument::Kind::Integer) {
        integers.push_back(argument.value);
        continue;
      }
      Copy &copy = copies.at(argument.buffer);
      int64_t row = 0, rowBytes = copy.buffer.bytes();
      for (size_t dim = 0; dim < argument.leading.size(); ++dim) {
        rowBytes /= copy.buffer.shape[dim];
        row += argument.leading[dim] * rowBytes;
      }
      pointers.push_back((copy.*after)->data() + row);
    }
    body(index.data(), pointers.data(), integers.data(), privateMemory.data());
    if (const char *zone = privateMemory.touchedZone())
      report(std::string("changes bytes ") + zone + " its private memory");
  }

  /// One run against what the buffer held before it.
  void compare(const Copy &copy, const Bytes &before, const GuardedMemory &after) {
    if (const char *zone = after.touchedZone())
      report(std::string("changes bytes ") + zone + " @" + copy.buffer.symbol);
    for (size_t element = 0; element < copy.roles.size(); ++element)
      if (!(copy.roles[element] & kMayWrite) && !copy.equal(before.data(), after.data(), element))
        return report("changes " + copy.cell(element) + ", which it does not declare to write");
  }

  void compareRuns(const Copy &copy) {
    const unsigned char *poisoned = copy.afterPoisoned->data(), *populated = copy.afterPopulated->data();
    for (size_t element = 0; element < copy.roles.size(); ++element) {
      uint8_t role = copy.roles[element];
      if (!(role & kMayWrite))
        continue;
      bool changed = !copy.equal(copy.poisoned.data(), poisoned, element) ||
                     !copy.equal(copy.populated.data(), populated, element);
      if ((role & kMustWrite) && isNaN(copy.buffer.dtype, poisoned + element * copy.width()))
        return report("leaves NaN in " + copy.cell(element));
      if (((role & kMustWrite) || changed) && !copy.equal(poisoned, populated, element))
        return report("leaves in " + copy.cell(element) + " what it does not declare to read");
    }
  }

  void report(const std::string &finding) { findings.push_back(finding); }

  const Program &program;
  const Launch &launch;
  TaskIndex index;
  BodyFunction body;
  const IntegerRanges &ranges;
  std::mt19937_64 engine;
  size_t privateBytes;
  std::map<uint32_t, Copy> copies; // by number of the buffer
  std::vector<std::string> findings;
};

} // namespace

std::vector<std::string> test::checkTask(const Program &program, TaskRef task, BodyFunction body,
                                         const IntegerRanges &ranges, uint64_t seed) {
  std::vector<std::string> findings = TaskCheck(program, task, body, ranges, seed).run();
  for (std::string &finding : findings)
    finding = taskName(program, task) + " " + finding;
  return findings;
}
