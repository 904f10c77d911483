#include "framework/parallel/communicator.h"

namespace cf {

namespace {

void require_host(const Tensor& tensor) {
  CF_CHECK(tensor.device().kind == DeviceKind::Host, "a tensor on ", name_of(tensor.device()),
           " is given to a communicator of host memory");
}

}  // namespace

void Communicator::sum_over_ranks(const Tensor& values, const GpuStream*) {
  require_host(values);
  const auto floats = values.flat<float>();
  all_reduce_sum(std::span(floats.data(), static_cast<std::size_t>(values.size())));
}

void Communicator::broadcast_to_ranks(const Tensor& values, const GpuStream*) {
  require_host(values);
  broadcast(values.bytes());
}

void Communicator::gather_from_ranks(const Tensor& parts, const GpuStream*) {
  require_host(parts);
  all_gather(parts.bytes());
}

}  // namespace cf
