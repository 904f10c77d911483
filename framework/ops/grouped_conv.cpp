#include "framework/ops/grouped_conv.h"

#include "framework/autograd/kept_samples.h"
#include "framework/autograd/record.h"
#include "framework/ops/linear.h"
#include "kernels/grouped_conv/grouped_conv_backward.h"
#include "kernels/grouped_conv/normed_conv_backward.h"

namespace cf {

namespace {

using kernels::Activation;

constexpr auto call_grouped_conv = [](auto place, const auto& args) { kernels::grouped_conv(place, args); };

// Of an input that no norm stands in front of, nothing.
template <class T>
kernels::InputNorm<T> input_norm(const NormedTensor& x, Activation activation) {
  if (!x.scale) return {};
  return {x.scale.view<const Wide<T>, C>(), x.shift.view<const Wide<T>, C>(), activation};
}

Tensor convolve(Pass& pass, const NormedTensor& x, Activation activation, const Parameter& weight) {
  Tensor y = pass.empty(x.x.dtype(), x.x.shape());
  pass.executor().at(y.dtype(), [&]<class T>(auto place) {
    pass.executor().with_workspace(
        place,
        kernels::GroupedConvForward<T>{.x = x.x.view<const T, N, H, W, C>(),
                                       .norm = input_norm<T>(x, activation),
                                       .weight = weight.for_compute().view<const T, K, R, S, C>(),
                                       .y = y.renamed<T, N, H, W, K>(),
                                       .workspace = {}},
        call_grouped_conv);
  });
  return y;
}

void weight_gradient(Pass& pass, const Tensor& x, const Tensor& kept, Parameter& weight, const Tensor& dy) {
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dweight, accumulate] = gradient_target(weight);
    pass.executor().with_workspace(
        place,
        kernels::GroupedConvBackwardWeight<T>{.x = x.view<const T, N, H, W, C>(),
                                              .kept = view_of_kept(kept),
                                              .dy = dy.renamed<const T, N, H, W, K>(),
                                              .dweight = dweight.template view<Wide<T>, K, R, S, C>(),
                                              .accumulate = accumulate,
                                              .workspace = {}},
        call_grouped_conv);
  });
}

// That of the weight to its bucket; that of x to dx, added to `added` where that is not empty.
void both_gradients(Pass& pass, const Tensor& x, const Tensor& kept, Parameter& weight, const Tensor& dy,
                    const Tensor& added, const Tensor& dx) {
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dweight, accumulate] = gradient_target(weight);
    pass.executor().with_workspace(
        place,
        kernels::GroupedConvBackward<T>{
            .x = x.view<const T, N, H, W, C>(),
            .kept = view_of_kept(kept),
            .weight = weight.for_compute().view<const T, K, R, S, C>(),
            .dy = dy.renamed<const T, N, H, W, K>(),
            .added = added ? added.view<const T, N, H, W, C>() : View<const T, N, H, W, C>{},
            .dx = dx.view<T, N, H, W, C>(),
            .dweight = dweight.template view<Wide<T>, K, R, S, C>(),
            .accumulate = accumulate,
            .workspace = {}},
        call_grouped_conv);
  });
}

struct GroupedConv {
  static constexpr const char* kName = "grouped_conv";
  static constexpr bool kAdds = true;
  struct Saved {
    Tensor x;
    Parameter* weight = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight) {
    saved = {x, &weight};
    return grouped_conv_forward(pass, x, weight);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted,
                               Gradients<1> so_far) {
    return {grouped_conv_backward(pass, saved.x, *saved.weight, dy, wanted[0], std::move(so_far[0]))};
  }
};

