#include "framework/ops/gated_linear.h"

#include "framework/autograd/record.h"
#include "framework/ops/gated_norm.h"
#include "framework/ops/linear.h"

namespace cf {

namespace {

struct GatedLinear {
  static constexpr const char* kName = "gated_linear";
  struct Saved {
    GatedNorm gated;
    Tensor image;  // gated
    Parameter* weight = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& u, Parameter& weight,
                        const BatchNormState& norm, const SqueezeExciteState& squeeze_excite,
                        kernels::Activation activation) {
    saved.gated = gated_norm_gates(pass, u, norm, squeeze_excite, activation);
    saved.image = gated_norm_apply(pass, saved.gated);
    saved.weight = &weight;
    if (pass.inspector()) pass.inspector()("gated_norm", squeeze_excite.reduce_weight->name, saved.image);
    return linear_forward(pass, saved.image, weight);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    linear_backward(pass, saved.image, *saved.weight, nullptr, dy, false);
    return {gated_linear_backward(pass, saved.gated, *saved.weight, dy)};
  }
};

}  // namespace

Variable gated_linear(Pass& pass, const Variable& u, const BatchNormState& norm,
                      const SqueezeExciteState& squeeze_excite, kernels::Activation activation,
                      Parameter& weight) {
  return record<GatedLinear>(pass, inputs(u), weight, norm, squeeze_excite, activation);
}

}  // namespace cf
