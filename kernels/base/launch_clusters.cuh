// launch() for kernels whose blocks work in clusters (compute capability 9.0).
#pragma once

#include "kernels/base/launch.cuh"

namespace cf {

// `cluster` neighbouring blocks along x share their memories; the grid is a multiple of it. The kernel starts
// beside the end of the one before it in the stream and has to wait for it itself (griddepcontrol.wait).
template <class... Parameters, class... Arguments>
void launch_clusters(std::string_view name, void (*kernel)(Parameters...), const LaunchShape& shape,
                     unsigned cluster, Cuda place, Arguments&&... arguments) {
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shape.shared_bytes)),
             name);
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim.x = cluster;
  attributes[0].val.clusterDim.y = attributes[0].val.clusterDim.z = 1;
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = place.stream;
  config.attrs = attributes;
  config.numAttrs = 2;
  check_cuda(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...), name);
  if (waits_for_every_launch()) check_cuda(cudaStreamSynchronize(place.stream), name);
}

}  // namespace cf
