#include "kernels/convfirst_forward/convfirst_forward_cuda.cuh"

namespace cf::kernels {

template void convfirst(Cuda, const ConvFirstForward<Half>&);
template ConvFirstLimits convfirst_limits<Half>(Cuda, std::int64_t);

}  // namespace cf::kernels
