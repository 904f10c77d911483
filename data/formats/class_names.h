// Names of classes: of well-known data sets, and from text files.
#pragma once

#include <string>
#include <vector>

namespace cf::data {

std::vector<std::string> digit_class_names();          // "0" ... "9"
std::vector<std::string> fashion_mnist_class_names();  // of Zalando's label list
std::vector<std::string> cifar10_class_names();

// One name a line; empty lines at the end are ignored, others are a Data error, as is a file without names.
std::vector<std::string> read_class_names(const std::string& path);

}  // namespace cf::data
