#include "data/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "data/decode.h"
#include "data/files.h"
#include "kernels/base/check.h"
#include "kernels/base/threads.h"

namespace cf::data {
namespace {

// Sums of bytes are integers: their total is exact in any order.
struct Sums {
  std::array<std::uint64_t, 3> values{}, squares{};
  std::uint64_t pixels = 0;
};

std::string kind_of(const EncodedImage& encoded, const ImageHeader& header) {
  return concat(header.progressive ? "progressive " : "", name_of(encoded.encoding));
}

void add_pixels(const Image& image, Sums& sums) {
  const std::size_t channels = static_cast<std::size_t>(image.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    std::uint64_t value = 0, square = 0;
    for (std::size_t i = c; i < image.pixels.size(); i += channels) {
      value += image.pixels[i];
      square += std::uint64_t{image.pixels[i]} * image.pixels[i];
    }
    sums.values[c] += value;
    sums.squares[c] += square;
  }
  sums.pixels += image.pixels.size() / channels;
}

class Collector {
 public:
  explicit Collector(const Dataset& dataset) : dataset_(dataset) {}

  void add(std::int64_t sample, bool moments) {
    dataset_.read(sample, encoded_);
    in_context([&] { return dataset_.name(sample); },
               [&] {
                 const ImageHeader header = decoder_.header(encoded_);
                 ++found.images;
                 ++found.encodings[kind_of(encoded_, header)];
                 ++found.colours[std::string(header.colours)];
                 ++found.sizes[{header.height, header.width}];
                 found.bytes += static_cast<std::int64_t>(encoded_.bytes.size());
                 if (!moments) return;
                 decoder_.decode(encoded_, {.channels = dataset_.channels()}, decoded_);
                 add_pixels(decoded_.image, sums);
               });
  }

  DatasetStatistics found;
  Sums sums;

 private:
  const Dataset& dataset_;
  Decoder decoder_;
  EncodedImage encoded_;
  DecodedImage decoded_;
};

template <class Key>
void add_counts(const std::map<Key, std::int64_t>& from, std::map<Key, std::int64_t>& to) {
  for (const auto& [key, count] : from) to[key] += count;
}

void set_moments(const Sums& sums, int channels, DatasetStatistics& out) {
  out.has_moments = true;
  const auto pixels = static_cast<double>(sums.pixels);
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const double mean = static_cast<double>(sums.values[c]) / pixels;
    const double variance = static_cast<double>(sums.squares[c]) / pixels - mean * mean;
    out.mean[c] = mean / 255;
    out.deviation[c] = std::sqrt(std::max(0.0, variance)) / 255;
  }
}

}  // namespace

DatasetStatistics measure(const Dataset& dataset, const StatisticsOptions& options) {
  CF_CHECK_AS(ErrorKind::Usage, options.limit >= 0, "the limit is ", options.limit, ", must not be negative");
  const std::int64_t size = dataset.size();
  const std::int64_t count = options.limit == 0 ? size : std::min(size, options.limit);
  Threads threads(options.threads);
  std::vector<std::unique_ptr<Collector>> collectors;
  for (int t = 0; t < options.threads; ++t) collectors.push_back(std::make_unique<Collector>(dataset));
  threads.run([&](int thread) {
    const Range range = part_of(count, 1, thread, options.threads);
    for (std::int64_t i = range.first; i < range.last; ++i) {
      collectors[static_cast<std::size_t>(thread)]->add(i * size / count, options.moments);
    }
  });
  DatasetStatistics total;
  Sums sums;
  for (const auto& part : collectors) {
    total.images += part->found.images;
    total.bytes += part->found.bytes;
    add_counts(part->found.encodings, total.encodings);
    add_counts(part->found.colours, total.colours);
    add_counts(part->found.sizes, total.sizes);
    sums.pixels += part->sums.pixels;
    for (std::size_t c = 0; c < 3; ++c) {
      sums.values[c] += part->sums.values[c];
      sums.squares[c] += part->sums.squares[c];
    }
  }
  total.per_class.resize(dataset.class_names().size());
  for (std::int64_t i = 0; i < size; ++i) ++total.per_class[static_cast<std::size_t>(dataset.label(i))];
  if (options.moments && sums.pixels > 0) set_moments(sums, dataset.channels(), total);
  return total;
}

std::map<int, std::int64_t> histogram_of_sides(const DatasetStatistics& statistics) {
  std::map<int, std::int64_t> histogram;
  for (const auto& [size, count] : statistics.sizes) {
    const auto side = static_cast<unsigned>(std::min(size.first, size.second));
    histogram[static_cast<int>(std::bit_floor(side))] += count;
  }
  return histogram;
}

}  // namespace cf::data
