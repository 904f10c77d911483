#include "data/pack.h"

#include <algorithm>

#include "data/decode.h"
#include "data/formats/imagenet_classes.h"
#include "data/formats/jpeg_encode.h"
#include "data/formats/pack.h"
#include "data/record_pipeline.h"
#include "data/resize.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr std::int64_t kReportEvery = 1000;

// What a thread keeps from image to image.
struct Shrinker {
  Decoder decoder;
  Resizer resizer;
  DecodedImage decoded;
  Image resized;
};

// One record on its way into the pack.
struct Packed {
  EncodedImage image;
  ImageSize size;
  bool was_resized = false;
  std::string error;  // empty: fine
};

void report(const OnProgress& on_progress, std::int64_t done, std::int64_t total, std::int64_t bytes) {
  if (on_progress && (done % kReportEvery == 0 || done == total)) on_progress({done, total, bytes});
}

// Runs body; a Data error becomes its message, with the sample's name.
template <class Body>
std::string error_of(const Dataset& dataset, std::int64_t sample, const Body& body) {
  try {
    body();
    return {};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Data) throw;
    const std::string name = dataset.name(sample), message = error.what();
    return message.find(name) != std::string::npos ? message : concat(name, ": ", message);
  }
}

void shrink(Shrinker& worker, const ImageHeader& header, const PackOptions& options, Packed& out) {
  worker.decoder.decode(out.image, {.channels = 0}, worker.decoded);
  const int shorter = std::min(header.height, header.width);
  const auto scaled = [&](int extent) {
    return static_cast<int>(std::int64_t{extent} * options.shorter_side / shorter);
  };
  out.size = {scaled(header.height), scaled(header.width)};
  worker.resizer.resize(worker.decoded.image, out.size, Filter::Bicubic, worker.resized);
  encode_jpeg(worker.resized, options.quality, out.image.bytes);
  out.image.encoding = ImageEncoding::Jpeg;
  out.was_resized = true;
}

void make_record(const Dataset& dataset, std::int64_t sample, const PackOptions& options, Shrinker& worker,
                 Packed& out) {
  out.was_resized = false;
  out.error = error_of(dataset, sample, [&] {
    dataset.read(sample, out.image);
    const ImageHeader header = worker.decoder.header(out.image);
    out.size = {header.height, header.width};
    const bool too_big =
        options.shorter_side > 0 && std::min(header.height, header.width) > options.shorter_side;
    if (too_big) shrink(worker, header, options, out);
  });
}

// The sample's name, below the source where that is its folder: a pack shall not depend on where it was made.
std::string name_in_pack(const Dataset& dataset, std::int64_t sample, const std::string& source) {
  std::string name = dataset.name(sample);
  if (!source.empty() && name.starts_with(source)) name.erase(0, name.find_first_not_of('/', source.size()));
  return name;
}

PackDescription describe(const Dataset& dataset, const std::string& source) {
  PackDescription description{.class_names = dataset.class_names(),
                              .class_ids = {},
                              .channels = dataset.channels(),
                              .source = source};
  if (!are_imagenet_ids(description.class_names)) return description;
  description.class_ids = description.class_names;
  for (std::string& name : description.class_names) name = readable_class_name(name);
  return description;
}

void check(const PackOptions& options) {
  CF_CHECK_AS(ErrorKind::Usage, options.shorter_side >= 0, "the shorter side is ", options.shorter_side,
              ", must not be negative");
  CF_CHECK_AS(ErrorKind::Usage, options.quality >= 1 && options.quality <= 100, "the quality is ",
              options.quality, ", must be 1 ... 100");
  CF_CHECK_AS(ErrorKind::Usage, options.threads >= 1, "threads is ", options.threads, ", must be at least 1");
}

}  // namespace

PackResult pack(const Dataset& dataset, const std::string& path, const PackOptions& options) {
  check(options);
  PackWriter writer(path, describe(dataset, options.source));
  PackResult result;
  const std::int64_t size = dataset.size();
  for_each_record<Shrinker, Packed>(
      size, options.threads,
      [&](Shrinker& worker, std::int64_t sample, Packed& packed) {
        make_record(dataset, sample, options, worker, packed);
      },
      [&](std::int64_t sample, const Packed& packed) {
        if (packed.error.empty()) {
          writer.add(packed.image, packed.size, dataset.label(sample),
                     name_in_pack(dataset, sample, options.source));
          result.resized += packed.was_resized;
        } else {
          CF_CHECK_AS(ErrorKind::Data, options.skip_bad, packed.error);
          result.skipped.push_back({sample, packed.error});
        }
        report(options.on_progress, sample + 1, size, writer.bytes());
      });
  writer.finish();
  result.records = writer.records();
  result.bytes = writer.bytes();
  return result;
}

std::vector<BadRecord> verify(const Dataset& dataset, int threads, const OnProgress& on_progress) {
  CF_CHECK_AS(ErrorKind::Usage, threads >= 1, "threads is ", threads, ", must be at least 1");
  std::vector<BadRecord> bad;
  std::int64_t bytes = 0;
  const std::int64_t size = dataset.size();
  for_each_record<Shrinker, Packed>(
      size, threads,
      [&](Shrinker& worker, std::int64_t sample, Packed& packed) {
        packed.image.bytes.clear();
        packed.error = error_of(dataset, sample, [&] {
          dataset.read(sample, packed.image);
          worker.decoder.decode(packed.image, {.channels = 0}, worker.decoded);
        });
      },
      [&](std::int64_t sample, const Packed& packed) {
        bytes += std::ssize(packed.image.bytes);
        if (!packed.error.empty()) bad.push_back({sample, packed.error});
        report(on_progress, sample + 1, size, bytes);
      });
  return bad;
}

}  // namespace cf::data
