#include "runtime/cpu/Prefetch.h"

#include <gtest/gtest.h>

using namespace ingot::program;
using namespace ingot::runtime;

namespace {

/// A launch of six tasks that read one panel [8, 16] each of @w [6, 8, 16] f32 (512 bytes a panel), its input @x, and
/// for every second task one column of @v [4, 6], which has gaps.
Program panels() {
  Program program;
  program.buffers = {{"w", BufferKind::Param, "w", DType::f32, {6, 8, 16}},
                     {"x", BufferKind::Input, "x", DType::f32, {8}},
                     {"v", BufferKind::Param, "v", DType::f32, {4, 6}}};
  Launch launch;
  launch.grid = {6};
  Affine task;
  task.coefficients[0] = 1;
  launch.reads = {{0, {task, {}, {}}, {1, 8, 16}, /*stream=*/true},
                  {1, {{}}, {8}, /*stream=*/false},
                  {2, {{}, task}, {4, 1}, /*stream=*/true}};
  program.launches = {launch};
  return program;
}

class PrefetchTest : public testing::Test {
protected:
  std::vector<Area> areas(int64_t begin, int64_t end, uint64_t limit) {
    return streamedAreas(program, {0, begin, end}, buffers, limit);
  }

  Program program = panels();
  std::vector<std::byte> memory = std::vector<std::byte>(6 * 512 + 32 + 96);
  std::vector<std::byte *> buffers = {memory.data(), memory.data() + 6 * 512, memory.data() + 6 * 512 + 32};
};

TEST_F(PrefetchTest, TasksOfARangeStreamConsecutivePanels) {
  std::vector<Area> found = areas(2, 5, 1 << 20);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].begin, memory.data() + 2 * 512);
  EXPECT_EQ(found[0].bytes, 3u * 512);
}

TEST_F(PrefetchTest, StopsAtTheLimit) {
  std::vector<Area> found = areas(1, 6, 700);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].begin, memory.data() + 512);
  EXPECT_EQ(found[0].bytes, 700u);
}

TEST_F(PrefetchTest, BoxesWithoutGapsOnly) {
  program.launches[0].reads.erase(program.launches[0].reads.begin());
  EXPECT_TRUE(areas(0, 6, 1 << 20).empty());
  program.launches[0].reads[1] = {2, {{}, {}}, {3, 6}, /*stream=*/true}; // whole rows
  std::vector<Area> found = areas(0, 1, 1 << 20);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].bytes, 3u * 6 * 4);
}

TEST_F(PrefetchTest, WeightsThatAreNotLoadedHaveNoArea) {
  buffers[0] = nullptr;
  EXPECT_TRUE(areas(2, 5, 1 << 20).empty());
}

TEST_F(PrefetchTest, WalksThroughAllLines) {
  const std::vector<Area> both = {{memory.data(), 1000}, {memory.data() + 1024, 64}};
  Prefetch prefetch(both);
  EXPECT_TRUE(prefetch.advance()); // 8 lines
  EXPECT_TRUE(prefetch.advance()); // the rest of the first area
  EXPECT_TRUE(prefetch.advance()); // the second
  EXPECT_FALSE(prefetch.advance());
  EXPECT_FALSE(Prefetch({}).advance());
}

} // namespace
