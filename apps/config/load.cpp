#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "apps/config/assign.h"
#include "apps/config/builtin.h"
#include "apps/config/config.h"
#include "apps/config/key_synonyms.h"
#include "apps/config/nearest.h"
#include "apps/config/toml_reader.h"
#include "apps/config/utf8.h"
#include "apps/config/validate.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

// One text of a chain of `extends`.
struct Source {
  std::string name;  // for messages: the path, or "built-in NAME"
  fs::path folder;   // where its `extends` is looked for first; unused for a built-in
  bool builtin = false;
  std::string text;

  std::string identity() const { return builtin ? name : fs::weakly_canonical(name).string(); }
};

std::optional<Source> open_file(const fs::path& path) {
  std::error_code status;
  if (!fs::exists(path, status)) return std::nullopt;
  CF_CHECK_AS(ErrorKind::Usage, !fs::is_directory(path, status), path.string(),
              " is a folder, not a configuration file",
              fs::exists(path / "config.toml", status) ? "; it holds one, config.toml" : "");
  std::ifstream file(path, std::ios::binary);
  CF_CHECK_AS(ErrorKind::Usage, file.good(), "cannot read ", path.string(), ": ", std::strerror(errno));
  return Source{path.string(), path.parent_path(), false,
                std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>())};
}

std::optional<Source> open_builtin(std::string_view name) {
  const BuiltinConfig* found = find_builtin(name);
  if (!found) return std::nullopt;
  return Source{"built-in " + std::string(found->file), {}, true, std::string(found->text)};
}

std::string builtin_names() {
  std::string names;
  for (const BuiltinConfig& config : builtin_configs()) {
    names += concat(names.empty() ? "" : ", ", config.file);
  }
  return names;
}

Source open_root(const std::string& path) {
  std::error_code status;
  std::optional<Source> source;
  // A folder that happens to be called "small" does not hide the built-in configuration.
  if (!fs::is_directory(path, status)) source = open_file(path);
  if (!source) source = open_builtin(path);
  if (!source) source = open_file(path);
  CF_CHECK_AS(ErrorKind::Usage, source || !fs::exists(path + ".toml", status), path,
              ": no such file; did you mean ", path, ".toml?");
  CF_CHECK_AS(ErrorKind::Usage, source.has_value(), path,
              ": no such file, and no built-in configuration has that name; built-in: ", builtin_names());
  return *std::move(source);
}

Source open_base(const Source& from, const TomlEntry& extends) {
  const std::string where = concat(from.name, ":", extends.line);
  const auto* name = std::get_if<std::string>(&extends.value.data);
  CF_CHECK_AS(ErrorKind::Usage, name, where, ": extends = ", extends.value.text(), " is ",
              extends.value.type(), "; allowed: the path of a file as a string");
  std::optional<Source> base;
  if (!from.builtin) base = open_file(from.folder / *name);
  if (!base) base = open_builtin(*name);
  CF_CHECK_AS(
      ErrorKind::Usage, base.has_value(), where, ": extends = ", extends.value.text(),
      ": no such file beside it, and no built-in configuration has that name; built-in: ", builtin_names());
  return *std::move(base);
}

struct Layer {
  std::string name;
  std::vector<TomlEntry> entries;
};

// The file and all it extends, the last base first.
std::vector<Layer> read_chain(Source source) {
  std::vector<Layer> layers;
  std::set<std::string> seen;
  while (true) {
    seen.insert(source.identity());
    Layer layer{source.name, read_toml(source.text, source.name)};
    const auto extends = std::find_if(layer.entries.begin(), layer.entries.end(),
                                      [](const TomlEntry& entry) { return entry.key == "extends"; });
    if (extends == layer.entries.end()) {
      layers.push_back(std::move(layer));
      break;
    }
    Source base = open_base(source, *extends);
    CF_CHECK_AS(ErrorKind::Usage, !seen.contains(base.identity()), source.name, ":", extends->line,
                ": extends = ", extends->value.text(), " closes a circle: ", base.name,
                " extends this file in turn");
    layer.entries.erase(extends);
    layers.push_back(std::move(layer));
    source = std::move(base);
  }
  std::reverse(layers.begin(), layers.end());
  return layers;
}

