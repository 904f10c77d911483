// convfirst data pack and data verify.
#include <thread>

#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

class CommandData : public testing::Test {
 protected:
  void write_pictures() const {
    for (const char* name : {"ant", "bee"}) {
      std::filesystem::create_directories(folder() / "pictures" / name);
      for (int i = 0; i < 6; ++i) {
        write_jpeg(folder() / "pictures" / name / concat(i, ".jpg"),
                   random_image(30 + i, 3, static_cast<std::uint64_t>(i)));
      }
    }
  }
  const std::filesystem::path& folder() const { return scratch_.path(); }
  std::string output(const Arguments& arguments) const { return output_of(arguments, folder()); }
  void refuse(const Arguments& arguments, int exit_code,
              std::initializer_list<std::string_view> words) const {
    expect_refused(folder(), arguments, exit_code, words);
  }

 private:
  ScratchFolder scratch_;
};

TEST_F(CommandData, PackSaysWhatItWrote) {
  write_pictures();
  const std::string said =
      output({"data", "pack", "pictures", "--shorter-side", "32", "--quality", "80", "-o", "a.cfpack"});
  EXPECT_TRUE(said.starts_with("a.cfpack: 12 images of 2 classes, ")) << said;
  EXPECT_NE(said.find("6 made smaller"), std::string::npos) << said;
  output({"data", "pack", "pictures", "--shorter-side", "32", "--quality", "80", "--workers", "3", "-o",
          "b.cfpack"});
  EXPECT_EQ(read_bytes(folder() / "a.cfpack"), read_bytes(folder() / "b.cfpack"));
  EXPECT_NE(output({"data", "verify", "a.cfpack"}).find("all 12 images of 2 classes are good"),
            std::string::npos);
  refuse({"data", "pack", "pictures", "-o", "a.cfpack"}, 2, {"a.cfpack is there already"});
}

TEST_F(CommandData, VerifyListsEveryBadRecord) {
  write_pictures();
  const std::string jpeg = read_bytes(folder() / "pictures/bee/3.jpg");
  write_bytes(folder() / "pictures/bee/3.jpg", jpeg.substr(0, jpeg.size() / 2));
  write_bytes(folder() / "pictures/ant/1.jpg", "text");
  const ProcessResult result = run_convfirst({"data", "verify", "pictures"}, {.folder = folder()});
  EXPECT_EQ(result.exit_code, kDataError);
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 2U) << result.out;
  EXPECT_TRUE(lines[0].starts_with("pictures/ant/1.jpg is neither JPEG nor PNG")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("pictures/bee/3.jpg: cannot decode JPEG")) << lines[1];
  EXPECT_NE(result.err.find("2 of 12 records of pictures are bad"), std::string::npos) << result.err;

  refuse({"data", "pack", "pictures", "-o", "a.cfpack"}, kDataError, {"pictures/ant/1.jpg"});
  // What is stored as it is has only its header looked at, so that the half image is packed, and found later.
  const ProcessResult packed =
      run_convfirst({"data", "pack", "pictures", "--skip-bad", "-o", "a.cfpack"}, {.folder = folder()});
  EXPECT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_NE(packed.err.find("left out: pictures/ant/1.jpg"), std::string::npos) << packed.err;
  EXPECT_NE(packed.out.find("11 images of 2 classes"), std::string::npos) << packed.out;
  const ProcessResult again = run_convfirst({"data", "verify", "a.cfpack"}, {.folder = folder()});
  EXPECT_EQ(again.exit_code, kDataError);
  EXPECT_NE(again.out.find("bee/3.jpg"), std::string::npos) << again.out;
}

TEST_F(CommandData, AFlippedByteIsFoundAndAFlippedIndexRefused) {
  write_pictures();
  output({"data", "pack", "pictures", "-o", "a.cfpack"});
  const std::string whole = read_bytes(folder() / "a.cfpack");
  std::string bad = whole;
  bad[200] = static_cast<char>(bad[200] ^ 4);
  write_bytes(folder() / "a.cfpack", bad);
  const ProcessResult result = run_convfirst({"data", "verify", "a.cfpack"}, {.folder = folder()});
  EXPECT_EQ(result.exit_code, kDataError);
  EXPECT_NE(result.out.find("a.cfpack#0 (ant/0.jpg): the record's checksum is wrong"), std::string::npos)
      << result.out;
  bad = whole;
  bad[whole.size() - 10] = static_cast<char>(bad[whole.size() - 10] ^ 4);
  write_bytes(folder() / "a.cfpack", bad);
  refuse({"data", "verify", "a.cfpack"}, kDataError, {"a.cfpack: the index's checksum is wrong"});
  write_bytes(folder() / "a.cfpack", whole.substr(0, whole.size() - 100));
  refuse({"data", "verify", "a.cfpack"}, kDataError, {"a.cfpack", "truncated"});
}

