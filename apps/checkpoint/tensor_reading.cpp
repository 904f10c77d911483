#include "apps/checkpoint/tensor_reading.h"

#include "framework/parameters/interchange.h"

namespace cf::apps {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (const auto extent : shape) out += concat(out.size() > 1 ? "," : "", extent);
  return out + "]";
}

void read_tensor(Executor& executor, const SafetensorsReader& file, const std::string& name,
                 const Tensor& into, Interchange interchange) {
  const auto expected = interchange_shape(into.shape(), interchange);
  const TensorEntry* entry = file.find(name);
  CF_CHECK_AS(ErrorKind::Checkpoint, entry != nullptr, file.path().string(), ": no tensor ", name, " ",
              shape_text(expected), "; the file is of another architecture");
  CF_CHECK_AS(ErrorKind::Checkpoint, entry->shape == expected, file.path().string(), ": ", name, " is ",
              shape_text(entry->shape), ", the configuration wants ", shape_text(expected),
              "; the file is of another architecture");
  CF_CHECK_AS(ErrorKind::Checkpoint, entry->dtype == into.dtype(), file.path().string(), ": ", name, " is ",
              name_of(entry->dtype), ", must be ", name_of(into.dtype()));
  std::vector<std::byte> bytes(into.size_bytes());
  file.read(name, bytes);
  const Tensor host = Tensor::empty(host_pool(), into.dtype(), into.shape());
  from_interchange(bytes, interchange, host);
  executor.write(host.bytes(), into);
}

}  // namespace cf::apps
