#include "kernels/feed_forward_backward/feed_forward_backward_cuda.cuh"

namespace cf::kernels {

template void feed_forward(Cuda, const FeedForwardBackward<Half>&);
template std::size_t workspace_bytes(Cuda, const FeedForwardBackward<Half>&);

}  // namespace cf::kernels
