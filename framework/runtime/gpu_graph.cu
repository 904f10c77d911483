#include "framework/runtime/gpu_graph.h"

#include <cuda.h>
#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "kernels/base/launch.cuh"

namespace cf {

GpuEvent::GpuEvent() { CF_CUDA(cudaEventCreate(&event_)); }

GpuEvent::~GpuEvent() {
  if (event_ != nullptr) cudaEventDestroy(event_);
}

GpuEvent::GpuEvent(GpuEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}

void GpuEvent::record(const GpuStream& stream) { CF_CUDA(cudaEventRecord(event_, stream.get())); }

void GpuEvent::synchronize() const { CF_CUDA(cudaEventSynchronize(event_)); }

double GpuEvent::milliseconds_since(const GpuEvent& earlier) const {
  float milliseconds = 0;
  CF_CUDA(cudaEventElapsedTime(&milliseconds, earlier.event_, event_));
  return static_cast<double>(milliseconds);
}

namespace {

// The recording of a stream, which must be ended also where the body throws.
class Recording {
 public:
  explicit Recording(cudaStream_t stream) : stream_(stream) {
    // Relaxed: the body may take memory from the driver, which is no work of a stream.
    CF_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  }
  ~Recording() {
    if (!ended_) cudaStreamEndCapture(stream_, &graph_);
    if (graph_ != nullptr) cudaGraphDestroy(graph_);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  cudaGraph_t end() {
    ended_ = true;
    CF_CUDA(cudaStreamEndCapture(stream_, &graph_));
    return graph_;
  }

 private:
  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
  bool ended_ = false;
};

}  // namespace

GpuGraph GpuGraph::capture(const GpuStream& stream, const std::function<void()>& body) {
  Recording recording(stream.get());
  body();
  cudaGraphExec_t executable = nullptr;
  CF_CUDA(cudaGraphInstantiate(&executable, recording.end(), 0));
  return GpuGraph(executable);
}

GpuGraph::~GpuGraph() {
  if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
}

GpuGraph::GpuGraph(GpuGraph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}

void GpuGraph::launch(const GpuStream& stream) const { CF_CUDA(cudaGraphLaunch(executable_, stream.get())); }

namespace {

// The driver's functions, which no library is linked for. Those of the runtime do not know kernels of a
// library that has a runtime of its own, as cuBLASLt.
template <class Function>
Function* driver_function(const char* name) {
  constexpr unsigned kVersion = 12030;  // the first with all of them
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found;
  CF_CUDA(cudaGetDriverEntryPointByVersion(name, &function, kVersion, cudaEnableDefault, &found));
  CF_CHECK_AS(ErrorKind::Device, found == cudaDriverEntryPointSuccess, "the driver has no ", name);
  return reinterpret_cast<Function*>(function);
}

void check_driver(CUresult status, const char* call) {
  CF_CHECK_AS(ErrorKind::Device, status == CUDA_SUCCESS, call, " fails with ", static_cast<int>(status));
}

#define CF_DRIVER(function, ...) \
  check_driver(driver_function<decltype(function)>(#function)(__VA_ARGS__), #function)

// "patch_conv_kernel" of what the compiler calls it.
std::string short_name(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  if (status != 0) return mangled;
  std::string name = readable.get();
  if (name.starts_with("void ")) name.erase(0, 5);
  std::string out;
  int depth = 0;  // of brackets
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name.compare(i, 21, "(anonymous namespace)") == 0) {
      i += 20;
    } else if (name[i] == '<') {
      ++depth;
    } else if (name[i] == '>') {
      --depth;
    } else if (depth == 0 && name[i] == '(') {
      break;
    } else if (depth == 0) {
      out += name[i];
    }
  }
  return out.substr(out.rfind(':') + 1);
}

GpuKernel kernel_of(CUgraphNode node) {
  CUDA_KERNEL_NODE_PARAMS params{};
  CF_DRIVER(cuGraphKernelNodeGetParams, node, &params);
  CUfunction function = params.func;
  if (function == nullptr) CF_DRIVER(cuKernelGetFunction, &function, params.kern);
  const char* name = nullptr;
  CF_DRIVER(cuFuncGetName, &name, function);
  const auto attribute = [&](CUfunction_attribute which) {
    int value = 0;
    CF_DRIVER(cuFuncGetAttribute, &value, which, function);
    return value;
  };
  CUkernelNodeAttrValue cluster{};
  CF_DRIVER(cuGraphKernelNodeGetAttribute, node, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, &cluster);
  const auto& c = cluster.clusterDim;
  return {.name = short_name(name),
          .grid = {params.gridDimX, params.gridDimY, params.gridDimZ},
          .threads = params.blockDimX * params.blockDimY * params.blockDimZ,
          .cluster = c.x == 0 ? 1 : c.x * c.y * c.z,
          .shared_bytes = params.sharedMemBytes +
                          static_cast<std::size_t>(attribute(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES)),
          .registers = attribute(CU_FUNC_ATTRIBUTE_NUM_REGS)};
}

}  // namespace

std::vector<GpuKernel> kernels_of(const GpuStream& stream, const std::function<void()>& body) {
  Recording recording(stream.get());
  body();
  cudaGraph_t graph = recording.end();
  std::size_t count = 0;
  CF_CUDA(cudaGraphGetNodes(graph, nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  CF_CUDA(cudaGraphGetNodes(graph, nodes.data(), &count));  // in the order in which they were recorded
  std::vector<GpuKernel> kernels;
  for (cudaGraphNode_t node : nodes) {
    cudaGraphNodeType type{};
    CF_CUDA(cudaGraphNodeGetType(node, &type));
    if (type == cudaGraphNodeTypeKernel) kernels.push_back(kernel_of(node));
  }
  return kernels;
}

}  // namespace cf
