// A single block with a store of its own.
#pragma once

#include <memory>
#include <vector>

#include "framework/parameters/parameter_store.h"
#include "layers/visit.h"

namespace cf::test {

template <class Layer>
std::unique_ptr<ParameterStore> store_of(Layer& layer, Executor& executor, DType dtype) {
  std::vector<Parameter*> parameters;
  std::vector<Statistic*> statistics;
  layers::visit_leaves(layer, "", [&]<class Leaf>(const std::string& path, Leaf& leaf) {
    leaf.name = path;
    if constexpr (std::is_same_v<Leaf, Parameter>) {
      parameters.push_back(&leaf);
    } else {
      statistics.push_back(&leaf);
    }
  });
  return std::make_unique<ParameterStore>(executor, parameters, statistics, dtype);
}

}  // namespace cf::test
