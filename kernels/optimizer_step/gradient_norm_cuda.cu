// The norm of the gradients, what follows from it, and their clipping. Squares are summed in double: a model
// has millions of elements, and the additions hide behind the reads.
#include "kernels/base/elementwise.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/optimizer_step/optimizer_step.h"
#include "kernels/optimizer_step/optimizer_step_check.h"
#include "kernels/optimizer_step/rules.h"
#include "kernels/optimizer_step/segment_rates.cuh"

namespace cf::kernels {

namespace {

template <int n>
__global__ void sum_of_squares_kernel(const float* gradients, SegmentTable table, double* partial,
                                      std::int64_t size) {
  __shared__ double shared[32];
  double sum = 0;
  for_each_pack_of_thread<n>(size, [&]<int kElements>(std::int64_t i) {
    table.visit<kElements>(i, [&]<int count>(std::int64_t first, const Segment&) {
      const auto pack = load_pack<float, count>(gradients + first);
#pragma unroll
      for (const float value : pack.value) sum += double{value} * double{value};
    });
  });
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void finish_norm_kernel(const double* partial, unsigned count, float* norm) {
  __shared__ double shared[32];
  double sum = 0;
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) *norm = static_cast<float>(sqrt(sum));
}

__global__ void decide_kernel(const float* norm, const float* losses, std::int64_t count, float share,
                              LossScaling scaling, StepState* state, StepScalars* scalars,
                              float* loss_weight) {
  bool losses_finite = true;
  for (std::int64_t i = 0; i < count; ++i) losses_finite = losses_finite && is_finite(losses[i]);
  decide_step(*norm, losses_finite, share, scaling, *state, *scalars, *loss_weight);
}

__global__ void clip_kernel(const float* norm, float max_norm, StepScalars* scalars) {
  const float scale = scalars->gradient_scale;
  scalars->gradient_scale = scale * clip_factor(*norm * scale, max_norm);
}

// A block per partial sum; as many with packs and without.
LaunchShape shape_of_sums(std::int64_t size) { return flat_shape(size, kBucketPack); }

}  // namespace

template <class T>
void optimizer_step(Cuda place, const GradientNorm<T>& args) {
  check_extents(args);
  const std::int64_t size = args.gradients.size();
  const LaunchShape shape = shape_of_sums(size);
  auto* partial = workspace_as<double>("optimizer_step: gradient norm", args.workspace, shape.grid.x);
  const auto run = [&]<int n> {
    launch("gradient_norm_sum_of_squares", sum_of_squares_kernel<n>, shape, place, args.gradients.data(),
           SegmentTable(args.segments), partial, size);
  };
  dispatch_pack<float>(0, run, args.gradients.data());
  launch("gradient_norm_finish", finish_norm_kernel, {.grid = dim3(1), .block = dim3(kElementwiseThreads)},
         place, partial, shape.grid.x, args.norm.data());
}

template <class T>
std::size_t workspace_bytes(Cuda, const GradientNorm<T>& args) {
  return shape_of_sums(args.gradients.size()).grid.x * sizeof(double);
}

template <class T>
void optimizer_step(Cuda place, const DecideStep<T>& args) {
  check(args);
  launch("decide_step", decide_kernel, {.grid = dim3(1), .block = dim3(1)}, place, args.norm.data(),
         args.losses.data(), args.losses.size(), args.share, args.scaling, args.state, args.scalars,
         args.loss_weight.data());
}

template <class T>
void optimizer_step(Cuda place, const ClipGradients<T>& args) {
  check(args);
  launch("clip_gradients", clip_kernel, {.grid = dim3(1), .block = dim3(1)}, place, args.norm.data(),
         args.max_norm, args.scalars);
}

template void optimizer_step(Cuda, const GradientNorm<float>&);
template void optimizer_step(Cuda, const DecideStep<float>&);
template void optimizer_step(Cuda, const ClipGradients<float>&);
template std::size_t workspace_bytes(Cuda, const GradientNorm<float>&);

}  // namespace cf::kernels
