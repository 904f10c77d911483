#include "kernels/mbconv_forward/mbconv_forward_cuda.cuh"

namespace cf::kernels {

template void mbconv(Cuda, const MBConvForward<BFloat16>&);
template std::size_t workspace_bytes(Cuda, const MBConvForward<BFloat16>&);

}  // namespace cf::kernels
