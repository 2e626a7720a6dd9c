// Generators of task programs: tiny random ones to explore, and ones shaped like a decoder's step.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>

namespace ingot::program::testing {

/// A well-formed program of 2 to 10 tasks on 1 to 4 queues with every kind of buffer, scratch that shares bytes, coarse
/// and per-tile events, tiles, sub-boxes, in-place tasks and may-writes. Most are meant to be correct; some lack an
/// order, read too early or leave an output unwritten.
Program randomSmallProgram(uint64_t seed);

/// One decode step of a transformer, tile by tile. Extents are in elements of i8, so that a byte is an element.
struct DecodeShape {
  int64_t layers = 2;
  int64_t hidden = 16;        // also the width of q; divisible by tiles and heads
  int64_t heads = 2;          // kv heads; attention has one task per head
  int64_t sequence = 8;       // KV cache capacity
  int64_t tiles = 4;          // tasks of each projection
  int64_t ffn = 32;           // divisible by tiles
  int64_t vocabulary = 32;    // divisible by tiles
  bool perTileEvents = false; // gate/up and qkv signal one counter per tile or head where that suffices
};

/// Per layer: norm, qkv, KV append with attention (state page per head), output projection in place on the residual,
/// norm, gate/up, down (in place); then a norm and logits. Scratch is placed by lifetime: layers reuse each other's
/// bytes. Scheduled on `workers` queues.
Program decodeProgram(const DecodeShape &shape, uint32_t workers);

} // namespace ingot::program::testing
