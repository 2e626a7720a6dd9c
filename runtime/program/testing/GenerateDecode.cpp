#include "runtime/program/testing/Generate.h"

#include "runtime/program/Schedule.h"

#include <utility>

namespace ingot::program::testing {

namespace {

Affine constant(int64_t value) { return {value, {0, 0, 0}, 1}; }
Affine scaled(int64_t factor) { return {0, {factor, 0, 0}, 1}; }

class DecodeBuilder {
public:
  DecodeBuilder(const DecodeShape &shape) : s(shape) {
    program.name = "decode";
    program.target = "cpu:test";
  }

  Program build() {
    int64_t h = s.hidden, f = s.ffn;
    token = buffer("token", BufferKind::Input, {4}, 0);
    table = buffer("table", BufferKind::Param, {s.vocabulary, h}, 0);
    x = buffer("x", BufferKind::Scratch, {1, h}, 0);
    kv = buffer("kv", BufferKind::State, {s.layers, 2, 1, s.heads, s.sequence, h / s.heads}, 0);
    logits = buffer("logits", BufferKind::Output, {1, s.vocabulary}, 0);
    begin("embed", 1);
    read(whole(token));
    read(whole(table));
    write(whole(x));
    end();
    for (int64_t l = 0; l < s.layers; ++l)
      layer(l, std::string("l") + std::to_string(l) + ".", h, f);
    uint32_t n = buffer("final.n", BufferKind::Scratch, {1, h}, uint64_t(h));
    begin("final.norm", 1);
    read(whole(x));
    write(whole(n));
    end();
    uint32_t wout = buffer("out.w", BufferKind::Param, {s.vocabulary, h}, 0);
    begin("logits", s.tiles);
    read(whole(n));
    read(rows(wout, s.vocabulary / s.tiles), true);
    write(columns(logits, s.vocabulary / s.tiles));
    end();
    program.arenaBytes = uint64_t(2 * h + std::max(4 * h, f));
    return std::move(program);
  }

private:
  // The arena: x, the norm's result, then an area that q and attention share with the wide activation.
  void layer(int64_t l, const std::string &p, int64_t h, int64_t f) {
    uint64_t area = uint64_t(2 * h);
    uint32_t n1 = buffer(p + "n1", BufferKind::Scratch, {1, h}, uint64_t(h));
    uint32_t qkv = buffer(p + "qkv", BufferKind::Scratch, {3, h}, area);
    uint32_t a = buffer(p + "a", BufferKind::Scratch, {1, h}, area + uint64_t(3 * h));
    uint32_t n2 = buffer(p + "n2", BufferKind::Scratch, {1, h}, uint64_t(h));
    uint32_t g = buffer(p + "g", BufferKind::Scratch, {1, f}, area);
    norm(p + "norm1", n1);
    projection(p + "qkv", n1, {3, h}, qkv, s.heads);
    attention(l, p, qkv, a);
    residual(p + "o", a, h);
    norm(p + "norm2", n2);
    projection(p + "gate_up", n2, {1, f}, g, s.tiles);
    residual(p + "down", g, f);
  }

  void norm(const std::string &name, uint32_t to) {
    begin(name, 1);
    read(whole(x));
    write(whole(to));
    end();
  }

  /// Tiles of columns of `to`; one counter per tile when fine events are asked for.
  void projection(const std::string &name, uint32_t from, std::vector<int64_t> extent, uint32_t to, int64_t tiles) {
    int64_t width = extent[1] / tiles;
    uint32_t w = buffer(name + ".w", BufferKind::Param, {extent[0] * extent[1], s.hidden}, 0);
    begin(name, tiles);
    read(whole(from));
    read(rows(w, extent[0] * width), true);
    write(columns(to, width));
    end(s.perTileEvents);
  }

