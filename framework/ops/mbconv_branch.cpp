#include "framework/ops/mbconv_branch.h"

#include "framework/autograd/record.h"
#include "framework/ops/expand_conv.h"
#include "framework/ops/gated_norm.h"
#include "framework/ops/linear.h"

namespace cf {

namespace {

using kernels::Activation;

// project(gated_norm(u)), of which u is saved.
struct GateAndProject {
  static constexpr const char* kName = "gate_and_project";

  struct Saved {
    GatedNorm gated;
    Parameter* project = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& u, Parameter& project,
                        const BatchNormState& norm, const SqueezeExciteState& squeeze_excite) {
    saved = {gated_norm_gates(pass, u, norm, squeeze_excite, Activation::Relu), &project};
    return linear_forward(pass, gated_norm_apply(pass, saved.gated), project);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    linear_backward(pass, gated_norm_apply(pass, saved.gated), *saved.project, nullptr, dy, false);
    return {gated_linear_backward(pass, saved.gated, *saved.project, dy)};
  }
};

}  // namespace

std::string why_no_mbconv_branch(PlaceKind place, DType dtype, std::int64_t channels) {
  return why_no_expand_conv(place, dtype, channels);
}

Variable mbconv_branch(Pass& pass, const Variable& x, const MBConvBranch& branch) {
  const Variable u = expand_conv(pass, x, branch.expand, branch.expand_norm, branch.conv);
  return record<GateAndProject>(pass, inputs(u), branch.project, branch.conv_norm, branch.squeeze_excite);
}

}  // namespace cf
