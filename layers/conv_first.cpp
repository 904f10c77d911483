#include "layers/conv_first.h"

#include "framework/ops/gather_samples.h"

namespace cf::layers {

ConvFirst::ConvFirst(std::int64_t channels, std::int64_t expansion)
    : conv(channels),
      conv_bn(channels),
      expand(channels, channels * expansion),
      expand_bn(channels * expansion),
      project(channels * expansion, channels),
      project_bn(channels) {}

Variable ConvFirst::operator()(const Variable& x, Pass& pass, kernels::Activation activation,
                               const Tensor& kept) {
  const Variable u = conv_bn(conv(gather_samples(pass, x, kept), pass), pass);
  const Variable hidden = expand_bn(expand(u, pass), pass, activation);
  return norm_and_add(pass, x, project(hidden, pass), project_bn.state(), kept);
}

void ConvFirst::describe(Description& description, const std::string& path, Extent& at) const {
  description.convolution(path + ".conv", "grouped conv 3x3, width 8", conv.weight, at, 1);
  description.norm(path + ".conv_bn", at);
  description.convolution(path + ".expand", "conv 1x1", expand.weight, at, 1);
  description.norm(path + ".expand_bn", at);
  description.convolution(path + ".project", "conv 1x1", project.weight, at, 1);
  description.norm(path + ".project_bn", at);
}

}  // namespace cf::layers