TEST_F(CommandData, PackingThatWasKilledBeginsAnew) {
  const std::string source = "synthetic:classes=10,size=64,channels=3,samples=20000";
  {
    ConvfirstProcess packing({"data", "pack", source, "--workers", "1", "-o", "a.cfpack"},
                             {.folder = folder()});
    ASSERT_TRUE(packing.wait_for_message("packing 20,000 images"));
    std::error_code ignored;
    while (std::filesystem::file_size(folder() / "a.cfpack.partial", ignored) + 1 < 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(packing.kill_and_wait().exit_code, -9);
  }
  EXPECT_TRUE(std::filesystem::exists(folder() / "a.cfpack.partial"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "a.cfpack"));
  output({"data", "pack", "synthetic:samples=50", "-o", "a.cfpack"});
  EXPECT_FALSE(std::filesystem::exists(folder() / "a.cfpack.partial"));
  EXPECT_NE(output({"data", "verify", "a.cfpack"}).find("all 50 images"), std::string::npos);
}

TEST_F(CommandData, AFullDiskIsSaidAndLeavesNothing) {
  const ProcessResult result =
      run_convfirst({"data", "pack", "synthetic:samples=3000,size=32", "-o", "a.cfpack"},
                    {.folder = folder(), .max_file_bytes = 5 << 20});
  EXPECT_EQ(result.exit_code, kDataError);
  EXPECT_NE(result.err.find("cannot write a.cfpack.partial: File too large"), std::string::npos)
      << result.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST_F(CommandData, WrongOptionsAreRefused) {
  refuse({"data", "pack", "synthetic"}, 2, {"--out FILE.cfpack"});
  refuse({"data", "pack", "synthetic", "-o", "a.cfpack", "--quality", "0"}, 2, {"--quality 0", "1 to 100"});
  refuse({"data", "pack", "synthetic", "-o", "a.cfpack", "--workers", "0"}, 2,
         {"--workers is 0", "from 1 to 1024"});
  refuse({"data", "pack", "synthetic", "-o", "a.cfpack", "--shorter-side", "-1"}, 2, {"--shorter-side -1"});
  refuse({"data", "pack", "synthetic", "-o", "nowhere/a.cfpack"}, 3,
         {"cannot write nowhere/a.cfpack.partial"});
  refuse({"data", "verify", "nothere"}, 3, {"nothere", "does not exist"});
}

TEST_F(CommandData, TrainingReplacesCorruptImagesAndSaysSo) {
  for (const char* name : {"a", "b", "c", "d"}) {
    std::filesystem::create_directories(folder() / "pictures" / name);
    for (int i = 0; i < 8; ++i) {
      write_jpeg(folder() / "pictures" / name / concat(i, ".jpg"),
                 random_image(24, 3, static_cast<std::uint64_t>(i)));
    }
  }
  std::filesystem::copy(folder() / "pictures", folder() / "val", std::filesystem::copy_options::recursive);
  write_bytes(folder() / "pictures/b/2.jpg", "text");
  write_bytes(folder() / "pictures/c/3.jpg", "text");
  const auto train = [&](const std::string& limit) {
    return run_convfirst(tiny_run("run", 4,
                                  {"data.train=pictures", "data.val=val", "data.on_corrupt=substitute",
                                   "data.corrupt_limit=" + limit, "train.size=24"}),
                         {.folder = folder()});
  };
  const ProcessResult too_many = train("1");
  EXPECT_EQ(too_many.exit_code, kDataError);
  EXPECT_NE(too_many.err.find("2 samples are corrupt, more than the limit of 1"), std::string::npos)
      << too_many.err;
  std::filesystem::remove_all(folder() / "run");
  const ProcessResult result = train("2");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* path : {"pictures/b/2.jpg", "pictures/c/3.jpg"}) {
    const auto at = result.err.find(concat(path, " is neither JPEG nor PNG"));
    EXPECT_NE(at, std::string::npos) << result.err;
    EXPECT_EQ(result.err.find(path, at + 1), std::string::npos) << "said twice:\n" << result.err;
  }
}

}  // namespace
}  // namespace cf
