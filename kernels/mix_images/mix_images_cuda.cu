// A thread makes the same elements of both images of a pair, so that every byte is read once.
#include <algorithm>
#include <cstdint>

#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/mix_images/mix_images.h"
#include "kernels/mix_images/mix_images_check.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256, kElements = 8;  // of a thread at a time

struct Source {
  const std::uint8_t* x;
  const float *mean, *deviation, *share;
  const std::int64_t* box;
  std::int64_t images;
  int height, row_elements, channels;  // row_elements: of one row, width * channels
};

// The elements of a row where an image shows its partner.
struct Columns {
  int left;
  unsigned width;

  __device__ bool hold(int column) const { return static_cast<unsigned>(column - left) < width; }
};

// What is drawn for an image, with columns counted in elements.
struct Mix {
  float share;
  int top, bottom;
  Columns columns;

  __device__ Mix(const Source& s, std::int64_t n) : share(s.share[n]) {
    const auto edge = [&](int i, int most) {
      return static_cast<int>(min(max(s.box[4 * n + i], std::int64_t{0}), std::int64_t{most}));
    };
    const int width = s.row_elements / s.channels;
    const int left = edge(1, width), right = edge(3, width);
    top = edge(0, s.height);
    bottom = edge(2, s.height);
    columns = {left * s.channels, static_cast<unsigned>(max(right - left, 0) * s.channels)};
  }
  __device__ Columns columns_in(int row) const { return row >= top && row < bottom ? columns : Columns{}; }
};

// Goes through the elements of a pair of images, in the order of memory.
class Walk {
 public:
  __device__ Walk(const Source& source, const Mix& first, const Mix& second, const float* scale, int element)
      : source_(source),
        first_(first),
        second_(second),
        scale_(scale),
        row_(element / source.row_elements),
        column_(element % source.row_elements),
        channel_(column_ % source.channels) {
    enter_row();
  }

  // The next element of both: bytes in, mixed numbers out.
  __device__ void next(std::uint8_t a, std::uint8_t b, float& first, float& second) {
    const float own = static_cast<float>(a), partner = static_cast<float>(b), difference = own - partner;
    const float scale = scale_[channel_], shift = scale_[source_.channels + channel_];
    const float first_share = first_columns_.hold(column_) ? 0.0F : first_.share;
    const float second_share = second_columns_.hold(column_) ? 0.0F : second_.share;
    first = (partner + first_share * difference) * scale + shift;
    second = (own - second_share * difference) * scale + shift;
    ++column_;
    if (++channel_ == source_.channels) channel_ = 0;
    if (column_ == source_.row_elements) {
      column_ = 0;
      ++row_;
      enter_row();
    }
  }

 private:
  __device__ void enter_row() {
    first_columns_ = first_.columns_in(row_);
    second_columns_ = second_.columns_in(row_);
  }

  const Source& source_;
  const Mix &first_, &second_;
  const float* scale_;
  int row_, column_, channel_;
  Columns first_columns_, second_columns_;
};

// z = byte scale[c] + shift[c], with both in shared memory: 2 channels floats.
template <class T>
__global__ void mix_images_kernel(Source s, bool aligned, T* y) {
  extern __shared__ float scale[];
  for (int c = static_cast<int>(threadIdx.x); c < s.channels; c += kBlock) {
    scale[c] = 1.0F / (255.0F * s.deviation[c]);
    scale[s.channels + c] = -s.mean[c] / s.deviation[c];
  }
  __syncthreads();
  const int elements = s.height * s.row_elements, stride = static_cast<int>(gridDim.x) * kBlock * kElements;
  for (std::int64_t n = 2 * std::int64_t{blockIdx.y}; n < s.images; n += 2 * std::int64_t{gridDim.y}) {
    const std::int64_t partner = partner_of(n, s.images);
    const Mix first(s, n), second(s, partner);
    const std::uint8_t *a = s.x + n * elements, *b = s.x + partner * elements;
    T *to_first = y + n * elements, *to_second = y + partner * elements;
    for (int i = static_cast<int>(blockIdx.x * kBlock + threadIdx.x) * kElements; i < elements; i += stride) {
      Walk walk(s, first, second, scale, i);
      if (aligned) {
        const auto bytes_a = load_pack<std::uint8_t, kElements>(a + i);
        const auto bytes_b = load_pack<std::uint8_t, kElements>(b + i);
        float mixed_a[kElements], mixed_b[kElements];
#pragma unroll
        for (int j = 0; j < kElements; ++j) {
          walk.next(bytes_a.value[j], bytes_b.value[j], mixed_a[j], mixed_b[j]);
        }
        store_floats(to_first + i, mixed_a);
        store_floats(to_second + i, mixed_b);
      } else {
        for (int j = i; j < min(i + kElements, elements); ++j) {
          float mixed_a, mixed_b;
          walk.next(a[j], b[j], mixed_a, mixed_b);
          to_first[j] = from_float<T>(mixed_a);
          to_second[j] = from_float<T>(mixed_b);
        }
      }
    }
  }
}

}  // namespace

template <class T>
void mix_images(Cuda place, const MixImages<T>& a) {
  check(a);
  constexpr std::int64_t kMostRows = 65535, kMostElements = std::int64_t{1} << 30;
  const auto images = a.x.template extent<N>().value, channels = a.x.template extent<C>().value;
  const auto height = a.x.template extent<H>().value, row = a.x.template extent<W>().value * channels;
  const std::int64_t elements = height * row;
  CF_CHECK(elements < kMostElements, "mix_images: an image of ", elements, " elements, must have less than ",
           kMostElements, " on the GPU");
  const bool aligned =
      elements % kElements == 0 && aligned_to(kElements, a.x.data()) && aligned_to(16, a.y.data());
  const auto pairs = static_cast<unsigned>(std::min((images + 1) / 2, kMostRows));
  launch("mix_images", mix_images_kernel<T>,
         {.grid = {grid_for((elements + kElements - 1) / kElements, kBlock), pairs},
          .block = kBlock,
          .shared_bytes = 2 * sizeof(float) * static_cast<std::size_t>(channels)},
         place,
         Source{.x = a.x.data(),
                .mean = a.mean.data(),
                .deviation = a.deviation.data(),
                .share = a.share.data(),
                .box = a.box.data(),
                .images = images,
                .height = static_cast<int>(height),
                .row_elements = static_cast<int>(row),
                .channels = static_cast<int>(channels)},
         aligned, a.y.data());
}

template void mix_images(Cuda, const MixImages<float>&);
template void mix_images(Cuda, const MixImages<Half>&);
template void mix_images(Cuda, const MixImages<BFloat16>&);

}  // namespace cf::kernels
