// Inputs and outputs of `convfirst predict` as tests write and read them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/formats/jpeg_encode.h"
#include "data/preview.h"
#include "framework/state/safetensors_file.h"
#include "kernels/base/philox.h"
#include "tests/file_bytes.h"

namespace cf {

inline data::Image random_image(int side, int channels, std::uint64_t stream) {
  data::Image image;
  image.reshape(side, side, channels);
  Philox random(21, Purpose::Test, stream);
  for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(random.below(256));
  return image;
}

inline void write_jpeg(const std::filesystem::path& path, const data::Image& image) {
  std::vector<std::uint8_t> bytes;
  data::encode_jpeg(image, 95, bytes);
  write_bytes(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

inline void write_tensor(const std::filesystem::path& path, const std::string& name,
                         const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
  const TensorSource source{{name, DType::Float32, shape}, std::as_bytes(std::span(values))};
  write_safetensors(path, {&source, 1});
}

inline std::vector<float> read_tensor_values(const std::filesystem::path& path, const std::string& name) {
  const SafetensorsReader file(path);
  const TensorEntry* entry = file.find(name);
  CF_CHECK(entry != nullptr, "no ", name, " in ", path.string());
  std::vector<float> values(static_cast<std::size_t>(element_count(*entry)));
  file.read(name, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace cf
