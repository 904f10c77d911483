#include "data/formats/raw_dataset.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

class RawDataset final : public Dataset {
 public:
  RawDataset(RawSamples samples, int channels)
      : samples_(std::move(samples)), channels_(channels == 0 ? samples_.channels : channels) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.labels.size()); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return samples_.class_names; }
  std::int64_t label(std::int64_t sample) const override {
    return samples_.labels.at(static_cast<std::size_t>(sample));
  }
  std::string name(std::int64_t sample) const override { return samples_.name(sample); }

  void read(std::int64_t sample, EncodedImage& out) const override {
    CF_CHECK(sample >= 0 && sample < size(), "sample ", sample, " of ", size());
    out.encoding = ImageEncoding::Raw;
    out.height = samples_.height;
    out.width = samples_.width;
    out.channels = samples_.channels;
    const std::int64_t bytes = std::int64_t{samples_.height} * samples_.width * samples_.channels;
    const auto first = samples_.pixels.begin() + sample * bytes;
    out.bytes.assign(first, first + bytes);
  }

 private:
  RawSamples samples_;
  int channels_;
};

}  // namespace

std::string RawSamples::name(std::int64_t sample) const {
  const auto next = std::upper_bound(files.begin(), files.end(), sample,
                                     [](std::int64_t s, const File& f) { return s < f.first_sample; });
  const File& file = *(next - 1);
  return concat(file.path, "#", sample - file.first_sample);
}

void RawSamples::check_labels() const {
  const auto classes = static_cast<std::int32_t>(class_names.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    CF_CHECK_AS(ErrorKind::Data, labels[i] >= 0 && labels[i] < classes, name(static_cast<std::int64_t>(i)),
                ": label ", labels[i], " is outside the ", classes, " classes");
  }
}

std::unique_ptr<Dataset> make_raw_dataset(RawSamples samples, int channels) {
  samples.check_labels();
  return std::make_unique<RawDataset>(std::move(samples), channels);
}

}  // namespace cf::data
