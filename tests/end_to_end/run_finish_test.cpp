// A run to its planned end, and the same command once more.

#include <gtest/gtest.h>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/framework/state_scratch_folder.h"

namespace cf {
namespace {

TEST(RunFinish, EndsWithZeroWhenAllStepsAreDone) {
  const ScratchFolder scratch;
  const ProcessResult result = run_convfirst(tiny_run(scratch / "run", 20));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("finished: 20 steps"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace cf
