// Whatever groups of tasks the choice of events finds, the index expressions it writes for them are read again by the
// passes behind it: no program fails to compile for its grids, its costs or its number of workers.
#include "lib/Plan/IndexExpressions.h"

#include "ingot/Driver/Compile.h"
#include "ingot/Plan/Passes.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/program/Structure.h"
#include "runtime/program/testing/Random.h"

#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::program;
using program::testing::Random;

namespace {

/// Whether two functions of the task's index agree wherever an index is 0 to 8.
bool sameFunction(const Affine &a, const Affine &b) {
  for (int64_t i = 0; i < 729; ++i)
    if (TaskIndex index = {i / 81, i / 9 % 9, i % 9}; a.at(index) != b.at(index))
      return false;
  return true;
}

TEST(IndexExpressions, RoundTrip) {
  mlir::MLIRContext context;
  Random random(1);
  int sums = 0;
  for (int i = 0; i < 3000; ++i) {
    Affine affine = {random.below(41) - 20, {}, 1 + random.below(3) * random.below(12)};
    for (int64_t &coefficient : affine.coefficients)
      coefficient = (random.below(9) - 4) * (random.chance(50) ? affine.divisor : 1);
    mlir::AffineExpr expr = toAffineExpr(affine, &context);
    std::optional<Affine> back = toProgramAffine(expr);
    ASSERT_TRUE(back && sameFunction(affine, *back)) << "case " << i;
    sums += affine.divisor > 1 && expr.getKind() != mlir::AffineExprKind::FloorDiv;
  }
  EXPECT_GT(sums, 500) << "that MLIR wrote in another form";
}

TEST(IndexExpressions, OthersAreRefused) {
  mlir::MLIRContext context;
  mlir::AffineExpr i = getAffineDimExpr(0, &context), j = getAffineDimExpr(1, &context);
  EXPECT_TRUE(sameFunction(*toProgramAffine((i.floorDiv(2) + j).floorDiv(3)), {0, {1, 2, 0}, 6}));
  EXPECT_FALSE(toProgramAffine(i % 4));
  EXPECT_FALSE(toProgramAffine(i * j));
  EXPECT_FALSE(toProgramAffine(i.ceilDiv(3)));
  EXPECT_FALSE(toProgramAffine(i.floorDiv(3) * 8));
  EXPECT_FALSE(toProgramAffine(i.floorDiv(3) + j.floorDiv(3)));
  EXPECT_FALSE(toProgramAffine(i.floorDiv(j)));
  EXPECT_FALSE(toProgramAffine(getAffineSymbolExpr(0, &context)));
  EXPECT_FALSE(toProgramAffine(getAffineDimExpr(3, &context)));
  EXPECT_FALSE(toProgramAffine(i * INT64_MAX + j.floorDiv(2))) << "numbers of more than 64 bits";
  EXPECT_FALSE(toProgramAffine(i.floorDiv(INT64_MAX).floorDiv(INT64_MAX)));
}

std::string list(const std::vector<int64_t> &values, const char *separator) {
  std::string text;
  for (int64_t value : values)
    text += (text.empty() ? "" : separator) + std::to_string(value);
  return text;
}

std::vector<int64_t> randomGrid(Random &random) {
  static constexpr int64_t kExtents[] = {1, 2, 3, 4, 6, 8, 12};
  std::vector<int64_t> grid(size_t(1 + random.below(3)));
  for (int64_t &extent : grid)
    extent = kExtents[random.below(7)];
  return grid;
}

/// "body @NAME grid [..] args(@from, @to)" with tasks that read `offsets` and `sizes` and write a cell each.
std::string launch(const std::string &name, const std::vector<int64_t> &grid, const std::string &from,
                   const std::string &read, const std::string &to) {
  static const std::string kCells[] = {"[i] [1]", "[i, j] [1, 1]", "[i, j, k] [1, 1, 1]"};
  return "  task.launch @" + name + " body @body_" + name + " grid [" + list(grid, ", ") + "] args(@" + from + ", @" +
         to + ") reads [@" + from + read + "] writes [@" + to + kCells[grid.size() - 1] +
         "] cost 50000000 flops 64 bytes\n";
}

/// A box of a tensor of shape `shape` for the tasks of `grid`: in each dimension all of it, or what an index of theirs
/// divides it into.
std::string randomBox(Random &random, const std::vector<int64_t> &shape, const std::vector<int64_t> &grid) {
  std::string offsets, sizes;
  for (int64_t extent : shape) {
    const auto dim = size_t(random.below(int64_t(grid.size())));
    std::string offset = "0";
    int64_t size = extent;
    if (const int64_t tasks = grid[dim]; random.chance(75) && (extent % tasks == 0 || tasks % extent == 0)) {
      offset = std::string(1, "ijk"[dim]);
      offset += tasks > extent ? " floordiv " + std::to_string(tasks / extent) : " * " + std::to_string(extent / tasks);
      size = std::max<int64_t>(extent / tasks, 1);
    }
    offsets += (offsets.empty() ? "" : ", ") + offset;
    sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  }
  return "[" + offsets + "] [" + sizes + "]";
}

/// Two launches: @first writes @t, of whose cells each task of @second reads a box.
std::string randomProgram(Random &random) {
  const std::vector<int64_t> first = randomGrid(random), second = randomGrid(random);
  const std::string t = "memref<" + list(first, "x") + "xf32>", y = "memref<" + list(second, "x") + "xf32>";
  auto body = [](const std::string &name, size_t rank, const std::string &from, const std::string &to) {
    const std::string indices[] = {"%i: index", "%i: index, %j: index", "%i: index, %j: index, %k: index"};
    return "  task.body @body_" + name + "(" + indices[rank - 1] + ", %from: " + from + ", %to: " + to + ") {\n  }\n";
  };
  return "task.program @p target(#task.cpu<\"generic\">) {\n  task.buffer @x : memref<4xf32> input \"x\"\n"
         "  task.buffer @t : " +
         t + " scratch\n  task.buffer @y : " + y + " output \"y\"\n" + body("first", first.size(), "memref<4xf32>", t) +
         body("second", second.size(), t, y) + launch("first", first, "x", "[0] [4]", "t") +
         launch("second", second, "t", randomBox(random, first, second), "y") + "}\n";
}

TEST(GridEvents, AreReadAgain) {
  mlir::DialectRegistry registry;
  registerCompiler(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  Random random(2);
  int parts = 0, sums = 0;
  for (int i = 0; i < 400 && !HasFailure(); ++i) {
    const std::string text = randomProgram(random);
    SCOPED_TRACE(text);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    mlir::PassManager manager(&context);
    mlir::OpPassManager &programs = manager.nest<task::ProgramOp>();
    SyncTasksOptions sync;
    ScheduleTasksOptions schedule;
    sync.workers = schedule.workers = unsigned(1 + random.below(6));
    sync.events = random.chance(80) ? "parts" : "chosen";
    programs.addPass(createPlaceBuffers());
    programs.addPass(createSyncTasks(sync));
    programs.addPass(createScheduleTasks(schedule));
    programs.addPass(createVerifyProgram());
    EXPECT_TRUE(mlir::succeeded(manager.run(*module)));
    std::string printed;
    llvm::raw_string_ostream(printed) << *module;
    auto again = mlir::parseSourceString<mlir::ModuleOp>(printed, &context);
    ASSERT_TRUE(again) << printed;
    EXPECT_TRUE(mlir::succeeded(exportProgram(*again->getOps<task::ProgramOp>().begin())));
    for (auto event : (*module->getOps<task::ProgramOp>().begin()).getOps<task::EventOp>())
      parts += event.getCount() > 1;
    const size_t begin = printed.find("signals ["), end = printed.find(']', begin);
    const std::string signal = begin == std::string::npos ? "" : printed.substr(begin, end - begin);
    sums += signal.find('+') != std::string::npos && signal.find("floordiv") != std::string::npos;
  }
  EXPECT_GT(parts, 100);
  EXPECT_GT(sums, 10);
}

} // namespace
