#include "runtime/program/Serialize.h"

#include "runtime/program/Structure.h"

#include <cassert>
#include <cstring>
#include <limits>
#include <type_traits>

namespace ingot::program {

using runtime::Result;
using runtime::Status;

namespace {

constexpr char kMagic[8] = {'I', 'N', 'G', 'O', 'T', 'P', 'R', 'G'};

/// Appends little-endian integers and length-prefixed sequences.
class Writer {
public:
  template <typename T> void integer(const T &value) {
    auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (size_t i = 0; i < sizeof(T); ++i)
      bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
  template <typename E> void enumeration(const E &value) { integer(static_cast<uint8_t>(value)); }
  void boolean(const bool &value) { integer(static_cast<uint8_t>(value)); }
  void string(const std::string &value) {
    length(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  template <typename T, typename Each> void list(const std::vector<T> &values, size_t, Each each) {
    length(values.size());
    for (const T &value : values)
      each(value);
  }

  std::vector<uint8_t> bytes;

private:
  void length(size_t size) {
    assert(size <= std::numeric_limits<uint32_t>::max() && "list too long for its length prefix");
    integer(static_cast<uint32_t>(size));
  }
};

/// Reads what Writer writes. After the first failure it reads zeros and empty lists, so callers check `status` once.
class Reader {
public:
  Reader(const uint8_t *data, size_t size) : cursor(data), remaining(size) {}

  template <typename T> void integer(T &value) {
    value = 0;
    if (!need(sizeof(T)))
      return;
    std::make_unsigned_t<T> bits = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      bits = static_cast<std::make_unsigned_t<T>>(bits | std::make_unsigned_t<T>(cursor[i]) << (8 * i));
    value = static_cast<T>(bits);
    advance(sizeof(T));
  }
  /// The value itself is checked with the structure.
  template <typename E> void enumeration(E &value) {
    uint8_t bits = 0;
    integer(bits);
    value = static_cast<E>(bits);
  }
  void boolean(bool &value) {
    uint8_t bits = 0;
    integer(bits);
    if (bits > 1)
      fail("a flag expects 0 or 1, but got " + std::to_string(bits));
    value = bits == 1;
  }
  void string(std::string &value) {
    uint32_t size = length(1);
    value.assign(reinterpret_cast<const char *>(cursor), size);
    advance(size);
  }
  /// `smallest`: the fewest bytes that one element takes; it bounds what a forged length can make us allocate.
  template <typename T, typename Each> void list(std::vector<T> &values, size_t smallest, Each each) {
    values.resize(length(smallest));
    for (T &value : values) {
      if (!status.ok())
        return;
      each(value);
    }
  }
  void expectEnd() {
    if (remaining != 0)
      fail("expects the file to end, but got " + std::to_string(remaining) + " more bytes");
  }

  Status status;

private:
  void fail(std::string message) {
    if (status.ok())
      status = Status::corrupt(std::move(message));
    remaining = 0;
  }
  bool need(size_t size) {
    if (size > remaining)
      fail("expects " + std::to_string(size) + " more bytes, but got " + std::to_string(remaining));
    return status.ok();
  }
  void advance(size_t size) {
    cursor += size;
    remaining -= size;
  }
  uint32_t length(size_t smallest) {
    uint32_t count = 0;
    integer(count);
    if (count > remaining / smallest)
      fail("expects a list of at most " + std::to_string(remaining / smallest) +
           " elements in the remaining bytes, but got " + std::to_string(count));
    return status.ok() ? count : 0;
  }

  const uint8_t *cursor;
  size_t remaining;
};

// One description of the format serves both directions: `IO` is Writer with const fields or Reader with mutable ones.

template <typename IO, typename T> void integers(IO &io, T &values) {
  io.list(values, 8, [&](auto &value) { io.integer(value); });
}

template <typename IO, typename T> void affine(IO &io, T &value) {
  io.integer(value.constant);
  for (auto &coefficient : value.coefficients)
    io.integer(coefficient);
  io.integer(value.divisor);
}
constexpr size_t kAffineBytes = 8 * (2 + kMaxGridRank);

template <typename IO, typename T> void buffer(IO &io, T &value) {
  io.string(value.symbol);
  io.enumeration(value.kind);
  io.string(value.name);
  io.enumeration(value.dtype);
  integers(io, value.shape);
  io.integer(value.offset);
}

template <typename IO, typename T> void accesses(IO &io, T &values) {
  io.list(values, 13, [&](auto &value) {
    io.integer(value.buffer);
    io.list(value.offset, kAffineBytes, [&](auto &offset) { affine(io, offset); });
    integers(io, value.size);
    io.boolean(value.stream);
  });
}

template <typename IO, typename T> void eventRefs(IO &io, T &values) {
  io.list(values, 4 + kAffineBytes, [&](auto &value) {
    io.integer(value.event);
    affine(io, value.index);
  });
}

template <typename IO, typename T> void launch(IO &io, T &value) {
  io.string(value.symbol);
  io.integer(value.body);
  integers(io, value.grid);
  io.list(value.arguments, 17, [&](auto &argument) {
    io.enumeration(argument.kind);
    io.integer(argument.buffer);
    integers(io, argument.leading);
    io.integer(argument.value);
  });
  eventRefs(io, value.waits);
  eventRefs(io, value.signals);
  accesses(io, value.reads);
  accesses(io, value.writes);
  accesses(io, value.mustWrite);
  io.integer(value.flops);
  io.integer(value.bytes);
}

template <typename IO, typename T> void program(IO &io, T &value) {
  io.string(value.name);
  io.string(value.target);
  io.integer(value.arenaBytes);
  io.list(value.buffers, 22, [&](auto &b) { buffer(io, b); });
  io.list(value.events, 12, [&](auto &event) {
    io.string(event.symbol);
    io.integer(event.count);
    io.integer(event.signals);
  });
  io.list(value.bodies, 12, [&](auto &body) {
    io.string(body.symbol);
    io.integer(body.privateBytes);
  });
  io.list(value.launches, 52, [&](auto &l) { launch(io, l); });
  io.list(value.schedule.queues, 4, [&](auto &queue) {
    io.list(queue, 20, [&](auto &range) {
      io.integer(range.launch);
      io.integer(range.begin);
      io.integer(range.end);
    });
  });
}

} // namespace

std::vector<uint8_t> serialize(const Program &value) {
  Writer writer;
  for (char c : kMagic)
    writer.bytes.push_back(static_cast<uint8_t>(c));
  writer.integer(kProgramVersion);
  program(writer, value);
  return std::move(writer.bytes);
}

Result<Program> deserialize(const uint8_t *data, size_t size) {
  if (size < sizeof(kMagic) + 4 || std::memcmp(data, kMagic, sizeof(kMagic)) != 0)
    return Status::corrupt("expects a task program, but got bytes that do not begin with its magic number");
  Reader reader(data + sizeof(kMagic), size - sizeof(kMagic));
  uint32_t version = 0;
  reader.integer(version);
  if (version != kProgramVersion)
    return Status::unsupported("expects task program version " + std::to_string(kProgramVersion) + ", but got " +
                               std::to_string(version));
  Program value;
  program(reader, value);
  if (reader.status.ok())
    reader.expectEnd();
  INGOT_RETURN_IF_ERROR(std::move(reader.status));
  INGOT_RETURN_IF_ERROR(checkStructure(value));
  INGOT_RETURN_IF_ERROR(checkSchedule(value));
  return value;
}

} // namespace ingot::program
