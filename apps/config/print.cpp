#include <algorithm>

#include "apps/config/config.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

std::string section_of(const std::string& key) {
  const auto dot = key.find('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

template <class CommentOf>
std::string write_toml(Config config, CommentOf&& comment_of) {
  std::string out, section;
  for (const Field& field : fields_of(config)) {
    const std::string field_section = section_of(field.key);
    if (field_section != section) {
      section = field_section;
      out += concat("\n[", section, "]\n");
    }
    const auto start = section.empty() ? 0 : section.size() + 1;
    std::string line = concat(field.key.substr(start), " = ", value_text(field));
    const std::string comment = comment_of(field.key);
    if (!comment.empty()) {
      constexpr std::size_t kCommentColumn = 40;
      line.append(line.size() < kCommentColumn ? kCommentColumn - line.size() : 1, ' ');
      line += "# " + comment;
    }
    out += line + "\n";
  }
  return out;
}

std::string markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string to_toml(const Config& config) {
  return write_toml(config, [](const std::string&) { return std::string(); });
}

std::string to_toml_with_origins(const ResolvedConfig& resolved) {
  return write_toml(resolved.config, [&](const std::string& key) { return resolved.origins.at(key); });
}

std::vector<std::string> diff(const Config& before, const Config& after) {
  Config a = before, b = after;
  const auto fields_a = fields_of(a), fields_b = fields_of(b);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < fields_a.size(); ++i) {
    const std::string old_value = value_text(fields_a[i]), new_value = value_text(fields_b[i]);
    if (old_value != new_value) lines.push_back(concat(fields_a[i].key, ": ", old_value, " -> ", new_value));
  }
  return lines;
}

std::string keys_as_markdown() {
  Config defaults;
  std::string out, section = "-";
  for (const Field& field : fields_of(defaults)) {
    const std::string field_section = section_of(field.key);
    if (field_section != section) {
      section = field_section;
      out += section.empty() ? "## Top level\n" : concat("\n## [", section, "]\n");
      out += "\n| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n";
      if (section.empty()) {
        out +=
            "| `extends` | | string | a configuration this one builds on: a file beside it or a built-in one "
            "|\n";
      }
    }
    out += concat("| `", field.key, "` | `", markdown_cell(value_text(field)), "` | ",
                  markdown_cell(allowed_text(field)), " | ", markdown_cell(field.meaning), " |\n");
  }
  return out;
}

}  // namespace cf::apps
