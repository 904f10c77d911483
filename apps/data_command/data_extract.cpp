// Some images of a data set as PNG files: for a look, or for `convfirst predict`.
#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <string>

#include "apps/command_line.h"
#include "apps/data_command/data_commands.h"
#include "apps/images/loader_options.h"
#include "apps/images/open_data.h"
#include "data/decode.h"
#include "data/preview.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

struct SampleRange {
  std::int64_t first = 0, last = 0;  // [first, last)
};

SampleRange parse_range(const std::string& text, std::int64_t size) {
  SampleRange range;
  const char* const end = text.data() + text.size();
  const auto [colon, first_error] = std::from_chars(text.data(), end, range.first);
  const bool has_colon = first_error == std::errc{} && colon != end && *colon == ':';
  const auto [rest, last_error] = std::from_chars(has_colon ? colon + 1 : end, end, range.last);
  CF_CHECK_AS(ErrorKind::Usage, has_colon && last_error == std::errc{} && rest == end, "--samples is '", text,
              "', must be FIRST:LAST such as 0:10, without sample LAST");
  CF_CHECK_AS(ErrorKind::Usage, range.first >= 0 && range.first < range.last && range.last <= size,
              "--samples is '", text, "', must lie in 0:", size);
  return range;
}

}  // namespace

int run_data_extract(const Command& command, const Arguments& arguments) {
  std::string path, split = "val", samples = "0:10", out;
  CommandLine line(command);
  line.positional("PATH", &path, "data set, as `convfirst data info` takes it");
  line.option("split", &split, "train|val", "which part, where PATH holds both");
  line.option("samples", &samples, "FIRST:LAST", "the samples, counted from 0, without LAST");
  line.option("out,o", &out, "FOLDER", "where to write SAMPLE_LABEL.png");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, !out.empty(), "data extract needs --out FOLDER");

  const auto dataset = open_data({.path = path}, split_from(split));
  const SampleRange range = parse_range(samples, dataset->size());
  std::filesystem::create_directories(out);
  data::Decoder decoder;
  data::EncodedImage encoded;
  data::DecodedImage decoded;
  for (std::int64_t sample = range.first; sample < range.last; ++sample) {
    in_context([&] { return dataset->name(sample); },
               [&] {
                 dataset->read(sample, encoded);
                 decoder.decode(encoded, {.channels = 0}, decoded);
               });
    const std::string file = fmt::format("{}/{:06}_{}.png", out, sample, dataset->label(sample));
    data::write_png(file, decoded.image);
    fmt::print("{}\n", file);
  }
  return 0;
}

}  // namespace cf::apps
