#include "apps/checkpoint/initial_weights.h"

#include <set>

#include "apps/checkpoint/loaded_model.h"
#include "apps/checkpoint/tensor_reading.h"
#include "framework/parameters/interchange.h"

namespace cf::apps {

namespace {

bool is_classifier(const std::string& name) { return name.starts_with("head.classifier."); }

// A classifier for another number of classes differs in its first extent only.
bool has_other_classes(const TensorEntry& entry, const std::vector<std::int64_t>& wanted) {
  return entry.shape.size() == wanted.size() && entry.shape.at(0) != wanted.at(0) &&
         std::equal(entry.shape.begin() + 1, entry.shape.end(), wanted.begin() + 1);
}

}  // namespace

std::vector<std::string> load_initial_weights(const std::filesystem::path& path,
                                              const ParameterStore& store) {
  const SafetensorsReader file(checkpoint_file(path));
  const std::string prefix = file.find("model.stem.conv.weight") ? "model." : "";
  std::vector<std::string> report;
  std::set<std::string> used;
  std::size_t loaded = 0;

  for (const Parameter* p : store.parameters()) {
    const std::string name = prefix + p->name;
    used.insert(name);
    const TensorEntry* entry = file.find(name);
    const auto wanted = interchange_shape(p->shape, p->interchange);
    if (entry && is_classifier(p->name) && has_other_classes(*entry, wanted)) {
      report.push_back(concat(name, " starts anew: the file has ", shape_text(entry->shape), ", the network ",
                              shape_text(wanted)));
      continue;
    }
    read_tensor(store.executor(), file, name, p->value, p->interchange);
    ++loaded;
  }
  for (const Statistic* s : store.statistics()) {
    const std::string name = prefix + s->name;
    used.insert(name);
    read_tensor(store.executor(), file, name, s->value, Interchange::Same);
    ++loaded;
  }
  std::size_t unused = 0;
  std::string first_unused;
  for (const auto& entry : file.entries()) {
    if (used.contains(entry.name)) continue;
    if (unused++ == 0) first_unused = entry.name;
  }
  report.insert(report.begin(),
                concat("loaded ", loaded, " of ", store.parameters().size() + store.statistics().size(),
                       " tensors from ", path.string()));
  if (unused > 0)
    report.push_back(concat(unused, " tensors of the file are not used, the first is ", first_unused));
  return report;
}

}  // namespace cf::apps
