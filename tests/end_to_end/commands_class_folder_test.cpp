// A user's own folder of pictures, from training to a prediction with a name.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using nlohmann::json;

// One colour under noise, of a size of its own.
data::Image coloured(int colour, std::uint64_t stream) {
  Philox random(31, Purpose::Test, stream);
  data::Image image;
  image.reshape(20 + static_cast<int>(random.below(20)), 20 + static_cast<int>(random.below(20)), 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const bool is_the_colour = static_cast<int>(i % 3) == colour;
    image.pixels[i] = static_cast<std::uint8_t>((is_the_colour ? 150 : 20) + random.below(90));
  }
  return image;
}

TEST(ClassFolder, IsTrainedEvaluatedAndPredicted) {
  const ScratchFolder scratch;
  const char* classes[] = {"blue", "green", "red"};
  const int colours[] = {2, 1, 0};
  for (int k = 0; k < 3; ++k) {
    for (const auto& [split, count] : {std::pair("train", 16), std::pair("val", 8)}) {
      const auto folder = scratch.path() / "pictures" / split / classes[k];
      std::filesystem::create_directories(folder);
      for (int i = 0; i < count; ++i) {
        const auto image =
            coloured(colours[k], static_cast<std::uint64_t>(100 * k + i) + (count == 8 ? 50 : 0));
        if (i % 2 == 0) {
          write_jpeg(folder / concat(i, ".jpg"), image);
        } else {
          data::write_png(folder / concat(i, ".png"), image);
        }
      }
    }
  }
  const ProcessResult trained =
      run_convfirst(tiny_run("run", 40,
                             {"data.train=pictures", "data.val=pictures", "model.channels=3",
                              "model.classes=3", "train.batch=16", "train.norm_batch=16", "optimizer.lr=0.01",
                              "checkpoint.every=40st", "eval.every=40st", "model.drop_path=0"}),
                    {.folder = scratch.path()});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;

  const json result = json::parse(
      output_of({"eval", "run", "--data", "pictures/val", "--weights", "raw", "--json"}, scratch.path()));
  EXPECT_EQ(result["images"], 24);
  EXPECT_GE(result["top1"].get<double>(), 0.95);

  const auto rows = lines_of(output_of({"predict", "run", "pictures/val/green", "pictures/val/red/1.png",
                                        "--weights", "raw", "--topk", "1", "--format", "jsonl"},
                                       scratch.path()));
  ASSERT_EQ(rows.size(), 9U);
  int right = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    right += json::parse(rows[i])["predictions"][0]["class"] == (i < 8 ? "green" : "red");
  }
  EXPECT_GE(right, 8);
}

}  // namespace
}  // namespace cf
