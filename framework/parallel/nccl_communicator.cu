#ifdef CF_WITH_NCCL

#include <nccl.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "framework/parallel/communicator.h"
#include "framework/parallel/rendezvous.h"
#include "framework/runtime/gpu.h"

namespace cf {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{20};     // of the watcher
constexpr std::chrono::microseconds kAskEvery{20};      // whether NCCL has taken what it was given
constexpr std::chrono::milliseconds kCauseWithin{500};  // a lost rank is known so soon after its GPU's error

ncclDataType_t nccl_type(DType dtype) {
  if (dtype == DType::BFloat16) return ncclBfloat16;
  CF_CHECK(dtype == DType::Float32, "tensors of ", name_of(dtype), " are not summed over ranks");
  return ncclFloat32;
}

// Rank 0 draws it, the others ask the rendezvous.
ncclUniqueId unique_id(Rendezvous& rendezvous) {
  constexpr const char* kKey = "nccl/id";
  ncclUniqueId id;
  if (rendezvous.rank() == 0) {
    const ncclResult_t status = ncclGetUniqueId(&id);
    CF_CHECK_AS(ErrorKind::Communication, status == ncclSuccess,
                "NCCL cannot begin: ", ncclGetErrorString(status), " ", ncclGetLastError(nullptr));
    rendezvous.set(kKey, {id.internal, sizeof id.internal});
  } else {
    const std::string bytes = rendezvous.get(kKey);
    CF_CHECK(bytes.size() == sizeof id.internal, "an id of NCCL has ", bytes.size(), " bytes");
    std::memcpy(id.internal, bytes.data(), bytes.size());
  }
  return id;
}

// NCCL never blocks here: what it has not taken at once is asked for. A GPU that waits for a rank that is
// gone would wait for ever, and with it the thread that waits for this GPU; a watcher sees that a rank has
// failed and aborts, which ends the kernels of NCCL, and the thread goes on.
class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(Rendezvous& rendezvous, int device_index);
  ~NcclCommunicator() override;

  int rank() const override { return host_->rank(); }
  int world() const override { return host_->world(); }
  int ranks_on_host() const override { return host_->ranks_on_host(); }
  void all_reduce_sum(std::span<float> values) override { host_->all_reduce_sum(values); }
  void all_reduce_sum(std::span<std::int64_t> values) override { host_->all_reduce_sum(values); }
  void broadcast(std::span<std::byte> bytes) override { host_->broadcast(bytes); }
  void all_gather(std::span<std::byte> bytes) override { host_->all_gather(bytes); }
  std::int64_t begin_vote(std::int64_t value) override { return host_->begin_vote(value); }
  std::int64_t vote_result(std::int64_t ticket) override { return host_->vote_result(ticket); }

  void sum_over_ranks(const Tensor& values, const GpuStream* stream) override;
  void broadcast_to_ranks(const Tensor& values, const GpuStream* stream) override;
  void gather_from_ranks(const Tensor& parts, const GpuStream* stream) override;
  void wait_for_gpu(const std::function<void()>& wait) override;

 private:
  template <class Call>
  void give(const char* what, Call call);
  std::optional<ncclResult_t> state();
  void watch();
  void end_watcher();
  std::string look();
  void set_deadline(std::optional<Clock::time_point> deadline);
  // The collective timeout, from now to the end of the scope.
  auto deadline_of_scope();
  [[noreturn]] void fail_call(const char* what, ncclResult_t status);
  void throw_trouble();

  Rendezvous& rendezvous_;
  std::unique_ptr<Communicator> host_;
  ncclComm_t communicator_ = nullptr;

  std::mutex mutex_;  // of what follows, and of calls to NCCL
  std::condition_variable changed_;
  std::optional<Clock::time_point> deadline_;  // of what is being waited for
  std::string trouble_;                        // why the watcher has aborted; empty: it has not
  bool is_ending_ = false;
  std::thread watcher_;
};

NcclCommunicator::NcclCommunicator(Rendezvous& rendezvous, int device_index)
    : rendezvous_(rendezvous), host_(make_gloo_communicator(rendezvous)) {
  const GpuGuard guard(device_index);
  ncclUniqueId id = unique_id(rendezvous);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  const ncclResult_t status = ncclCommInitRankConfig(&communicator_, world(), id, rank(), &config);
  if (status != ncclSuccess && status != ncclInProgress) fail_call("NCCL's start", status);
  watcher_ = std::thread([this] { watch(); });
  try {
    give("NCCL's start", [](ncclComm_t) { return ncclSuccess; });
  } catch (...) {
    end_watcher();
    if (trouble_.empty()) ncclCommAbort(communicator_);
    throw;
  }
}

NcclCommunicator::~NcclCommunicator() {
  end_watcher();
  if (!trouble_.empty()) return;  // aborted
  if (rendezvous_.has_failed()) {
    ncclCommAbort(communicator_);
  } else {
    ncclCommDestroy(communicator_);
  }
}

void NcclCommunicator::end_watcher() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

auto NcclCommunicator::deadline_of_scope() {
  set_deadline(Clock::now() + rendezvous_.options().collective_timeout);
  const auto clear = [](NcclCommunicator* self) { self->set_deadline(std::nullopt); };
  return std::unique_ptr<NcclCommunicator, decltype(clear)>(this, clear);
}

