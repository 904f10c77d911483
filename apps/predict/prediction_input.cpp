#include "apps/predict/prediction_input.h"

#include <algorithm>
#include <filesystem>

#include "apps/checkpoint/tensor_reading.h"
#include "data/files.h"
#include "framework/parameters/interchange.h"
#include "framework/state/safetensors_file.h"

namespace cf::apps {

namespace {

std::vector<std::string> images_of_folder(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && data::has_image_extension(entry.path().string()))
      files.push_back(entry.path().string());
  }
  CF_CHECK_AS(ErrorKind::Data, !files.empty(), folder.string(),
              ": no image files in this folder (those in folders below it are not looked for)");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<std::string> find_images(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  for (const auto& argument : arguments) {
    CF_CHECK_AS(ErrorKind::Data, std::filesystem::exists(argument), argument, ": no such file or folder");
    if (std::filesystem::is_directory(argument)) {
      const auto found = images_of_folder(argument);
      files.insert(files.end(), found.begin(), found.end());
    } else {
      files.push_back(argument);
    }
  }
  return files;
}

Tensor read_images(Executor& executor, const data::EvaluationGeometry& geometry,
                   const Normalization& normalization, const std::vector<std::string>& files) {
  const auto [height, width] = geometry.target;
  const std::size_t image_bytes =
      static_cast<std::size_t>(height) * static_cast<std::size_t>(width * geometry.channels);
  std::vector<std::uint8_t> pixels(files.size() * image_bytes);
  data::Preparer preparer;
  data::EncodedImage encoded;
  for (std::size_t i = 0; i < files.size(); ++i) {
    data::read_image_file(files[i], encoded);
    in_context([&] { return files[i]; },
               [&] { preparer.for_evaluation(encoded, geometry, pixels.data() + i * image_bytes); });
  }
  const View<const std::uint8_t, N, H, W, C> view(pixels.data(), N{static_cast<std::int64_t>(files.size())},
                                                  H{height}, W{width}, C{geometry.channels});
  return normalize_image(executor, view, normalization, executor.compute_type());
}

Tensor read_input_tensor(Executor& executor, const std::string& path, int channels) {
  const SafetensorsReader file(path, ErrorKind::Data);
  const TensorEntry* entry = file.find("x");
  CF_CHECK_AS(ErrorKind::Data, entry != nullptr, path, ": no tensor x");
  CF_CHECK_AS(ErrorKind::Data, entry->shape.size() == 4 && entry->shape[1] == channels && entry->shape[0] > 0,
              path, ": x is ", shape_text(entry->shape), ", must be [N,", channels, ",H,W]");
  CF_CHECK_AS(ErrorKind::Data, entry->dtype == DType::Float32, path, ": x is ", name_of(entry->dtype),
              ", must be float32");
  const Shape filter(K{entry->shape[0]}, R{entry->shape[2]}, S{entry->shape[3]}, C{entry->shape[1]});
  const Tensor x = Tensor::empty(host_pool(), DType::Float32, filter);
  std::vector<std::byte> bytes(x.size_bytes());
  file.read("x", bytes);
  from_interchange(bytes, Interchange::Filter, x);
  const Tensor rounded = converted(x, executor.compute_type(), host_pool());
  Tensor out = executor.empty(
      rounded.dtype(), Shape(N{entry->shape[0]}, H{entry->shape[2]}, W{entry->shape[3]}, C{entry->shape[1]}));
  executor.write(rounded.bytes(), out);
  return out;
}

}  // namespace cf::apps
