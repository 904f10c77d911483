#include "layers/mbconv.h"

#include "framework/ops/gather_samples.h"

namespace cf::layers {

MBConv::MBConv(std::int64_t channels, std::int64_t expansion)
    : expand(channels, channels * expansion),
      expand_bn(channels * expansion),
      conv(channels * expansion),
      conv_bn(channels * expansion),
      se(channels * expansion, channels / 4),
      project(channels * expansion, channels),
      project_bn(channels) {}

Variable MBConv::operator()(const Variable& x, Pass& pass, kernels::Activation activation,
                            const Tensor& kept) {
  const Variable expanded = expand_bn(expand(gather_samples(pass, x, kept), pass), pass, activation);
  const Variable hidden = se(conv_bn(conv(expanded, pass), pass, activation), pass);
  return norm_and_add(pass, x, project(hidden, pass), project_bn.state(), kept);
}

void MBConv::describe(Description& description, const std::string& path, Extent& at) const {
  description.convolution(path + ".expand", "conv 1x1", expand.weight, at, 1);
  description.norm(path + ".expand_bn", at);
  description.convolution(path + ".conv", "grouped conv 3x3, width 8", conv.weight, at, 1);
  description.norm(path + ".conv_bn", at);
  description.squeeze_excite(path + ".se", se, at);
  description.convolution(path + ".project", "conv 1x1", project.weight, at, 1);
  description.norm(path + ".project_bn", at);
}

}  // namespace cf::layers
