#include "layers/mbconv.h"

#include "framework/autograd/pass.h"
#include "framework/ops/gated_linear.h"
#include "framework/ops/gather_samples.h"
#include "framework/ops/grouped_conv.h"

namespace cf::layers {

MBConv::MBConv(std::int64_t channels, std::int64_t expansion, Fusion how)
    : expand(channels, channels * expansion),
      expand_bn(channels * expansion),
      conv(channels * expansion),
      conv_bn(channels * expansion),
      se(channels * expansion, channels / 4),
      project(channels * expansion, channels),
      project_bn(channels),
      fusion(how) {}

Variable MBConv::operator()(const Variable& x, Pass& pass, kernels::Activation activation,
                            const Tensor& kept) {
  const Variable input = gather_samples(pass, x, kept);
  if (pass.training() &&
      training_route(pass.executor().kind(), input.tensor(pass).dtype(), activation).is_fused()) {
    return norm_and_add(pass, x, mbconv_branch(pass, input, branch()), project_bn.state(), kept);
  }
  const Variable u =
      linear_normed_conv(pass, input, expand.weight, expand_bn.state(), activation, conv.weight);
  const Variable y = gated_linear(pass, u, conv_bn.state(), se.state(), activation, project.weight);
  return norm_and_add(pass, x, y, project_bn.state(), kept);
}

TrainingRoute MBConv::training_route(PlaceKind place, DType type, kernels::Activation activation) const {
  return choose_training_route({.kind = TrainedBlock::Kind::MBConv,
                                .channels = expand.weight.shape.extent<C>().value,
                                .activation = activation,
                                .name = expand.weight.name},
                               place, type, fusion);
}

MBConvBranch MBConv::branch() {
  return {expand.weight, expand_bn.state(), conv.weight, conv_bn.state(), se.state(), project.weight};
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
