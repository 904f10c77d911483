// The ConvFirst block (arXiv 2404.03617), C channels in and out, E = expansion C hidden ones:
//
//   x + norm(project(relu(norm(expand(norm(conv(x)))))))       conv: 3x3, group width 8; expand, project: 1x1
#pragma once

#include "framework/ops/convfirst_branch.h"
#include "layers/basic_layers.h"
#include "layers/network_cost.h"
#include "layers/training_route.h"

namespace cf::layers {

struct ConvFirst {
  GroupedConv conv;
  BatchNorm conv_bn;
  PointwiseConv expand;
  BatchNorm expand_bn;
  PointwiseConv project;
  BatchNorm project_bn;
  Fusion fusion;

  ConvFirst(std::int64_t channels, std::int64_t expansion, Fusion how = Fusion::Auto);

  // kept: the samples the branch runs on (int64 [N], empty for all); the sum is left pending.
  Variable operator()(const Variable& x, Pass& pass, kernels::Activation activation, const Tensor& kept);

  void describe(Description& description, const std::string& path, Extent& at) const;

  TrainingRoute training_route(PlaceKind place, DType type, kernels::Activation activation) const;

  template <class V>
  void visit(V&& v) {
    v("conv", conv);
    v("conv_bn", conv_bn);
    v("expand", expand);
    v("expand_bn", expand_bn);
    v("project", project);
    v("project_bn", project_bn);
  }

 private:
  ConvFirstBranch branch();
};

}  // namespace cf::layers
