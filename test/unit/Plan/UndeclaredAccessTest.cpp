// The assumption under every proof about a task program: a compiled body touches what its launch declares, and nothing
// else. Every task of every launch runs on guarded copies whose undeclared bytes are NaN.
#include "GuardedTask.h"
#include "PlannedModel.h"
#include "runtime/cpu/Isa.h"

#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::program;
using namespace ingot::test;

namespace {

struct Model {
  std::string name, path;
  IntegerRanges ranges; // of inputs, by entry-independent symbol
  size_t entries;
};

const Model kLlama = {"llama",
                      "examples/handwritten/llama.mlir",
                      // All that start + count <= 512 allows for a chunk of 64.
                      {{"tokens", {0, 511}}, {"start", {0, 448}}, {"count", {0, 64}}},
                      2};
const Model kGpt = {"gpt", "test/Plan/semantics_gpt.mlir", {{"tokens", {0, 47}}, {"start", {0, 0}}}, 1};
const Model kPieces = {"pieces", "test/Plan/semantics_pieces.mlir", {}, 5};
const Model kAttention = {
    "attention", "test/Plan/semantics_attention.mlir", {{"start", {0, 160}}, {"count", {0, 3}}}, 4};

struct Case {
  Model model;
  std::string isa;
};

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const char *isa : {"generic", "avx2", "avx512", "avx512bf16", "aarch64"})
    if (runtime::cpuSupports(isa))
      for (const Model &model : {kLlama, kGpt, kPieces, kAttention})
        cases.push_back({model, isa});
  return cases;
}

/// How GoogleTest prints a case.
[[maybe_unused]] std::ostream &operator<<(std::ostream &os, const Case &c) {
  return os << c.model.name << " for " << c.isa;
}

/// Input ranges hold for all entries; a count is cut to the chunk of this one. With `fullChunk` it is the whole chunk,
/// so that no part of the work is skipped.
IntegerRanges rangesOf(const Model &model, const Program &program, bool fullChunk) {
  IntegerRanges ranges = model.ranges;
  for (const Buffer &buffer : program.buffers)
    if (buffer.symbol == "tokens" && ranges.count("count"))
      ranges["count"] = {fullChunk ? buffer.shape[1] : 0, buffer.shape[1]};
  return ranges;
}

class UndeclaredAccess : public testing::TestWithParam<Case> {};

} // namespace

INSTANTIATE_TEST_SUITE_P(Models, UndeclaredAccess, testing::ValuesIn(cases()),
                         [](const auto &info) { return info.param.model.name + "_" + info.param.isa; });

TEST_P(UndeclaredAccess, noneInAnyTask) {
  PlannedModel planned(GetParam().model.path, GetParam().isa);
  ASSERT_EQ(planned.programs.size(), GetParam().model.entries);
  int64_t tasks = 0;
  for (const Program &program : planned.programs) {
    for (uint32_t number = 0; number < program.launches.size(); ++number) {
      const Launch &launch = program.launches[number];
      BodyFunction body = planned.body(program, launch);
      ASSERT_NE(body, nullptr);
      tasks += launch.numTasks();
      for (int64_t task = 0; task < launch.numTasks(); ++task)
        for (bool fullChunk : {false, true})
          for (const std::string &finding : checkTask(
                   program, {number, task}, body, rangesOf(GetParam().model, program, fullChunk), 1000 * number + task))
            ADD_FAILURE() << program.name << ": " << finding;
    }
  }
  std::cout << tasks << " tasks\n";
  EXPECT_GT(tasks, 0);
}

TEST_P(UndeclaredAccess, privateMemoryIsGranted) {
  PlannedModel planned(GetParam().model.path, GetParam().isa);
  EXPECT_FALSE(planned.privateBytes.empty());
  for (const PrivateBytes &body : planned.privateBytes)
    EXPECT_LE(static_cast<uint64_t>(body.used), body.granted) << body.body;
}

/// Declarations of the same bodies that are too small by one element: each must be found. A must-write that is too
/// small shows as a change outside; a streamed read (weights) that is too small as NaN.
TEST_P(UndeclaredAccess, narrowedDeclarationsAreFound) {
  PlannedModel planned(GetParam().model.path, GetParam().isa);
  size_t narrowed = 0;
  for (const Program &original : planned.programs) {
    IntegerRanges ranges = rangesOf(GetParam().model, original, /*fullChunk=*/true);
    for (uint32_t number = 0; number < original.launches.size(); ++number) {
      auto expectFound = [&](const Program &program, const std::string &what) {
        ++narrowed;
        EXPECT_FALSE(
            checkTask(program, {number, 0}, planned.body(program, program.launches[number]), ranges, number).empty())
            << program.name << ": @" << program.launches[number].symbol << " " << what;
      };
      /// The access with its last dimension of more than one element cut by one; false if there is none.
      auto narrow = [](Access &access) {
        for (size_t dim = access.size.size(); dim-- > 0;)
          if (access.size[dim] > 1)
            return access.size[dim]-- > 0;
        return false;
      };
      const Launch &launch = original.launches[number];
      for (size_t i = 0; i < launch.mustWrite.size(); ++i) {
        Program program = original;
        Launch &changed = program.launches[number];
        changed.writes = changed.mustWrite;
        if (narrow(changed.writes[i])) {
          changed.mustWrite = changed.writes;
          expectFound(program, "write " + std::to_string(i));
        }
      }
      for (size_t i = 0; i < launch.reads.size(); ++i) {
        Program program = original;
        if (launch.reads[i].stream && narrow(program.launches[number].reads[i]))
          expectFound(program, "read " + std::to_string(i));
      }
    }
  }
  std::cout << narrowed << " narrowed declarations\n";
  EXPECT_GE(narrowed, 8u);
}
