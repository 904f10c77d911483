// A warp per sample; the mean by one block.
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy_check.h"

namespace cf::kernels {

namespace {

constexpr int kWarps = 4;           // of a block
constexpr int kMeanThreads = 1024;  // of the one block that takes the mean

// The target of one sample. A label outside the classes makes it NaN, and so the loss and its gradient.
struct TargetRow {
  std::int64_t label;
  const float* soft;  // null: the label
  float rest, uniform;

  __device__ float operator()(std::int64_t k) const {
    const float hard = soft != nullptr ? soft[k] : k == label ? 1.0F : 0.0F;
    return rest * hard + uniform;
  }
};

struct Targets {
  const std::int64_t* labels;
  const float* soft;
  float smoothing;

  __device__ TargetRow row(std::int64_t sample, std::int64_t classes) const {
    const float uniform = smoothing / static_cast<float>(classes);
    if (soft != nullptr) return {0, soft + sample * classes, 1 - smoothing, uniform};
    const std::int64_t label = labels[sample];
    const bool is_class = label >= 0 && label < classes;
    return {label, nullptr, 1 - smoothing, is_class ? uniform : __int_as_float(0x7fc00000)};
  }
};

template <class T>
Targets targets_of(const ClassificationTarget<T>& target) {
  return {target.labels.data(), target.soft_targets.data(), target.smoothing};
}

// log softmax(z)[k] = (z[k] - largest) - log1p(rest), where rest sums exp(z[j] - largest) over all classes
// but the largest: exact too where one class holds nearly all of the probability.
struct RowNormaliser {
  float largest, rest;
  std::int64_t index;  // of the largest
};

// For all lanes of a warp. A NaN is never the largest, but makes the rest NaN.
template <class T>
__device__ RowNormaliser normaliser_of_row(const T* row, std::int64_t classes) {
  float largest = -INFINITY;
  std::int64_t index = classes;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float logit = to_float(row[k]);
    if (logit > largest) {
      largest = logit;
      index = k;
    }
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, largest, offset);
    const std::int64_t other_index = __shfl_xor_sync(0xffffffffU, index, offset);
    if (other > largest || (other == largest && other_index < index)) {
      largest = other;
      index = other_index;
    }
  }
  float rest = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    if (k != index) rest += expf(to_float(row[k]) - largest);
  }
  return {largest, warp_sum(rest), index};
}

template <class T>
__device__ float cross_entropy_of_row(const T* row, const TargetRow& target, std::int64_t classes) {
  const RowNormaliser normaliser = normaliser_of_row(row, classes);
  const float log_sum = log1pf(normaliser.rest);
  float loss = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float weight = target(k);  // where it is 0 the logit may be -infinity
    if (weight != 0) loss -= weight * ((to_float(row[k]) - normaliser.largest) - log_sum);
  }
  return warp_sum(loss);
}

template <class T>
__device__ float binary_cross_entropy_of_row(const T* row, const TargetRow& target, std::int64_t classes) {
  float loss = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float z = to_float(row[k]);
    const float softplus = (z > 0 ? z : 0) + log1pf(expf(-fabsf(z)));
    loss += softplus - target(k) * z;
  }
  return warp_sum(loss) / static_cast<float>(classes);
}

template <class T, LossKind kKind>
__global__ void sample_loss_kernel(const T* logits, Targets targets, float* sample_loss, std::int64_t samples,
                                   std::int64_t classes) {
  const std::int64_t sample = std::int64_t{blockIdx.x} * kWarps + threadIdx.y;
  if (sample >= samples) return;
  const T* row = logits + sample * classes;
  const TargetRow target = targets.row(sample, classes);
  const float loss = kKind == LossKind::CrossEntropy ? cross_entropy_of_row(row, target, classes)
                                                     : binary_cross_entropy_of_row(row, target, classes);
  if (threadIdx.x == 0) sample_loss[sample] = loss;
}

__global__ void mean_loss_kernel(const float* sample_loss, float* mean_loss, std::int64_t samples) {
  __shared__ float shared[32];
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < samples; i += kMeanThreads) sum += sample_loss[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *mean_loss = sum / static_cast<float>(samples);
}

