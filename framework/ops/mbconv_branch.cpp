#include "framework/ops/mbconv_branch.h"

#include "framework/autograd/record.h"
#include "framework/ops/expand_conv.h"
#include "framework/ops/linear.h"

namespace cf {

namespace {

using kernels::Activation;

// project(se(relu(norm(u)))), of which u is saved.
struct GateAndProject {
  static constexpr const char* kName = "gate_and_project";

  struct Saved {
    NormedTensor u;
    SqueezeExciteState squeeze_excite;
    Parameter* project = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& u, Parameter& project,
                        const BatchNormState& norm, const SqueezeExciteState& squeeze_excite) {
    saved = {batch_norm_fold(pass, u, norm), squeeze_excite, &project};
    GatedTensor hidden;
    return linear_forward(pass, gate(saved, pass, hidden), project);
  }

  // The gated hidden layer; `hidden` has it ungated.
  static Tensor gate(const Saved& saved, Pass& pass, GatedTensor& hidden) {
    const Tensor ungated = batch_norm_apply(pass, saved.u, Activation::Relu);
    return squeeze_excite_forward(pass, hidden, ungated, saved.squeeze_excite);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    GatedTensor hidden;
    Tensor dhidden = linear_backward(pass, gate(saved, pass, hidden), *saved.project, nullptr, dy, true);
    dhidden = squeeze_excite_backward(pass, hidden, saved.squeeze_excite, std::move(dhidden));
    hidden = {};
    return {batch_norm_backward(pass, saved.u, std::move(dhidden), Activation::Relu)};
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
