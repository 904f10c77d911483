// Pictures taken out of a data set, and their predicted classes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

TEST(PredictPictures, ReadsAFolderOfPng) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run", pictures = scratch / "pictures";
  const ProcessResult trained = run_convfirst(tiny_run(run, 4));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const ProcessResult extracted =
      run_convfirst({"data", "extract", "synthetic:classes=4,size=24,channels=1,samples=64", "--samples",
                     "3:6", "-o", pictures});
  ASSERT_EQ(extracted.exit_code, 0) << extracted.err;

  const ProcessResult predicted =
      run_convfirst({"predict", run, pictures, "--topk", "2", "--format", "jsonl"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  std::istringstream lines(predicted.out);
  int images = 0;
  for (std::string line; std::getline(lines, line); ++images) {
    EXPECT_NE(line.find(".png"), std::string::npos) << line;
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(images, 3) << predicted.out;
}

}  // namespace
}  // namespace cf
