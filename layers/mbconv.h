// The MBConv block (Sandler et al., 2018) with a grouped convolution of width 8 in the place of the
// depth-wise one, and squeeze-and-excitation with C / 4 squeezed channels:
//
//   x + norm(project(se(relu(norm(conv(relu(norm(expand(x)))))))))
#pragma once

#include "framework/ops/mbconv_branch.h"
#include "layers/basic_layers.h"
#include "layers/network_cost.h"
#include "layers/training_route.h"

namespace cf::layers {

struct MBConv {
  PointwiseConv expand;
  BatchNorm expand_bn;
  GroupedConv conv;
  BatchNorm conv_bn;
  SqueezeExcite se;
  PointwiseConv project;
  BatchNorm project_bn;
  Fusion fusion;

  MBConv(std::int64_t channels, std::int64_t expansion, Fusion how = Fusion::Auto);

  // kept: the samples the branch runs on (int64 [N], empty for all); the sum is left pending.
  Variable operator()(const Variable& x, Pass& pass, kernels::Activation activation, const Tensor& kept);

  void describe(Description& description, const std::string& path, Extent& at) const;

  TrainingRoute training_route(PlaceKind place, DType type, kernels::Activation activation) const;

  template <class V>
  void visit(V&& v) {
    v("expand", expand);
    v("expand_bn", expand_bn);
    v("conv", conv);
    v("conv_bn", conv_bn);
    v("se", se);
    v("project", project);
    v("project_bn", project_bn);
  }

 private:
  MBConvBranch branch();
};

}  // namespace cf::layers