// conv(activation(norm(x expand'))).
struct LinearNormedConv {
  static constexpr const char* kName = "linear_normed_conv";
  static constexpr bool kAdds = true;
  struct Saved {
    Tensor x;
    Parameter* expand = nullptr;
    NormedTensor normed;
    Activation activation = Activation::None;
    Parameter* weight = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight, Parameter& expand,
                        const BatchNormState& norm, Activation activation) {
    BatchMoments moments;
    const Tensor h = linear_forward(pass, x, expand, nullptr, pass.training() ? &moments : nullptr);
    if (pass.inspector()) pass.inspector()("linear", expand.name, h);
    saved = {x, &expand, batch_norm_fold(pass, h, norm, moments), activation, &weight};
    return convolve(pass, saved.normed, activation, weight);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted,
                               const Gradients<1>& so_far) {
    const Tensor dh = gradient_of_hidden(saved, pass, dy);
    if (!wanted[0]) return {};
    return {linear_backward_input(pass, *saved.expand, dh, so_far[0])};
  }

  // Those of all parameters go to their buckets.
  static Tensor gradient_of_hidden(const Saved& saved, Pass& pass, const Tensor& dy) {
    const NormedTensor& normed = saved.normed;
    Tensor dx = pass.empty(dy.dtype(), normed.x.shape());
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      const auto [dweight, accumulate] = gradient_target(*saved.weight);
      pass.executor().with_workspace(
          place,
          kernels::NormedConvBackward<T>{
              .x = normed.x.view<const T, N, H, W, C>(),
              .norm = input_norm<T>(normed, saved.activation),
              .mean = normed.mean.view<const Wide<T>, C>(),
              .rstd = normed.rstd.view<const Wide<T>, C>(),
              .gamma = normed.weight->value.view<const Wide<T>, C>(),
              .bias = normed.bias->value.view<const Wide<T>, C>(),
              .weight = saved.weight->for_compute().view<const T, K, R, S, C>(),
              .dy = dy.renamed<const T, N, H, W, K>(),
              .dx = dx.view<T, N, H, W, C>(),
              .dweight = dweight.template view<Wide<T>, K, R, S, C>(),
              .dgamma = gradient_target(*normed.weight).into.template view<Wide<T>, C>(),
              .dbias = gradient_target(*normed.bias).into.template view<Wide<T>, C>(),
              .expanded = saved.x.rows<const T, M, D>(),
              .dexpand = gradient_target(*saved.expand).into.template renamed<Wide<T>, C, D>(),
              .accumulate = accumulate,
              .workspace = {}},
          call_grouped_conv);
    });
    return dx;
  }
};

}  // namespace

Variable grouped_conv(Pass& pass, const Variable& x, Parameter& weight) {
  return record<GroupedConv>(pass, inputs(x), weight);
}

Variable linear_normed_conv(Pass& pass, const Variable& x, Parameter& expand, const BatchNormState& norm,
                            Activation activation, Parameter& weight) {
  return record<LinearNormedConv>(pass, inputs(x), weight, expand, norm, activation);
}

Tensor grouped_conv_forward(Pass& pass, const Tensor& x, const Parameter& weight) {
  return convolve(pass, NormedTensor{.x = x}, Activation::None, weight);
}

Tensor grouped_conv_backward(Pass& pass, const Tensor& x, Parameter& weight, const Tensor& dy, bool wants_dx,
                             Tensor so_far) {
  return grouped_conv_backward_of_kept(pass, x, {}, weight, dy, wants_dx, std::move(so_far));
}

Tensor grouped_conv_backward_of_kept(Pass& pass, const Tensor& x, const Tensor& kept, Parameter& weight,
                                     const Tensor& dy, bool wants_dx, Tensor so_far) {
  if (!wants_dx) {
    weight_gradient(pass, x, kept, weight, dy);
    return {};
  }
  if (kept) so_far = gradient_to_add_to(pass, std::move(so_far), dy.dtype(), x.shape());
  Tensor dx = so_far && so_far.is_unique() ? so_far : pass.empty(dy.dtype(), x.shape());
  both_gradients(pass, x, kept, weight, dy, so_far, dx);
  return dx;
}

}  // namespace cf
