// ImageNet's class folders are named by WordNet ids; people want words.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cf::data {

struct ImageNetClass {
  std::string_view id;    // n01440764
  std::string_view name;  // tench: the first of the synset's words
};

// The 1,000 classes of ILSVRC 2012, sorted by id: position = label.
std::span<const ImageNetClass> imagenet_classes();

// Whether every one is one of these ids.
bool are_imagenet_ids(const std::vector<std::string>& class_names);

// The name for one of these ids; any other class name as it is (the view then is of the argument).
std::string_view readable_class_name(std::string_view class_name);

}  // namespace cf::data
