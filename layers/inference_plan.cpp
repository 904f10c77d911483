#include "layers/inference_plan.h"

#include <algorithm>

#include "framework/autograd/pass.h"
#include "layers/plan_writer.h"

namespace cf::layers {

namespace {

void require_fused_routes(const std::vector<PlannedPart>& parts) {
  for (const PlannedPart& part : parts) {
    CF_CHECK_AS(ErrorKind::Usage, !part.is_block || part.route.is_fused(),
                "model.fusion = \"require\": ", part.path, " (", part.text,
                ") has no fused route: ", part.route.why_not_fused);
  }
}

}  // namespace

InferencePlan::InferencePlan(Executor& executor, ConvFirstNet& net, const InferenceShape& shape, DType type)
    : InferencePlan(executor, net, shape, route_device(executor, type)) {}

InferencePlan::InferencePlan(Executor& executor, ConvFirstNet& net, const InferenceShape& shape,
                             const RouteDevice& device)
    : executor_(&executor), shape_(shape) {
  build(&executor, net, device);
  work_.prepare(executor);
}

InferencePlan::InferencePlan(ConvFirstNet& net, const InferenceShape& shape, const RouteDevice& device)
    : shape_(shape) {
  build(nullptr, net, device);
}

void InferencePlan::build(Executor* executor, ConvFirstNet& net, const RouteDevice& device) {
  net.check_image(shape_.height, shape_.width);
  PlanWriter writer(executor, device, net, work_, parts_);
  input_ = writer.start(
      Shape(N{shape_.samples}, H{shape_.height}, W{shape_.width}, C{std::int64_t{net.spec().channels}}));
  net.visit_parts([&]<class Part>(const std::string& path, Part& part) {
    if constexpr (std::is_same_v<Part, Head>) {
      logits_ = writer.add(path, part);
    } else {
      writer.add(path, part);
    }
  });
  if (net.spec().fusion == "require") require_fused_routes(parts_);
}

Tensor InferencePlan::operator()(const Tensor& x) {
  const std::int64_t samples = x.shape().extent<N>().value;
  const Tensor input = work_.tensor(input_, samples);
  CF_CHECK(x.shape() == input.shape(), "images ", x.shape().text(), " for a plan of ", input.shape().text());
  executor_->copy(x, input);
  if (executor_->stream() != nullptr && samples < shape_.samples) clear_input_from(samples);
  work_.run(samples);
  return work_.tensor(logits_, samples);
}

// A graph computes all samples that fit. Where none are given, nothing that is not a number may stand: what a
// kernel multiplies by zero, of a neighbouring sample too, must be finite.
void InferencePlan::clear_input_from(std::int64_t sample) const {
  const Tensor all = input();
  const Shape rest = all.shape().with(N{shape_.samples - sample});
  executor_->zero(all.reshaped(Shape(I{all.size()})).slice(all.size() - rest.size(), rest));
}

std::size_t InferencePlan::blocks() const {
  return static_cast<std::size_t>(std::ranges::count_if(parts_, &PlannedPart::is_block));
}

std::size_t InferencePlan::fused_blocks() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(parts_, [](const PlannedPart& p) { return p.is_block && p.route.is_fused(); }));
}

Inference::Inference(Executor& executor, ConvFirstNet& net, const InferenceShape& shape,
                     const RouteDevice& device)
    : executor_(executor), net_(net) {
  if (net.spec().fusion == "off") return;
  plan_ = std::make_unique<InferencePlan>(executor, net, shape, device);
}

Tensor Inference::operator()(const Tensor& x) {
  if (plan_) return (*plan_)(x);
  Pass pass(executor_, {});
  return net_(Variable(x), pass).tensor(pass);
}

void Inference::run_kernels(const Tensor& x) {
  if (plan_) return plan_->run_kernels();
  Pass pass(executor_, {});
  net_(Variable(x), pass).tensor(pass);
}

}  // namespace cf::layers
