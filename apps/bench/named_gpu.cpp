#include "apps/bench/named_gpu.h"

#include <cctype>

namespace cf::apps {

namespace {

constexpr std::int64_t kAmpereBlock = 163 << 10, kAdaBlock = 99 << 10, kHopperBlock = 227 << 10;

constexpr DeviceLimits peak(double bytes_per_second, double flops_per_second) {
  return {bytes_per_second, flops_per_second, DType::Float16};
}

constexpr NamedGpu kGpus[] = {
    {"A5000", peak(0.768e12, 111.1e12), {kAdaBlock, 64, false}},
    {"A100", peak(2.039e12, 312e12), {kAmpereBlock, 108, false}},
    {"H100", peak(3.35e12, 989.4e12), {kHopperBlock, 132, true}},
    {"H200", peak(4.8e12, 989.4e12), {kHopperBlock, 132, true}},
    {"RTX4090", peak(1.008e12, 165.2e12), {kAdaBlock, 128, false}},
};

// Upper case without spaces.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ') out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

const NamedGpu& named_gpu(const std::string& name) {
  std::string list;
  for (const NamedGpu& gpu : kGpus) {
    if (gpu.name == plain(name)) return gpu;
    list += concat(list.empty() ? "" : ", ", gpu.name);
  }
  fail(ErrorKind::Usage, "--gpu is '", name, "', must be one of ", list);
}

const NamedGpu* gpu_of_device(std::string_view device) {
  const std::string text = plain(device);
  for (const NamedGpu& gpu : kGpus) {
    if (text.find(gpu.name) != std::string::npos) return &gpu;
  }
  return nullptr;
}

layers::RouteDevice route_device(const NamedGpu& gpu, const std::string& precision) {
  CF_CHECK_AS(ErrorKind::Usage, precision == "auto" || precision == "bf16" || precision == "fp16",
              "--precision is '", precision, "': --gpu predicts 16-bit types only, bf16 or fp16");
  const DType type = precision == "fp16" ? DType::Float16 : DType::BFloat16;
  return {.place = PlaceKind::Cuda, .type = type, .limits = gpu.blocks};
}

}  // namespace cf::apps
