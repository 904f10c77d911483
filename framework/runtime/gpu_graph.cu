#include "framework/runtime/gpu_graph.h"

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

}  // namespace cf