// Gives NCCL something and waits until it has taken it: not until it is done.
template <class Call>
void NcclCommunicator::give(const char* what, Call call) {
  rendezvous_.count_collective();
  auto deadline = deadline_of_scope();
  ncclResult_t status = ncclInProgress;
  {
    const std::lock_guard lock(mutex_);
    if (trouble_.empty()) status = call(communicator_);
  }
  while (status == ncclSuccess || status == ncclInProgress) {
    const auto now = state();
    if (!now || *now == ncclSuccess) break;
    status = *now;
    std::this_thread::sleep_for(kAskEvery);
  }
  deadline.reset();
  throw_trouble();
  if (status != ncclSuccess && status != ncclInProgress) fail_call(what, status);
}

// Null once aborted.
std::optional<ncclResult_t> NcclCommunicator::state() {
  const std::lock_guard lock(mutex_);
  if (!trouble_.empty()) return std::nullopt;
  ncclResult_t state = ncclSuccess;
  const ncclResult_t status = ncclCommGetAsyncError(communicator_, &state);
  return status == ncclSuccess ? state : status;
}

void NcclCommunicator::fail_call(const char* what, ncclResult_t status) {
  rendezvous_.fail_collective(concat(what, ": ", ncclGetErrorString(status), " ", ncclGetLastError(nullptr)));
}

void NcclCommunicator::set_deadline(std::optional<Clock::time_point> deadline) {
  const std::lock_guard lock(mutex_);
  deadline_ = deadline;
}

// What has failed, said by the rendezvous where it knows.
void NcclCommunicator::throw_trouble() {
  const std::string trouble = [&] {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }();
  if (trouble.empty()) return;
  rendezvous_.check();
  rendezvous_.fail_collective(trouble);
}

void NcclCommunicator::watch() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    changed_.wait_for(lock, kLookEvery);
    if (is_ending_) return;
    trouble_ = look();
    if (trouble_.empty()) continue;
    lock.unlock();
    // From now on nobody else calls NCCL. Returns when no recorded work with collectives is left.
    ncclCommAbort(communicator_);
    return;
  }
}

// With the mutex held: why to abort; empty for no reason.
std::string NcclCommunicator::look() {
  if (rendezvous_.has_failed()) return "a rank has failed";
  if (deadline_ && Clock::now() > *deadline_) {
    const std::chrono::duration<double> timeout = rendezvous_.options().collective_timeout;
    return concat("what the GPUs do together did not complete within ", timeout.count(), " s");
  }
  ncclResult_t state = ncclSuccess;
  const ncclResult_t status = ncclCommGetAsyncError(communicator_, &state);
  if (status == ncclSuccess && (state == ncclSuccess || state == ncclInProgress)) return {};
  return concat("NCCL: ", ncclGetErrorString(status == ncclSuccess ? state : status), " ",
                ncclGetLastError(communicator_));
}

void NcclCommunicator::wait_for_gpu(const std::function<void()>& wait) {
  rendezvous_.count_collective();
  auto deadline = deadline_of_scope();
  try {
    wait();
  } catch (const Error&) {
    // The memory of a rank that is gone may be missed by this GPU before its loss is known here.
    const auto known = Clock::now() + kCauseWithin;
    while (!rendezvous_.has_failed() && Clock::now() < known) std::this_thread::sleep_for(kLookEvery);
    rendezvous_.check();
    throw;
  }
  deadline.reset();
  throw_trouble();
}

void NcclCommunicator::sum_over_ranks(const Tensor& values, const GpuStream* stream) {
  if (values.device().kind == DeviceKind::Host) return host_->sum_over_ranks(values, stream);
  give("all-reduce", [&](ncclComm_t communicator) {
    return ncclAllReduce(values.data(), values.data(), static_cast<std::size_t>(values.size()),
                         nccl_type(values.dtype()), ncclSum, communicator, stream->get());
  });
}

void NcclCommunicator::broadcast_to_ranks(const Tensor& values, const GpuStream* stream) {
  if (values.device().kind == DeviceKind::Host) return host_->broadcast_to_ranks(values, stream);
  give("broadcast", [&](ncclComm_t communicator) {
    return ncclBroadcast(values.data(), values.data(), values.size_bytes(), ncclInt8, 0, communicator,
                         stream->get());
  });
}

void NcclCommunicator::gather_from_ranks(const Tensor& parts, const GpuStream* stream) {
  if (parts.device().kind == DeviceKind::Host) return host_->gather_from_ranks(parts, stream);
  const std::size_t part = parts.size_bytes() / static_cast<std::size_t>(world());
  CF_CHECK(part * static_cast<std::size_t>(world()) == parts.size_bytes(), parts.size_bytes(),
           " bytes are gathered of ", world(), " ranks");
  give("all-gather", [&](ncclComm_t communicator) {
    const std::byte* own = parts.bytes().data() + part * static_cast<std::size_t>(rank());
    return ncclAllGather(own, parts.data(), part, ncclInt8, communicator, stream->get());
  });
}

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(Rendezvous& rendezvous, int device_index) {
  return std::make_unique<NcclCommunicator>(rendezvous, device_index);
}

}  // namespace cf

#endif
