// Makes the artifacts that CApiTest.c runs.
#include "Synthetic.h"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace ingot::test;

TEST(CApiTest, WorksFromC11) {
  TemporaryDirectory directory;
  writeArtifact(directory / "mlp.ingot", makeMlp());
  writeArtifact(directory / "decoder.ingot", makeDecoder());
  EXPECT_EQ(std::system(
                (std::string(INGOT_C_API_TEST) + " " + (directory / "mlp.ingot") + " " + (directory / "decoder.ingot"))
                    .c_str()),
            0);
}
