#include "framework/ops/patch_conv.h"

#include "framework/autograd/record.h"
#include "kernels/patch_conv/patch_conv.h"

namespace cf {

namespace {

constexpr auto call_patch_conv = [](auto place, const auto& args) { kernels::patch_conv(place, args); };

struct PatchConv {
  static constexpr const char* kName = "patch_conv";
  struct Saved {
    Tensor x;  // empty: to be made again
    std::function<Tensor()> again;
    Parameter* weight = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight,
                        const std::function<Tensor()>& again) {
    const std::int64_t patch = weight.shape.extent<R>().value;
    const Shape& in = x.shape();
    CF_CHECK_AS(ErrorKind::Usage, in.extent<H>().value >= patch && in.extent<W>().value >= patch, weight.name,
                ": an input of ", in.extent<H>().value, "x", in.extent<W>().value,
                " is smaller than its patch of ", patch, "; use a larger image");
    saved = {again ? Tensor() : x, again, &weight};
    Tensor y =
        pass.empty(x.dtype(), Shape(in.extent<N>(), H{in.extent<H>().value / patch},
                                    W{in.extent<W>().value / patch}, C{weight.shape.extent<K>().value}));
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      pass.executor().with_workspace(
          place,
          kernels::PatchConvForward<T>{.x = x.view<const T, N, H, W, C>(),
                                       .weight = weight.for_compute().view<const T, K, R, S, C>(),
                                       .y = y.renamed<T, N, P, Q, K>(),
                                       .workspace = {}},
          call_patch_conv);
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted) {
    Tensor dx;
    const Tensor x = saved.again ? saved.again() : saved.x;
    Executor& executor = pass.executor();
    executor.at(dy.dtype(), [&]<class T>(auto place) {
      const auto [dweight, accumulate] = gradient_target(*saved.weight);
      executor.with_workspace(
          place,
          kernels::PatchConvBackwardWeight<T>{.x = x.view<const T, N, H, W, C>(),
                                              .dy = dy.renamed<const T, N, P, Q, K>(),
                                              .dweight = dweight.template view<Wide<T>, K, R, S, C>(),
                                              .accumulate = accumulate,
                                              .workspace = {}},
          call_patch_conv);
      if (!wanted[0]) return;
      dx = pass.empty(dy.dtype(), x.shape());
      executor.with_workspace(place,
                              kernels::PatchConvBackwardInput<T>{
                                  .dy = dy.renamed<const T, N, P, Q, K>(),
                                  .weight = saved.weight->for_compute().view<const T, K, R, S, C>(),
                                  .dx = dx.view<T, N, H, W, C>(),
                                  .workspace = {}},
                              call_patch_conv);
    });
    return {dx};
  }
};

}  // namespace

Variable patch_conv(Pass& pass, const Variable& x, Parameter& weight) {
  return record<PatchConv>(pass, inputs(x), weight, x.again());
}

}  // namespace cf
