// Reads that fail with EIO in the middle of a pack, as on a broken disk.
#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/tiny_run.h"

namespace cf {
namespace {

constexpr std::int64_t kRecords = 64, kImageBytes = 24 * 24;

class FailingDisk : public testing::Test {
 protected:
  void SetUp() override {
    output_of({"data", "pack", "synthetic:classes=4,size=24,channels=1,samples=64", "-o", "a.cfpack"},
              scratch_.path());
  }
  // What comes of a command while reads of bytes [from, end) of a.cfpack fail.
  ProcessResult run(const Arguments& arguments, std::int64_t from, std::int64_t end) const {
    return run_convfirst(arguments,
                         {.folder = scratch_.path(),
                          .environment = {"LD_PRELOAD=" CF_FAILING_DISK, "CF_FAILING_FILE=a.cfpack",
                                          concat("CF_FAILING_FROM=", from), concat("CF_FAILING_END=", end)}});
  }
  const std::filesystem::path& folder() const { return scratch_.path(); }
  std::int64_t pack_bytes() const {
    return static_cast<std::int64_t>(std::filesystem::file_size(scratch_.path() / "a.cfpack"));
  }

 private:
  ScratchFolder scratch_;
};

TEST_F(FailingDisk, VerifyNamesEveryRecordItCannotRead) {
  constexpr std::int64_t kFrom = 20 * kImageBytes;  // records are a little longer, by their names
  const ProcessResult result = run({"data", "verify", "a.cfpack"}, kFrom, kFrom + kImageBytes);
  EXPECT_EQ(result.exit_code, kDataError) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_GE(lines.size(), 1U);
  ASSERT_LE(lines.size(), 3U) << "the records that the bytes touch";
  for (const auto& line : lines) {
    EXPECT_TRUE(line.starts_with("a.cfpack#")) << line;
    EXPECT_NE(line.find("Input/output error"), std::string::npos) << line;
  }
  EXPECT_NE(result.err.find(concat("of ", kRecords, " records")), std::string::npos) << result.err;
  EXPECT_EQ(run({"data", "verify", "a.cfpack"}, 0, 0).exit_code, 0) << "nothing fails by itself";
}

TEST_F(FailingDisk, AnIndexThatCannotBeReadIsAnErrorOfThePack) {
  const ProcessResult result = run({"data", "info", "a.cfpack"}, pack_bytes() - 64, pack_bytes());
  EXPECT_EQ(result.exit_code, kDataError);
  EXPECT_NE(result.err.find("cannot read a.cfpack: Input/output error"), std::string::npos) << result.err;
}

TEST_F(FailingDisk, TrainingEndsAndNamesTheRecord) {
  const ProcessResult result =
      run(tiny_run("run", 4, {"data.train=a.cfpack", "data.val=a.cfpack"}), 5000, 5001);
  EXPECT_EQ(result.exit_code, kDataError) << result.err;
  EXPECT_NE(result.err.find("a.cfpack#"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("cannot read a.cfpack: Input/output error"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace cf
