// Work of a GPU stream that is recorded once and replayed, and marks in a stream: waiting and timing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "framework/runtime/gpu.h"

struct CUevent_st;
struct CUgraphExec_st;

namespace cf {

// A mark in the order of a stream.
class GpuEvent {
 public:
  GpuEvent();
  ~GpuEvent();
  GpuEvent(GpuEvent&&) noexcept;
  GpuEvent& operator=(GpuEvent&&) = delete;

  void record(const GpuStream& stream);
  // Waits on the host until the work before the mark is done. An event that was never recorded is done.
  void synchronize() const;
  // Between two recorded marks that are done.
  double milliseconds_since(const GpuEvent& earlier) const;

  CUevent_st* get() const { return event_; }

 private:
  CUevent_st* event_ = nullptr;
};

class GpuGraph {
 public:
  // Records what `body` gives to the stream; nothing of it runs. The body must not wait for the stream, nor
  // copy from or to memory that is not page-locked. What the kernels read and write must stay where it is as
  // long as the graph lives.
  static GpuGraph capture(const GpuStream& stream, const std::function<void()>& body);
  ~GpuGraph();
  GpuGraph(GpuGraph&&) noexcept;
  GpuGraph& operator=(GpuGraph&&) = delete;

  // In the order of the stream.
  void launch(const GpuStream& stream) const;

 private:
  explicit GpuGraph(CUgraphExec_st* executable) : executable_(executable) {}

  CUgraphExec_st* executable_;
};

// A kernel as it is started.
struct GpuKernel {
  std::string name;          // without namespaces, arguments and template arguments
  unsigned grid[3];          // blocks
  unsigned threads;          // of a block
  unsigned cluster;          // blocks
  std::size_t shared_bytes;  // of a block
  int registers;             // of a thread
};

// What `body`, as for GpuGraph::capture, would start, in order; nothing of it runs.
std::vector<GpuKernel> kernels_of(const GpuStream& stream, const std::function<void()>& body);

}  // namespace cf
