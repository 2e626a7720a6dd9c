// Writes small task programs by hand, for tests.
#pragma once

#include "runtime/program/Program.h"

namespace ingot::program::test {

inline Affine affine(int64_t constant, int64_t c0 = 0, int64_t c1 = 0, int64_t c2 = 0, int64_t divisor = 1) {
  return {constant, {c0, c1, c2}, divisor};
}

struct Builder {
  Program program;

  Builder() {
    program.name = "test";
    program.target = "cpu:test";
    program.arenaBytes = 256;
    program.bodies.push_back({"body", 0});
  }

  uint32_t buffer(const std::string &symbol, BufferKind kind, std::vector<int64_t> shape, uint64_t offset = 0,
                  DType dtype = DType::i8) {
    program.buffers.push_back(
        {symbol, kind, kind == BufferKind::Scratch ? "" : symbol, dtype, std::move(shape), offset});
    return uint32_t(program.buffers.size() - 1);
  }
  uint32_t scratch(const std::string &symbol, std::vector<int64_t> shape, uint64_t offset = 0) {
    return buffer(symbol, BufferKind::Scratch, std::move(shape), offset);
  }
  uint32_t event(const std::string &symbol, uint32_t signals, uint32_t count = 1) {
    program.events.push_back({symbol, count, signals});
    return uint32_t(program.events.size() - 1);
  }

  Access all(uint32_t b) const {
    const std::vector<int64_t> &shape = program.buffers[b].shape;
    return {b, std::vector<Affine>(shape.size()), shape};
  }
  /// [begin, end) of a buffer of rank 1, or of the last dimension of any other.
  Access part(uint32_t b, int64_t begin, int64_t end) const {
    Access access = all(b);
    access.offset.back().constant = begin;
    access.size.back() = end - begin;
    return access;
  }
  /// Tile number index[0] of `size` elements of the last dimension.
  Access tile(uint32_t b, int64_t size) const {
    Access access = all(b);
    access.offset.back().coefficients[0] = size;
    access.size.back() = size;
    return access;
  }

  /// References stay valid until the next launch is added.
  struct LaunchBuilder {
    Builder &builder;
    Launch &launch;
    LaunchBuilder &reads(Access access) { return pass(launch.reads, std::move(access)); }
    LaunchBuilder &streams(Access access) {
      access.stream = true;
      return reads(std::move(access));
    }
    LaunchBuilder &mayWrite(Access access) { return pass(launch.writes, std::move(access)); }
    LaunchBuilder &writes(Access access) {
      launch.mustWrite.push_back(access);
      return mayWrite(std::move(access));
    }
    LaunchBuilder &waits(uint32_t event, Affine index = {}) {
      launch.waits.push_back({event, index});
      return *this;
    }
    LaunchBuilder &signals(uint32_t event, Affine index = {}) {
      launch.signals.push_back({event, index});
      return *this;
    }

  private:
    LaunchBuilder &pass(std::vector<Access> &list, Access access) {
      bool known = false;
      for (const Argument &argument : launch.arguments)
        known |= argument.kind == Argument::Kind::Buffer && argument.buffer == access.buffer;
      if (!known)
        launch.arguments.push_back({Argument::Kind::Buffer, access.buffer, {}, 0});
      list.push_back(std::move(access));
      return *this;
    }
  };
  LaunchBuilder launch(const std::string &symbol, std::vector<int64_t> grid = {1}) {
    Launch launch;
    launch.symbol = symbol;
    launch.grid = std::move(grid);
    launch.flops = 100;
    launch.bytes = 100;
    program.launches.push_back(std::move(launch));
    return {*this, program.launches.back()};
  }

  Builder &queue(std::vector<TaskRange> ranges) {
    program.schedule.queues.push_back(std::move(ranges));
    return *this;
  }
};

/// Two queues; @first writes the halves of @x, @second reads all of it and writes @out. Accepted as it is.
struct TwoLaunches : Builder {
  uint32_t weights, x, out, done;
  TwoLaunches() {
    weights = buffer("weights", BufferKind::Param, {8});
    x = scratch("x", {8});
    out = buffer("out", BufferKind::Output, {4});
    done = event("done", 2);
    launch("first", {2}).streams(tile(weights, 4)).writes(tile(x, 4)).signals(done);
    launch("second").reads(all(x)).writes(all(out)).waits(done);
    queue({{0, 0, 1}, {1, 0, 1}}).queue({{0, 1, 2}});
  }
};

} // namespace ingot::program::test
