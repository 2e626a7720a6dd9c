// The task program as plain data: what the scheduler, the verifier, the executor and the tools read.
//
// A program is a list of launches over buffers, ordered by monotone event counters, and a static assignment of
// its tasks to in-order worker queues. See docs/task-programs.md for the protocol and its proof obligations.
// This library links neither LLVM nor MLIR: the compiler and the runtime share it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace ingot::program {

/// Element types of buffers. `i1` is stored as one byte.
enum class DType : uint8_t { i1, i8, i32, i64, f16, bf16, f32, f64 };

/// Size of one stored element in bytes.
uint64_t byteSize(DType dtype);

/// "f32", "i1", ...
const char *toString(DType dtype);

/// Where a buffer lives and who fills it.
enum class BufferKind : uint8_t {
  Param,   // read-only weights of the artifact
  State,   // survives steps (KV cache); counts as written when a step begins
  Input,   // filled by the caller before the step
  Output,  // filled by the step
  Scratch, // in the arena at byte `offset`; several may share bytes at different times
};

/// "param", "state", "input", "output" or "scratch", as in the text.
const char *toString(BufferKind kind);

struct Buffer {
  std::string symbol; // name inside the program, without '@'
  BufferKind kind = BufferKind::Scratch;
  std::string name; // name in the model (params, states, inputs, outputs); empty for scratch
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t offset = 0; // bytes into the arena; scratch only

  int64_t numElements() const;
  uint64_t bytes() const;
};

/// A task's position in its launch's grid: up to three indices, unused ones are 0.
inline constexpr size_t kMaxGridRank = 3;
using TaskIndex = std::array<int64_t, kMaxGridRank>;

/// (constant + sum_d coefficients[d] * index[d]) floordiv divisor, with divisor >= 1.
struct Affine {
  int64_t constant = 0;
  std::array<int64_t, kMaxGridRank> coefficients = {0, 0, 0};
  int64_t divisor = 1;

  int64_t at(const TaskIndex &index) const;
  /// Whether it is the same for all tasks.
  bool isConstant() const;
};

/// A box of a buffer that a task may touch: `offset[d]`, `size[d]` in elements, one per dimension.
struct Access {
  uint32_t buffer = 0;
  std::vector<Affine> offset;
  std::vector<int64_t> size;
  bool stream = false; // may be prefetched from the start of the step; only buffers that the program never writes
};

/// `count` counters of the same kind. Each counter receives exactly `signals` signals per step, and a wait on it
/// returns once all of them have arrived.
struct Event {
  std::string symbol;
  uint32_t count = 1;
  uint32_t signals = 0;
};

struct EventRef {
  uint32_t event = 0;
  Affine index; // which of the event's counters
};

/// What a launch passes to its body: a whole buffer, a buffer with its leading dimensions fixed, or an integer.
struct Argument {
  enum class Kind : uint8_t { Buffer, Integer };
  Kind kind = Kind::Buffer;
  uint32_t buffer = 0;
  std::vector<int64_t> leading; // fixed leading indices of `buffer`, may be empty
  int64_t value = 0;            // Kind::Integer
};

struct Body {
  std::string symbol;        // also the name of the compiled function
  uint64_t privateBytes = 0; // per-worker temporaries, 64-byte aligned
};

/// A grid of tasks that run one body.
struct Launch {
  std::string symbol;
  uint32_t body = 0;
  std::vector<int64_t> grid; // 1 to kMaxGridRank extents, each >= 1
  std::vector<Argument> arguments;
  std::vector<EventRef> waits;
  std::vector<EventRef> signals;
  std::vector<Access> reads;
  std::vector<Access> writes;    // may-write boxes
  std::vector<Access> mustWrite; // certainly written; equals `writes` when the text omits it
  uint64_t flops = 0;            // of one task
  uint64_t bytes = 0;            // moved by one task

  int64_t numTasks() const;
  /// Row-major: the last grid dimension runs fastest.
  TaskIndex indexOf(int64_t linear) const;
};

/// One task: a launch and the linear position in its grid.
struct TaskRef {
  uint32_t launch = 0;
  int64_t index = 0;
  bool operator==(const TaskRef &other) const { return launch == other.launch && index == other.index; }
};

/// Tasks [begin, end) of a launch, in linear order.
struct TaskRange {
  uint32_t launch = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const TaskRange &other) const {
    return launch == other.launch && begin == other.begin && end == other.end;
  }
};

struct Schedule {
  std::vector<std::vector<TaskRange>> queues; // one in-order queue per worker
  uint32_t workers() const { return static_cast<uint32_t>(queues.size()); }
};

struct Program {
  std::string name;   // the entry
  std::string target; // "cpu:avx512", ...
  uint64_t arenaBytes = 0;
  std::vector<Buffer> buffers;
  std::vector<Event> events;
  std::vector<Body> bodies;
  std::vector<Launch> launches;
  Schedule schedule;

  int64_t numTasks() const;
  /// Counters of all events together. Event e's counters are numbered from the sum of the counts before it.
  uint64_t numCounters() const;
};

/// "@l0.q[3]" or "@l0.q[1, 2]": how messages name a task.
std::string taskName(const Program &program, TaskRef task);

/// The compiled form of a body. `index` holds kMaxGridRank task indices (unused ones are 0), `buffers` holds one
/// pointer per buffer argument of the launch (leading indices already applied), `integers` one value per integer
/// argument, `scratch` the worker's private arena.
using BodyFunction = void (*)(const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch);

} // namespace ingot::program