// Sets keys one by one and remembers where each value came from.
class Resolver {
 public:
  Resolver() : fields_(fields_of(resolved_.config)) {
    for (const Field& field : fields_) resolved_.origins[field.key] = "default";
  }
  Resolver(const Resolver&) = delete;  // the fields point into resolved_
  Resolver& operator=(const Resolver&) = delete;

  void set(const TomlEntry& entry, const std::string& where) {
    assign(find(entry.key, where), entry.value, where);
    resolved_.origins[entry.key] = where;
  }

  void set_text(const std::string& setting) {
    CF_CHECK_AS(ErrorKind::Usage, is_utf8(setting), "--set ", setting, " is not UTF-8");
    const auto equals = setting.find('=');
    CF_CHECK_AS(ErrorKind::Usage, equals != std::string::npos, "--set ", setting,
                ": allowed: KEY=VALUE, such as train.batch=256");
    const auto trimmed = [](std::string_view text) {
      const auto first = text.find_first_not_of(" \t");
      if (first == std::string_view::npos) return std::string_view{};
      return text.substr(first, text.find_last_not_of(" \t") - first + 1);
    };
    const std::string key(trimmed(std::string_view(setting).substr(0, equals)));
    const auto text = trimmed(std::string_view(setting).substr(equals + 1));
    const Field& field = find(key, "--set");
    const bool quoted = text.starts_with('"') || text.starts_with('\'');
    const bool bare = std::holds_alternative<std::string*>(field.target) && !quoted;
    set({key, bare ? TomlValue{std::string(text)} : read_setting(text), 0}, "--set");
  }

  ResolvedConfig finish() {
    fill_in(resolved_);
    validate(resolved_);
    return std::move(resolved_);
  }

 private:
  const Field& find(const std::string& key, const std::string& where) const {
    for (const Field& field : fields_) {
      if (field.key == key) return field;
    }
    for (const Field& field : fields_) {
      CF_CHECK_AS(ErrorKind::Usage, !field.key.starts_with(key + "."), where, ": '", key,
                  "' is a section; its keys are set one by one, such as ", field.key);
    }
    const std::string suggestion = nearest_key(key);
    fail(ErrorKind::Usage, where, ": unknown key '", key, "'; ",
         suggestion.empty() ? "`convfirst train --help-keys` lists all keys"
                            : "did you mean '" + suggestion + "'?");
  }

  // The key that another program calls so, else the nearest; one of the same name in another section counts
  // as near.
  std::string nearest_key(const std::string& key) const {
    const std::string name = key.substr(key.rfind('.') + 1);
    if (const auto synonym = key_called(name); !synonym.empty()) return std::string(synonym);
    std::vector<std::string> keys, namesakes;
    for (const Field& field : fields_) {
      keys.push_back(field.key);
      if (field.key.substr(field.key.rfind('.') + 1) == name) namesakes.push_back(field.key);
    }
    const std::string suggestion = nearest(key, namesakes.empty() ? keys : namesakes);
    return suggestion.empty() && !namesakes.empty() ? namesakes.front() : suggestion;
  }

  ResolvedConfig resolved_;
  std::vector<Field> fields_;
};

}  // namespace

ResolvedConfig load_config(const std::string& path, const std::vector<std::string>& settings) {
  const auto layers = read_chain(open_root(path));
  Resolver resolver;
  for (const Layer& layer : layers) {
    for (const TomlEntry& entry : layer.entries) resolver.set(entry, concat(layer.name, ":", entry.line));
  }
  for (const std::string& setting : settings) resolver.set_text(setting);
  return resolver.finish();
}

Config from_toml_text(std::string_view text, const std::string& name) {
  Resolver resolver;
  for (const TomlEntry& entry : read_toml(text, name)) {
    resolver.set(entry, concat(name, ":", entry.line));
  }
  return resolver.finish().config;
}

}  // namespace cf::apps
