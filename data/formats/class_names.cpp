#include "data/formats/class_names.h"

#include "data/files.h"
#include "kernels/base/check.h"

namespace cf::data {

std::vector<std::string> digit_class_names() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }

std::vector<std::string> fashion_mnist_class_names() {
  return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
}

std::vector<std::string> cifar10_class_names() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  std::vector<std::string> names(1);
  for (const std::uint8_t byte : bytes) {
    if (byte == '\n') {
      names.emplace_back();
    } else if (byte != '\r') {
      names.back() += static_cast<char>(byte);
    }
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  CF_CHECK_AS(ErrorKind::Data, !names.empty(), path, " holds no class names");
  for (std::size_t line = 0; line < names.size(); ++line) {
    CF_CHECK_AS(ErrorKind::Data, !names[line].empty(), path, ":", line + 1,
                ": an empty line among the class names");
  }
  return names;
}

}  // namespace cf::data
