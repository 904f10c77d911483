// The activated layer is written to the workspace, once for the gates and once more backward.
#include <algorithm>

#include "kernels/activation/activation_cpu.h"
#include "kernels/base/alignment.h"
#include "kernels/base/independent_iterations.h"
#include "kernels/base/parallel.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/gated_norm/gated_norm_check.h"
#include "kernels/gated_norm/gated_norm_parts.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerElement = 0.5;

std::size_t bytes_of(std::int64_t floats) {
  return padded_bytes(static_cast<std::size_t>(floats) * sizeof(float));
}

template <Activation kActivation>
void apply_to_sample(const GatedNormApply<float>& a, N n) {
  const std::int64_t channels = a.x.extent<C>().value;
  const std::int64_t size = a.x.extent<H>().value * a.x.extent<W>().value * channels;
  const float *x = a.x.at(n), *scale = a.scale.data(), *shift = a.shift.data(), *gate = a.gate.at(n);
  float* y = a.y.at(n);
  for (std::int64_t i = 0; i < size; i += channels) {
    CF_INDEPENDENT_ITERATIONS
    for (std::int64_t c = 0; c < channels; ++c) {
      y[i + c] = activate<kActivation>(scale[c] * x[i + c] + shift[c]) * gate[c];
    }
  }
}

}  // namespace

void gated_norm(Cpu place, const GatedNormGates<float>& a) {
  check(a);
  float* activated =
      workspace_as<float>("gated_norm gates", a.workspace, static_cast<std::size_t>(a.x.size()));
  batch_norm(place, detail::norm_of(a, activated));
  squeeze_excite(place, detail::gates_of(a, activated, a.workspace.subspan(bytes_of(a.x.size()))));
}

void gated_norm(Cpu place, const GatedNormApply<float>& a) {
  check(a);
  const std::int64_t samples = a.x.extent<N>().value;
  const double nanoseconds =
      kNanosecondsPerElement * static_cast<double>(a.x.size() / std::max(samples, std::int64_t{1}));
  dispatch_activation(a.activation, [&]<Activation kActivation> {
    parallel(place, samples, 1, nanoseconds, [&](std::int64_t first, std::int64_t last) {
      for (N n{first}; n < N{last}; ++n) apply_to_sample<kActivation>(a, n);
    });
  });
}

void gated_norm(Cpu place, const GatedNormBackward<float>& a) {
  check(a);
  const std::size_t image_bytes = bytes_of(a.x.size()), fold_bytes = bytes_of(2 * a.mean.size());
  float* activated =
      workspace_as<float>("gated_norm backward", a.workspace, (image_bytes + fold_bytes) / sizeof(float));
  const Workspace rest = a.workspace.subspan(image_bytes + fold_bytes);
  batch_norm(place, detail::norm_of(a, activated + image_bytes / sizeof(float), activated));
  squeeze_excite(place, detail::gates_of(a, activated, rest));
  batch_norm(place, detail::norm_backward_of(a, rest));
}

std::size_t workspace_bytes(Cpu place, const GatedNormGates<float>& a) {
  return bytes_of(a.x.size()) + workspace_bytes(place, detail::gates_of<float>(a, nullptr));
}

std::size_t workspace_bytes(Cpu place, const GatedNormBackward<float>& a) {
  return bytes_of(a.x.size()) + bytes_of(2 * a.mean.size()) +
         std::max(workspace_bytes(place, detail::gates_of<float>(a, nullptr)),
                  workspace_bytes(place, detail::norm_backward_of(a)));
}

}  // namespace cf::kernels
