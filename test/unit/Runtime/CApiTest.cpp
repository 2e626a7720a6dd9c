// Makes the artifacts that CApiTest.c runs.
#include "Synthetic.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace ingot::test;

TEST(CApiTest, WorksFromC11) {
  TemporaryDirectory directory;
  writeArtifact(directory / "mlp.ingot", makeMlp());
  writeArtifact(directory / "decoder.ingot", makeDecoder());
  writeArtifact(directory / "trained.ingot", makeTrained());
  writeFile(directory / "text", std::string(1000, 'a'));
  std::string command = INGOT_C_API_TEST;
  for (const char *name : {"mlp.ingot", "decoder.ingot", "trained.ingot", "text", "run"})
    command += " " + (directory / name);
  EXPECT_EQ(std::system(command.c_str()), 0);
}
