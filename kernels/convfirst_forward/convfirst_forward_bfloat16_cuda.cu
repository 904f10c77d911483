#include "kernels/convfirst_forward/convfirst_forward_cuda.cuh"

namespace cf::kernels {

template void convfirst(Cuda, const ConvFirstForward<BFloat16>&);
template ConvFirstLimits convfirst_limits<BFloat16>(Cuda, std::int64_t);

}  // namespace cf::kernels