template <class T>
__device__ void cross_entropy_gradient_of_row(const T* row, const TargetRow& target, float factor,
                                              T* gradient, std::int64_t classes) {
  const RowNormaliser normaliser = normaliser_of_row(row, classes);
  float target_sum = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) target_sum += target(k);
  target_sum = warp_sum(target_sum);
  const float weight = target_sum / (1 + normaliser.rest);
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float wanted = target(k);
    // The largest class takes nearly all of the probability in the end: weight - wanted without the
    // cancellation.
    const float difference = k == normaliser.index
                                 ? ((target_sum - wanted) - wanted * normaliser.rest) / (1 + normaliser.rest)
                                 : expf(to_float(row[k]) - normaliser.largest) * weight - wanted;
    gradient[k] = from_float<T>(factor * difference);
  }
}

template <class T>
__device__ void binary_cross_entropy_gradient_of_row(const T* row, const TargetRow& target, float factor,
                                                     T* gradient, std::int64_t classes) {
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float sigmoid = 1 / (1 + expf(-to_float(row[k])));
    gradient[k] = from_float<T>(factor * (sigmoid - target(k)));
  }
}

// dloss is the gradient of the mean over `averaged` values.
template <class T, LossKind kKind>
__global__ void loss_gradient_kernel(const T* logits, Targets targets, const float* dloss, float averaged,
                                     T* dlogits, std::int64_t samples, std::int64_t classes) {
  const std::int64_t sample = std::int64_t{blockIdx.x} * kWarps + threadIdx.y;
  if (sample >= samples) return;
  const T* row = logits + sample * classes;
  T* gradient = dlogits + sample * classes;
  const TargetRow target = targets.row(sample, classes);
  const float factor = *dloss / averaged;
  if constexpr (kKind == LossKind::CrossEntropy) {
    cross_entropy_gradient_of_row(row, target, factor, gradient, classes);
  } else {
    binary_cross_entropy_gradient_of_row(row, target, factor, gradient, classes);
  }
}

LaunchShape warp_per_sample(std::int64_t samples) {
  return {.grid = dim3(static_cast<unsigned>((samples + kWarps - 1) / kWarps)), .block = dim3(32, kWarps)};
}

}  // namespace

template <class T>
void cross_entropy(Cuda place, const LossForward<T>& args) {
  check_extents(args);
  const std::int64_t samples = args.logits.template extent<N>().value;
  const auto kernel = args.kind == LossKind::CrossEntropy
                          ? sample_loss_kernel<T, LossKind::CrossEntropy>
                          : sample_loss_kernel<T, LossKind::BinaryCrossEntropy>;
  launch("cross_entropy_sample_loss", kernel, warp_per_sample(samples), place, args.logits.data(),
         targets_of(args.target), args.sample_loss.data(), samples, args.logits.template extent<K>().value);
  launch("cross_entropy_mean_loss", mean_loss_kernel, {.grid = dim3(1), .block = dim3(kMeanThreads)}, place,
         static_cast<const float*>(args.sample_loss.data()), args.mean_loss.data(), samples);
}

template <class T>
void cross_entropy(Cuda place, const LossBackward<T>& args) {
  check_extents(args);
  const bool is_softmax = args.kind == LossKind::CrossEntropy;
  const std::int64_t samples = args.logits.template extent<N>().value;
  const auto kernel = is_softmax ? loss_gradient_kernel<T, LossKind::CrossEntropy>
                                 : loss_gradient_kernel<T, LossKind::BinaryCrossEntropy>;
  launch("cross_entropy_gradient", kernel, warp_per_sample(samples), place, args.logits.data(),
         targets_of(args.target), args.dloss.data(),
         static_cast<float>(is_softmax ? samples : args.logits.size()), args.dlogits.data(), samples,
         args.logits.template extent<K>().value);
}

#define CF_INSTANTIATE(T)                                   \
  template void cross_entropy(Cuda, const LossForward<T>&); \
  template void cross_entropy(Cuda, const LossBackward<T>&)

CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels
