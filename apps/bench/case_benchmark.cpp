#include "apps/bench/case_benchmark.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/bench/rotating_memory.h"

namespace cf::apps {

bool runs_at(const Executor& executor, const kernels::Case& problem, DType type) {
  const bool in_type = std::find(problem.types.begin(), problem.types.end(), type) != problem.types.end();
  return in_type && (executor.kind() != PlaceKind::Cuda || problem.runs_on_cuda_in(type));
}

CaseResult benchmark_case(Executor& executor, const kernels::Case& problem, DType type,
                          const DeviceLimits& limits, std::int64_t cache_bytes,
                          const TimingOptions& options) {
  CaseResult result{.name = problem.name,
                    .type = type,
                    .flops = problem.flops,
                    .bytes = problem.bytes(type),
                    .copies = copies_beyond(cache_bytes, tensor_bytes(problem, type))};
  result.limit_seconds = limits.seconds(result.flops, result.bytes);
  RotatingMemory memory(executor, problem, type, result.copies);
  result.timing = in_context(
      [&] { return problem.name; },
      [&] {
        return time_runs(executor, result.copies, options, [&](std::int64_t number) {
          executor.at(type, [&]<class T>(auto place) { problem.run(place, type, memory.copy(number)); });
        });
      });
  return result;
}

nlohmann::ordered_json as_json(const CaseResult& result) {
  const double seconds = result.timing.seconds.median;
  return {{"name", result.name},
          {"precision", name_of(result.type)},
          {"seconds", as_json(result.timing.seconds)},
          {"runs_per_sample", result.timing.runs_per_sample},
          {"graph", result.timing.in_graph},
          {"copies", result.copies},
          {"flops", result.flops},
          {"bytes", result.bytes},
          {"flops_per_second", result.flops / seconds},
          {"bytes_per_second", result.bytes / seconds},
          {"limit_seconds", result.limit_seconds},
          {"share_of_limit", result.share_of_limit()}};
}

}  // namespace cf::apps