  /// Appends to and reads its page of the cache: which rows is known only at run time, so the boxes are whole.
  void attention(int64_t l, const std::string &p, uint32_t qkv, uint32_t a) {
    begin(p + "attention", s.heads, s.perTileEvents);
    read(columns(qkv, s.hidden / s.heads));
    Access page{kv,
                {constant(l), constant(0), constant(0), scaled(1), constant(0), constant(0)},
                {1, 2, 1, 1, s.sequence, s.hidden / s.heads}};
    read(page);
    mayWrite(page);
    write(columns(a, s.hidden / s.heads));
    end();
  }

  /// x += f(from), in place, tile by tile.
  void residual(const std::string &name, uint32_t from, int64_t depth) {
    uint32_t w = buffer(name + ".w", BufferKind::Param, {s.hidden, depth}, 0);
    begin(name, s.tiles);
    read(whole(from));
    read(rows(w, s.hidden / s.tiles), true);
    read(columns(x, s.hidden / s.tiles));
    write(columns(x, s.hidden / s.tiles));
    end();
  }

  uint32_t buffer(const std::string &symbol, BufferKind kind, std::vector<int64_t> shape, uint64_t offset) {
    program.buffers.push_back(
        {symbol, kind, kind == BufferKind::Scratch ? "" : symbol, DType::i8, std::move(shape), offset});
    return uint32_t(program.buffers.size() - 1);
  }
  Access whole(uint32_t b) const {
    const std::vector<int64_t> &shape = program.buffers[b].shape;
    return {b, std::vector<Affine>(shape.size(), constant(0)), shape};
  }
  Access rows(uint32_t b, int64_t height) const {
    Access access = whole(b);
    access.offset[0] = scaled(height);
    access.size[0] = height;
    return access;
  }
  Access columns(uint32_t b, int64_t width) const {
    Access access = whole(b);
    access.offset[1] = scaled(width);
    access.size[1] = width;
    return access;
  }

  /// Starts a launch that waits for the one before: for all of it, or tile i for tile i.
  void begin(const std::string &name, int64_t grid, bool perTile = false) {
    program.bodies.push_back({name, 64});
    launch = {};
    launch.symbol = name;
    launch.body = uint32_t(program.bodies.size() - 1);
    launch.grid = {grid};
    launch.flops = 10000000; // dear enough for every worker to get some
    launch.bytes = 1000000;
    if (program.events.empty())
      return;
    uint32_t event = uint32_t(program.events.size() - 1);
    if (perTile || program.events[event].count == 1) {
      launch.waits.push_back({event, perTile ? scaled(1) : constant(0)});
      return;
    }
    for (uint32_t i = 0; i < program.events[event].count; ++i)
      launch.waits.push_back({event, constant(i)});
  }
  void read(Access access, bool stream = false) {
    pass(access.buffer);
    access.stream = stream;
    launch.reads.push_back(std::move(access));
  }
  void mayWrite(Access access) {
    pass(access.buffer);
    launch.writes.push_back(std::move(access));
  }
  void write(Access access) {
    launch.mustWrite.push_back(access);
    mayWrite(std::move(access));
  }
  void pass(uint32_t b) {
    for (const Argument &argument : launch.arguments)
      if (argument.buffer == b)
        return;
    launch.arguments.push_back({Argument::Kind::Buffer, b, {}, 0});
  }
  void end(bool perTile = false) {
    uint32_t event = uint32_t(program.events.size());
    uint32_t tasks = uint32_t(launch.grid[0]);
    program.events.push_back({launch.symbol + ".done", perTile ? tasks : 1, perTile ? 1 : tasks});
    launch.signals.push_back({event, perTile ? scaled(1) : constant(0)});
    program.launches.push_back(std::move(launch));
  }

  const DecodeShape &s;
  Program program;
  Launch launch;
  uint32_t token = 0, table = 0, x = 0, kv = 0, logits = 0;
};

} // namespace

Program decodeProgram(const DecodeShape &shape, uint32_t workers) {
  Program program = DecodeBuilder(shape).build();
  program.schedule = schedule(program, workers);
  return program;
}

} // namespace ingot::program::testing
