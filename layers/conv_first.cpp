#include "layers/conv_first.h"

#include "framework/autograd/pass.h"
#include "framework/ops/gather_samples.h"

namespace cf::layers {

ConvFirst::ConvFirst(std::int64_t channels, std::int64_t expansion, Fusion how)
    : conv(channels),
      conv_bn(channels),
      expand(channels, channels * expansion),
      expand_bn(channels * expansion),
      project(channels * expansion, channels),
      project_bn(channels),
      fusion(how) {}

Variable ConvFirst::operator()(const Variable& x, Pass& pass, kernels::Activation activation,
                               const Tensor& kept) {
  if (pass.training() &&
      training_route(pass.executor().kind(), x.tensor(pass).dtype(), activation).is_fused()) {
    const auto [result, moments] = convfirst_branch(pass, x, kept, branch());
    return norm_and_add(pass, x, result, project_bn.state(), kept, moments);
  }
  const Variable input = gather_samples(pass, x, kept);
  const Variable u = conv_bn(conv(input, pass), pass);
  const Variable hidden = expand_bn(expand(u, pass), pass, activation);
  return norm_and_add(pass, x, project(hidden, pass), project_bn.state(), kept);
}

TrainingRoute ConvFirst::training_route(PlaceKind place, DType type, kernels::Activation activation) const {
  return choose_training_route({.kind = TrainedBlock::Kind::ConvFirst,
                                .channels = expand.weight.shape.extent<C>().value,
                                .activation = activation,
                                .name = conv.weight.name},
                               place, type, fusion);
}

ConvFirstBranch ConvFirst::branch() {
  return {conv.weight, conv_bn.state(), expand.weight, expand_bn.state(), project.weight};
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
