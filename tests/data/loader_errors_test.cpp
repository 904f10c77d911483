// What a loader does with samples that cannot be read, options that cannot work, and memory that is not
// there.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/corrupt_records.h"
#include "tests/data/expect_error.h"
#include "tests/data/loader_batches.h"

namespace cf::data {
namespace {

// Fails for chosen samples.
class Faulty final : public Dataset {
 public:
  explicit Faulty(std::set<std::int64_t> bad) : bad_(std::move(bad)), good_(synthetic()) {}
  std::int64_t size() const override { return good_->size(); }
  int channels() const override { return 3; }
  const std::vector<std::string>& class_names() const override { return good_->class_names(); }
  std::int64_t label(std::int64_t sample) const override { return good_->label(sample); }
  std::string name(std::int64_t sample) const override { return concat("folder/", sample, ".jpg"); }
  void read(std::int64_t sample, EncodedImage& out) const override {
    good_->read(sample, out);
    if (bad_.contains(sample)) {
      out.encoding = ImageEncoding::Jpeg;
      out.bytes.resize(10);
    }
  }

 private:
  std::set<std::int64_t> bad_;
  std::unique_ptr<Dataset> good_;
};

TEST(Loader, AnErrorReachesItsBatchWithTheNameOfTheFirstBadSample) {
  for (const int threads : {1, 3}) {
    const Faulty data({10, 9, 31});
    Loader loader(data, evaluation(8, threads));
    EXPECT_EQ(loader.next().size(), 8);
    expect_error(ErrorKind::Data, {"folder/9.jpg", "JPEG"}, [&] { loader.next(); });
    EXPECT_EQ(loader.next().samples[0], 16);
    expect_error(ErrorKind::Data, {"folder/31.jpg"}, [&] { loader.next(); });
    EXPECT_EQ(loader.next().samples[0], 32);
  }
}

TEST(Loader, SubstitutesTheNextReadableSampleOfTheClass) {
  const Faulty data({9, 19, 49});  // of class 9, as are 29 and 39
  LoaderOptions options = training(10, 1);
  options.on_corrupt = OnCorrupt::Substitute;
  const auto expected = take(data, options, 5);
  std::multiset<std::int64_t> seen;
  for (const Batch& batch : expected) {
    for (std::size_t i = 0; i < batch.samples.size(); ++i) {
      seen.insert(batch.samples[i]);
      EXPECT_EQ(batch.labels[i], data.label(batch.samples[i]));
    }
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(seen.count(9) + seen.count(19) + seen.count(49), 0u);
  EXPECT_EQ(seen.count(29), 4u);
  options.threads = 3;
  std::vector<BadRecord> corrupt;
  options.on_substitute = [&](const BadRecord& record, std::int64_t count) {
    corrupt.push_back(record);
    EXPECT_EQ(count, std::ssize(corrupt));
  };
  {
    Loader loader(data, options);
    for (const Batch& batch : expected) EXPECT_TRUE(equal(loader.next(), batch));
  }
  std::sort(corrupt.begin(), corrupt.end(), [](const auto& a, const auto& b) { return a.sample < b.sample; });
  ASSERT_EQ(corrupt.size(), 3u);
  EXPECT_EQ(corrupt[1].sample, 19);
  EXPECT_NE(corrupt[1].message.find("folder/19.jpg"), std::string::npos);
}

TEST(Loader, TooManyCorruptSamplesAreAnError) {
  LoaderOptions options = training(50, 2);
  options.on_corrupt = OnCorrupt::Substitute;
  options.corrupt_limit = 2;
  const Faulty three({9, 19, 49});
  expect_error(ErrorKind::Data, {"3 samples are corrupt", "limit of 2", "folder/"},
               [&] { take(three, options, 1); });
  options.corrupt_limit = 100;
  const Faulty all_of_a_class({9, 19, 29, 39, 49});
  expect_error(ErrorKind::Data, {"folder/"}, [&] { take(all_of_a_class, options, 1); });
  LoaderOptions in_evaluation = evaluation(8, 1);
  in_evaluation.on_corrupt = OnCorrupt::Substitute;
  expect_error(ErrorKind::Usage, {"training only"}, [&] { Loader loader(three, in_evaluation); });
}

TEST(CorruptRecords, FailForEveryCallOnceThereAreTooMany) {
  int reported = 0;
  CorruptRecords records(1, [&](const BadRecord&, std::int64_t) { ++reported; });
  records.add(5, "five");
  records.add(5, "five");
  for (const std::int64_t sample : {7, 7, 5}) {
    expect_error(ErrorKind::Data, {"2 samples are corrupt", "limit of 1"},
                 [&] { records.add(sample, "bad"); });
  }
  EXPECT_EQ(reported, 2);
}

TEST(Loader, RefusesOptionsThatCannotWork) {
  const auto data = synthetic();
  expect_error(ErrorKind::Usage, {"64", "50"}, [&] { Loader loader(*data, training(64, 1)); });
  expect_error(ErrorKind::Usage, {"batch is 0"}, [&] { Loader loader(*data, training(0, 1)); });
  expect_error(ErrorKind::Usage, {"threads is 0"}, [&] { Loader loader(*data, training(8, 0)); });
  LoaderOptions beyond = training(8, 1);
  beyond.first_batch = 7;
  expect_error(ErrorKind::Usage, {"batch 7", "6 batches"}, [&] { Loader loader(*data, beyond); });
  LoaderOptions flip = training(8, 1);
  flip.augmentation.flip = 1.5f;
  expect_error(ErrorKind::Usage, {"flip", "1.5"}, [&] { Loader loader(*data, flip); });
}

TEST(Loader, ABatchWithoutMemoryIsAnErrorOfTheConsumer) {
  const auto dataset = synthetic();
  LoaderOptions options = evaluation(2, 2);
  options.height = 1 << 30;
  options.width = 2147483647;
  Loader loader(*dataset, options);
  expect_error(ErrorKind::Device, {"no memory for a batch of 2 images of 1073741824x2147483647 pixels"},
               [&] { loader.next(); });
}

}  // namespace
}  // namespace cf::data
