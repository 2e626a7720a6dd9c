// The check itself: it accepts an honest body and catches each way of breaking a declaration.
#include "GuardedTask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot::program;
using namespace ingot::test;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

enum { kX, kTable, kY };

/// Two tasks; task i doubles @x[4 * i .. + 4] into @y[4 * i .. + 4], scaled by the row of @table that @k names.
Program makeProgram() {
  Program program;
  program.buffers = {{"x", BufferKind::Input, "x", DType::f32, {8}},
                     {"k", BufferKind::Input, "k", DType::i32, {2}},
                     {"y", BufferKind::Output, "y", DType::f32, {8}}};
  program.bodies = {{"double", 64}};
  Access x = {kX, {{0, {4, 0, 0}}}, {4}}, k = {kTable, {{0, {0, 0, 0}}}, {1}}, y = {kY, {{0, {4, 0, 0}}}, {4}};
  Launch launch;
  launch.symbol = "l";
  launch.grid = {2};
  for (uint32_t buffer : {kX, kTable, kY}) {
    Argument argument;
    argument.buffer = buffer;
    launch.arguments.push_back(argument);
  }
  launch.reads = {x, k};
  launch.writes = launch.mustWrite = {y};
  program.launches = {launch};
  return program;
}

const IntegerRanges kRanges = {{"k", {2, 3}}};

std::vector<std::string> check(BodyFunction body, const Program &program = makeProgram(), int64_t task = 0) {
  return checkTask(program, {0, task}, body, kRanges, 7);
}

struct Arguments {
  int64_t first;
  float *x, *y, *temporaries;
  int32_t *k;
  Arguments(const int64_t *index, void *const *buffers, void *scratch)
      : first(index[0] * 4), x(static_cast<float *>(buffers[kX])), y(static_cast<float *>(buffers[kY])),
        temporaries(static_cast<float *>(scratch)), k(static_cast<int32_t *>(buffers[kTable])) {}
};

void honest(const int64_t *index, void *const *buffers, const int64_t *, void *scratch) {
  Arguments a(index, buffers, scratch);
  for (int64_t i = a.first; i < a.first + 4; ++i) {
    a.temporaries[i % 4] = a.x[i] * 2;
    a.y[i] = a.temporaries[i % 4] * a.k[0];
  }
}

} // namespace

TEST(GuardedTask, acceptsAnHonestBody) {
  EXPECT_THAT(check(honest), IsEmpty());
  EXPECT_THAT(check(honest, makeProgram(), 1), IsEmpty());
}

TEST(GuardedTask, catchesAnUndeclaredRead) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first] += a.x[a.first + 4];
  };
  EXPECT_THAT(check(body), ElementsAre("@l[0] leaves NaN in @y[0]"));
}

TEST(GuardedTask, catchesAReadBeyondTheBuffer) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first + 3] += a.x[a.first + 4];
  };
  EXPECT_THAT(check(body, makeProgram(), 1), ElementsAre("@l[1] leaves NaN in @y[7]"));
}

TEST(GuardedTask, catchesAnUndeclaredReadOfAnInteger) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first + 1] *= a.k[1];
  };
  EXPECT_THAT(check(body), ElementsAre("@l[0] leaves in @y[1] what it does not declare to read"));
}

/// A maximum that ignores NaN hides what was read; only the comparison of the two runs sees it.
TEST(GuardedTask, catchesAReadThatSwallowsNaN) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first] += a.x[a.first + 4] < 2 ? 1.0f : 0.0f;
  };
  EXPECT_THAT(check(body), ElementsAre("@l[0] leaves in @y[0] what it does not declare to read"));
}

TEST(GuardedTask, catchesAnUndeclaredWrite) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first + 4] = 1;
  };
  std::string finding = "@l[0] changes @y[4], which it does not declare to write";
  EXPECT_THAT(check(body), ElementsAre(finding, finding)) << "in both runs";
}

TEST(GuardedTask, catchesAWriteOfAnInput) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.x[a.first] += 1;
  };
  EXPECT_THAT(check(body), testing::Contains("@l[0] changes @x[0], which it does not declare to write"));
}

TEST(GuardedTask, catchesAWriteBesideTheBuffer) {
  BodyFunction before = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments(index, buffers, scratch).y[-1] = 1;
  };
  EXPECT_THAT(check(before), testing::Contains("@l[0] changes bytes before @y"));
  BodyFunction after = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments(index, buffers, scratch).y[8] = 1;
  };
  EXPECT_THAT(check(after), testing::Contains("@l[0] changes bytes after @y"));
}

TEST(GuardedTask, catchesAMissingWrite) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *, void *scratch) {
    Arguments a(index, buffers, scratch);
    for (int64_t i = a.first; i < a.first + 3; ++i)
      a.y[i] = a.x[i];
  };
  EXPECT_THAT(check(body), ElementsAre("@l[0] leaves NaN in @y[3]"));
  Program program = makeProgram();
  program.launches[0].mustWrite[0].size = {3};
  EXPECT_THAT(check(body, program), IsEmpty()) << "what is not certain may stay";
}

TEST(GuardedTask, catchesAWriteBesidePrivateMemory) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments(index, buffers, scratch).temporaries[16] = 1;
  };
  EXPECT_THAT(check(body), testing::Contains("@l[0] changes bytes after its private memory"));
}

TEST(GuardedTask, catchesUninitialisedPrivateMemory) {
  BodyFunction body = [](const int64_t *index, void *const *buffers, const int64_t *integers, void *scratch) {
    honest(index, buffers, integers, scratch);
    Arguments a(index, buffers, scratch);
    a.y[a.first] += a.temporaries[5];
  };
  EXPECT_THAT(check(body), ElementsAre("@l[0] leaves NaN in @y[0]"));
}
