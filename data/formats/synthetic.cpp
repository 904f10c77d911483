#include "data/formats/synthetic.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/philox.h"

namespace cf::data {
namespace {

struct SyntheticOptions {
  int classes = 10, size = 32, channels = 3, samples = 1000;
};

int parse_value(std::string_view key, std::string_view text, int highest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  CF_CHECK_AS(ErrorKind::Usage,
              error == std::errc{} && end == text.data() + text.size() && value >= 1 && value <= highest,
              "synthetic data: ", key, " is '", text, "', must be a number from 1 to ", highest);
  return value;
}

SyntheticOptions parse(std::string_view text) {
  SyntheticOptions options;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const auto equals = item.find('=');
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : item.substr(equals + 1);
    if (key == "classes") {
      options.classes = parse_value(key, value, 100'000);
    } else if (key == "size") {
      options.size = parse_value(key, value, 4096);
    } else if (key == "channels") {
      options.channels = parse_value(key, value, 3);
      CF_CHECK_AS(ErrorKind::Usage, options.channels != 2, "synthetic data: channels is 2, must be 1 or 3");
    } else if (key == "samples") {
      options.samples = parse_value(key, value, 1'000'000'000);
    } else {
      fail(ErrorKind::Usage, "synthetic data: unknown key '", key,
           "', must be classes, size, channels or samples");
    }
  }
  return options;
}

class Synthetic final : public Dataset {
 public:
  Synthetic(const SyntheticOptions& options, Split split, int channels)
      : options_(options), split_(split), channels_(channels == 0 ? options.channels : channels) {
    for (int c = 0; c < options.classes; ++c) class_names_.push_back(concat("class ", c));
  }

  std::int64_t size() const override { return options_.samples; }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t sample) const override { return sample % options_.classes; }
  std::string name(std::int64_t sample) const override {
    return concat("synthetic:", split_ == Split::Train ? "train" : "val", "#", sample);
  }
  void read(std::int64_t sample, EncodedImage& out) const override;

 private:
  SyntheticOptions options_;
  Split split_;
  int channels_;
  std::vector<std::string> class_names_;
};

void Synthetic::read(std::int64_t sample, EncodedImage& out) const {
  CF_CHECK(sample >= 0 && sample < size(), "sample ", sample, " of ", size());
  constexpr int kSquares = 4;  // a side
  const int side = options_.size, channels = options_.channels;
  const auto stream = static_cast<std::uint64_t>(sample);
  constexpr std::uint64_t kPatterns = 0;
  const std::uint64_t noise_of_split = split_ == Split::Train ? 1 : 2;

  int pattern[kSquares * kSquares][3];
  Philox colours(0, Purpose::SyntheticData, kPatterns, static_cast<std::uint64_t>(label(sample)));
  for (auto& square : pattern) {
    for (int& value : square) value = 64 + static_cast<int>(colours.bits() >> 25);  // 64 ... 191
  }

  out.encoding = ImageEncoding::Raw;
  out.height = out.width = side;
  out.channels = channels;
  out.bytes.clear();
  Philox noise(0, Purpose::SyntheticData, noise_of_split, stream);
  std::uint32_t bits = 0;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const auto& square = pattern[y * kSquares / side * kSquares + x * kSquares / side];
      for (int c = 0; c < channels; ++c) {
        bits = out.bytes.size() % 4 == 0 ? noise.bits() : bits >> 8;
        const int value = square[c] + static_cast<int>(bits & 127u) - 64;
        out.bytes.push_back(static_cast<std::uint8_t>(std::clamp(value, 0, 255)));
      }
    }
  }
}

}  // namespace

std::unique_ptr<Dataset> open_synthetic(const std::string& options, Split split, int channels) {
  return std::make_unique<Synthetic>(parse(options), split, channels);
}

}  // namespace cf::data
