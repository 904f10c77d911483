#include "kernels/convfirst_forward/convfirst_forward_cuda.cuh"

namespace cf::kernels {

template void convfirst(Cuda, const ConvFirstForward<Half>&);

}  // namespace cf::kernels
