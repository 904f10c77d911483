#include "kernels/feed_forward/feed_forward_cuda.cuh"

namespace cf::kernels {

template void feed_forward(Cuda, const FeedForward<Half>&);
template std::size_t workspace_bytes(Cuda, const FeedForward<Half>&);

}  // namespace cf::kernels
