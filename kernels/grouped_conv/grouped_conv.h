// Grouped 3x3 convolution of group width 8, stride 1, zero padding 1. Channels in = channels out, a
// multiple of 8; output channel k sees the 8 input channels of its group g = k / 8. The activation is for
// inference, where the norm behind is folded (fold_norm).
//
//   forward          y[n,h,w,k]  = activation(sum_{r,s,c} x[n,h+r-1,w+s-1,8g+c] weight[k,r,s,c] + bias[k])
//                                                                                           c = 0..7
//   centre           bias[k]     = - mean over a few pixels of y without bias and activation
//   backward input   dx[n,h,w,8g+c] = sum_{k in g,r,s} dy[n,h-r+1,w-s+1,k] weight[k,r,s,c]
//   backward weight  dweight[k,r,s,c] = accumulate dweight + sum_{n,h,w} dy[n,h,w,k] x[n,h+r-1,w+s-1,8g+c]
//
// Forward and backward weight may see x through a norm and an activation (InputNorm). Where `kept` is not
// empty, sample i of the other image belongs to sample kept[i] of x or dx (kernels/residual): nobody copies
// the kept ones at place Cuda in 16-bit types.
#pragma once

#include "kernels/activation/activation.h"
#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

inline constexpr int kGroupWidth = 8;

// What stands between x and the convolution in training: activation(scale x + shift), rounded to T. The zeros
// of the padding stay zeros. At place Cuda in 16-bit types it is carried out on the way in, elsewhere in the
// workspace.
template <class T>
struct InputNorm {
  View<const Wide<T>, C> scale = {}, shift = {};  // empty: x as it is
  Activation activation = Activation::None;

  explicit operator bool() const { return static_cast<bool>(scale); }
};

template <class T>
struct GroupedConvForward {
  View<const T, N, H, W, C> x;
  View<const std::int64_t, N> kept = {};  // not together with a norm or an activation
  InputNorm<T> norm = {};                 // not together with an activation behind the convolution
  View<const T, K, R, S, C> weight;       // [channels, 3, 3, 8]
  View<const Wide<T>, K> bias = {};       // empty: none
  Activation activation = Activation::None;
  View<T, N, H, W, K> y;  // overwritten
  Workspace workspace;
};

// The bias that brings the mean of the forward pass's y near zero, so that what is rounded to T there is
// about the deviation from the mean: taken from min(N H W, kCentrePixels) pixels spread over all images of y
// (centre_pixel).
template <class T>
struct GroupedConvCentre {
  View<const T, N, H, W, C> x;
  View<const std::int64_t, N> kept = {};
  View<const T, K, R, S, C> weight;
  View<Wide<T>, K> bias;  // overwritten
};

inline constexpr std::int64_t kCentrePixels = 64;

// Pixel of number i: a sequence that fills [0, pixels) evenly whatever the rows' length.
CF_HOST_DEVICE inline std::int64_t centre_pixel(std::int64_t i, std::int64_t pixels) {
  constexpr std::uint32_t kGoldenRatio = 0x9E3779B9;  // 2^32 / 1.618...
  const std::uint32_t fraction = static_cast<std::uint32_t>(i) * kGoldenRatio;
  return static_cast<std::int64_t>(
      static_cast<std::uint64_t>(fraction) * static_cast<std::uint64_t>(pixels) >> 32);
}

// With `added`, the gradient of a residual sum so far, dx = added + the convolution, rounded to T before it
// is added: that saves a pass over it.
template <class T>
struct GroupedConvBackwardInput {
  View<const T, N, H, W, K> dy;
  View<const T, K, R, S, C> weight;
  View<const T, N, H, W, C> added = {};   // empty: none; may be dx, must be where samples are kept
  View<const std::int64_t, N> kept = {};  // empty unless it adds
  View<T, N, H, W, C> dx;                 // overwritten, but for samples that are not kept
  Workspace workspace;
};

template <class T>
struct GroupedConvBackwardWeight {
  View<const T, N, H, W, C> x;
  View<const std::int64_t, N> kept = {};  // not together with a norm
  InputNorm<T> norm = {};
  View<const T, N, H, W, K> dy;
  View<Wide<T>, K, R, S, C> dweight;
  float accumulate = 0;  // 0: overwritten; 1: added to
  Workspace workspace;
};

template <class T>
void grouped_conv(Reference, const GroupedConvForward<T>&);
template <class T>
void grouped_conv(Reference, const GroupedConvCentre<T>&);
template <class T>
void grouped_conv(Reference, const GroupedConvBackwardInput<T>&);
template <class T>
void grouped_conv(Reference, const GroupedConvBackwardWeight<T>&);

// Images, and for the centre weights too, must be aligned to 16 bytes.
template <class T>
void grouped_conv(Cuda, const GroupedConvForward<T>&);
template <class T>
void grouped_conv(Cuda, const GroupedConvCentre<T>&);
template <class T>
void grouped_conv(Cuda, const GroupedConvBackwardInput<T>&);
template <class T>
void grouped_conv(Cuda, const GroupedConvBackwardWeight<T>&);

void grouped_conv(Cpu, const GroupedConvForward<float>&);
void grouped_conv(Cpu, const GroupedConvCentre<float>&);
void grouped_conv(Cpu, const GroupedConvBackwardInput<float>&);
void grouped_conv(Cpu, const GroupedConvBackwardWeight<float>&);

std::size_t workspace_bytes(Cpu, const GroupedConvForward<float>&);
std::size_t workspace_bytes(Cpu, const GroupedConvBackwardInput<float>&);
std::size_t workspace_bytes(Cpu, const GroupedConvBackwardWeight<float>&);

template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvBackwardInput<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvBackwardWeight<T>&);

}  // namespace cf::kernels
