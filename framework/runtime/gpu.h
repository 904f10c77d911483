// GPUs as the rest of the program sees them: what is there, a stream, memory, and copies. Without CUDA in the
// build there are none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "framework/runtime/memory_pool.h"

struct CUstream_st;

namespace cf {

class GpuEvent;
struct MemorySource;

// GPUs this process can use; where there are none, why_none says why.
struct GpuCount {
  int count = 0;
  std::string why_none;
};
GpuCount count_gpus();

struct GpuProperties {
  std::string name;
  int compute_major = 0, compute_minor = 0;
  int multiprocessors = 0;
  std::int64_t memory_bytes = 0;
  std::string identity;                         // "GPU-8a1b...", of which no two GPUs have the same
  int driver_version = 0, runtime_version = 0;  // as CUDA numbers them: 13000 is 13.0
};
GpuProperties gpu_properties(int index);

// Whether the environment variable CF_SYNC=1 asks that every kernel is waited for, so that an error is
// reported by the kernel that made it. No work can be recorded then.
bool gpu_waits_for_every_launch();

// Makes a GPU the calling thread's current one, and the one before current again at its end.
class GpuGuard {
 public:
  explicit GpuGuard(int device_index);
  ~GpuGuard();
  GpuGuard(const GpuGuard&) = delete;
  GpuGuard& operator=(const GpuGuard&) = delete;

 private:
  int before_ = 0;
};

// Host memory that a GPU copies from and to without the host waiting. Throws a Device error that says how
// much was asked for.
std::shared_ptr<std::byte> allocate_page_locked(std::size_t bytes);

// An order of work on one GPU, which becomes the calling thread's current one; destroyed after the work is
// done.
class GpuStream {
 public:
  explicit GpuStream(int device_index);
  ~GpuStream();
  GpuStream(const GpuStream&) = delete;
  GpuStream& operator=(const GpuStream&) = delete;

  CUstream_st* get() const { return stream_; }
  void synchronize() const;

  // In the order of the stream. Copies from and to the host return when they are done.
  void copy_from_host(void* to, const void* from, std::size_t bytes) const;
  void copy_to_host(void* to, const void* from, std::size_t bytes) const;
  void copy(void* to, const void* from, std::size_t bytes) const;
  void zero(void* to, std::size_t bytes) const;

  // The same between the GPU and page-locked memory of the host: returns at once.
  void start_copy_from_host(void* to, const void* from, std::size_t bytes) const;
  void start_copy_to_host(void* to, const void* from, std::size_t bytes) const;

  // Work given to this stream from now on begins after the mark.
  void wait(const GpuEvent& event) const;

 private:
  CUstream_st* stream_ = nullptr;
};

// Memory of one GPU. Blocks are handed out again in the order of one stream: all work on them must be in that
// stream.
std::shared_ptr<MemoryPool> make_gpu_pool(int device_index);
MemorySource gpu_memory(int device_index);

}  // namespace cf
