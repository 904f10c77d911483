#include "data/formats/pack_description.h"

#include <cstring>
#include <string>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

void put(std::vector<std::uint8_t>& out, std::uint32_t value) {
  const auto at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

void put(std::vector<std::uint8_t>& out, const std::string& text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

class Parser {
 public:
  explicit Parser(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  std::uint32_t number() {
    std::uint32_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() {
    const auto bytes = take(number());
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::string> texts(std::uint32_t count) {
    std::vector<std::string> all;
    for (std::uint32_t i = 0; i < count; ++i) all.push_back(text());
    return all;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> take(std::size_t count) {
    CF_CHECK_AS(ErrorKind::Data, count <= rest_.size(), "the description ends too early");
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  std::span<const std::uint8_t> rest_;
};

}  // namespace

std::vector<std::uint8_t> encode_description(const PackDescription& description) {
  std::vector<std::uint8_t> out;
  put(out, static_cast<std::uint32_t>(description.channels));
  put(out, description.source);
  put(out, static_cast<std::uint32_t>(description.class_names.size()));
  put(out, description.class_ids.empty() ? 0u : 1u);
  for (const auto& name : description.class_names) put(out, name);
  for (const auto& id : description.class_ids) put(out, id);
  return out;
}

PackDescription decode_description(std::span<const std::uint8_t> bytes) {
  Parser parser(bytes);
  PackDescription description;
  description.channels = static_cast<int>(parser.number());
  CF_CHECK_AS(ErrorKind::Data, description.channels == 1 || description.channels == 3,
              "the description says ", description.channels, " channels, must be 1 or 3");
  description.source = parser.text();
  const std::uint32_t classes = parser.number();
  const bool has_ids = parser.number() != 0;
  description.class_names = parser.texts(classes);
  if (has_ids) description.class_ids = parser.texts(classes);
  CF_CHECK_AS(ErrorKind::Data, parser.at_end(), "bytes behind the description");
  return description;
}

}  // namespace cf::data
