// The costs of training passes on paper against the operations and tensors of the kernels' own cases.
#include "layers/pass_cost.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/all_cases.h"

namespace cf::layers {
namespace {

using kernels::Case;
using kernels::Role;

const kernels::CaseTensor& tensor_of(const Case& problem, const std::string& name) {
  const auto found = std::find_if(problem.tensors.begin(), problem.tensors.end(),
                                  [&](const auto& tensor) { return tensor.name == name; });
  CF_CHECK(found != problem.tensors.end(), problem.name, " has no tensor ", name);
  return *found;
}

// All but the last extent together, and the last.
std::int64_t channels_of(const Case& c, const std::string& name) { return tensor_of(c, name).shape.back(); }
std::int64_t rows_of(const Case& c, const std::string& name) {
  return tensor_of(c, name).size() / channels_of(c, name);
}
std::int64_t first_of(const Case& c, const std::string& name) { return tensor_of(c, name).shape.front(); }
bool has_bias(const Case& c) { return c.name.find("bias") != std::string::npos; }

double bytes_of(const PassCost& cost) {
  return cost.narrow * size_of(DType::BFloat16) + cost.wide * size_of(DType::Float32);
}

// Kernels of which every tensor moves once.
const std::map<std::string, std::function<PassCost(const Case&)>>& costs() {
  static const std::map<std::string, std::function<PassCost(const Case&)>> kCosts = {
      {"linear/forward",
       [](const Case& c) {
         return passes::linear(rows_of(c, "x"), channels_of(c, "x"), channels_of(c, "y"), has_bias(c));
       }},
      {"linear/forward/statistics",
       [](const Case& c) {
         return passes::linear(rows_of(c, "x"), channels_of(c, "x"), channels_of(c, "y"), has_bias(c), true);
       }},
      {"linear/backward_input",
       [](const Case& c) {
         return passes::linear_backward_input(rows_of(c, "dx"), channels_of(c, "dx"), channels_of(c, "dy"));
       }},
      {"linear/backward_input_plus",
       [](const Case& c) {
         return passes::linear_backward_input(rows_of(c, "dx"), channels_of(c, "dx"), channels_of(c, "dy"),
                                              true);
       }},
      {"linear/backward_weight",
       [](const Case& c) {
         return passes::linear_backward_weight(rows_of(c, "x"), channels_of(c, "x"), channels_of(c, "dy"),
                                               has_bias(c));
       }},
      {"grouped_conv/forward",
       [](const Case& c) { return passes::grouped_conv(rows_of(c, "x"), channels_of(c, "x"), false); }},
      {"grouped_conv/forward_bias",
       [](const Case& c) { return passes::grouped_conv(rows_of(c, "x"), channels_of(c, "x"), true); }},
      {"grouped_conv/backward_input",
       [](const Case& c) {
         return passes::grouped_conv_backward_input(rows_of(c, "dy"), channels_of(c, "dy"));
       }},
      {"grouped_conv/backward_weight",
       [](const Case& c) {
         return passes::grouped_conv_backward_weight(rows_of(c, "x"), channels_of(c, "x"));
       }},
      {"grouped_conv/backward",
       [](const Case& c) { return passes::grouped_conv_backward(rows_of(c, "x"), channels_of(c, "x")); }},
      {"grouped_conv/forward_normed",
       [](const Case& c) { return passes::normed_conv(rows_of(c, "x"), channels_of(c, "x")); }},
      {"grouped_conv/backward_weight_normed",
       [](const Case& c) {
         return passes::normed_conv_backward_weight(rows_of(c, "x"), channels_of(c, "x"));
       }},
      {"patch_conv/forward",
       [](const Case& c) {
         return passes::patch_conv(tensor_of(c, "x").size(), tensor_of(c, "y").size(),
                                   tensor_of(c, "weight").size() / first_of(c, "weight"),
                                   channels_of(c, "y"));
       }},
      {"patch_conv/backward_input",
       [](const Case& c) {
         return passes::patch_conv(tensor_of(c, "dx").size(), tensor_of(c, "dy").size(),
                                   tensor_of(c, "weight").size() / first_of(c, "weight"),
                                   channels_of(c, "dy"));
       }},
      {"patch_conv/backward_weight",
       [](const Case& c) {
         return passes::patch_conv_backward_weight(tensor_of(c, "x").size(), tensor_of(c, "dy").size(),
                                                   tensor_of(c, "dweight").size() / first_of(c, "dweight"),
                                                   channels_of(c, "dy"));
       }},
      {"covariance/forward",
       [](const Case& c) { return passes::covariance(rows_of(c, "x"), channels_of(c, "x")); }},
      {"covariance/backward",
       [](const Case& c) { return passes::covariance_backward(rows_of(c, "x"), channels_of(c, "x")); }},
      {"feed_forward",
       [](const Case& c) {
         return passes::feed_forward(rows_of(c, "u"), channels_of(c, "u"), first_of(c, "expand"), false);
       }},
      {"feed_forward/statistics",
       [](const Case& c) {
         return passes::feed_forward(rows_of(c, "u"), channels_of(c, "u"), first_of(c, "expand"), true);
       }},
      {"feed_forward/backward",
       [](const Case& c) {
         return passes::feed_forward_backward(rows_of(c, "u"), channels_of(c, "u"), first_of(c, "expand"));
       }},
  };
  return kCosts;
}

// Kernels without a product that is counted, or whose tensors are small: bytes alone.
const std::map<std::string, std::function<PassCost(const Case&)>>& byte_costs() {
  static const std::map<std::string, std::function<PassCost(const Case&)>> kCosts = {
      {"fold_batch_norms/forward",
       [](const Case& c) { return passes::fold_batch_norms(first_of(c, "mean"), first_of(c, "expand")); }},
      {"fold_batch_norms/backward",
       [](const Case& c) {
         return passes::fold_batch_norms_backward(first_of(c, "mean"), first_of(c, "expand"));
       }},
      {"batch_norm/training",
       [](const Case& c) { return passes::batch_norm_statistics(rows_of(c, "x"), channels_of(c, "x")); }},
      {"batch_norm/apply",
       [](const Case& c) { return passes::batch_norm_apply(rows_of(c, "x"), channels_of(c, "x")); }},
      {"gated_norm/apply",
       [](const Case& c) {
         return passes::gated_norm_apply(first_of(c, "x"), rows_of(c, "x"), channels_of(c, "x"));
       }},
      {"residual/sum",
       [](const Case& c) {
         return passes::residual_sum(rows_of(c, "x"), rows_of(c, "branch"), channels_of(c, "x"));
       }},
      {"global_average_pool/forward",
       [](const Case& c) {
         return passes::global_average_pool(rows_of(c, "y"), rows_of(c, "x"), channels_of(c, "x"));
       }},
  };
  return kCosts;
}

// Sums into a gradient that has been written before read it, too; indices of kept samples are not counted; a
// patch convolution has a bias in inference alone.
bool is_compared(const Case& c) {
  if (c.name.starts_with("patch_conv") && has_bias(c)) return false;
  return c.name.find(" accumulate") == std::string::npos && c.name.find(" kept=") == std::string::npos &&
         std::none_of(c.tensors.begin(), c.tensors.end(), [](const auto& tensor) {
           return tensor.role == Role::InOut && tensor.name.find("weight") != std::string::npos;
         });
}

TEST(PassCost, IsThatOfTheKernelsOwnCases) {
  std::map<std::string, int> compared;
  for (const Case& c : kernels::all_cases()) {
    const std::string kernel = c.name.substr(0, c.name.find(' '));
    if (!is_compared(c)) continue;
    if (const auto found = costs().find(kernel); found != costs().end()) {
      const PassCost cost = found->second(c);
      EXPECT_EQ(2 * cost.macs, c.flops) << c.name;
      EXPECT_EQ(bytes_of(cost), c.bytes(DType::BFloat16)) << c.name;
      ++compared[kernel];
    } else if (const auto bytes = byte_costs().find(kernel); bytes != byte_costs().end()) {
      EXPECT_EQ(bytes_of(bytes->second(c)), c.bytes(DType::BFloat16)) << c.name;
      ++compared[kernel];
    }
  }
  for (const auto& [kernel, cost] : costs()) EXPECT_GT(compared[kernel], 1) << kernel;
  for (const auto& [kernel, cost] : byte_costs()) EXPECT_GT(compared[kernel], 1) << kernel;
}

// Read for a sum over all rows, then again; or written and read.
TEST(PassCost, CountsASecondRead) {
  for (const Case& c : kernels::batch_norm_cases()) {
    if (!c.name.starts_with("batch_norm/backward ") || !is_compared(c)) continue;
    const double image = 2.0 * static_cast<double>(tensor_of(c, "x").size());
    const PassCost cost = passes::batch_norm_backward(rows_of(c, "x"), channels_of(c, "x"));
    EXPECT_EQ(bytes_of(cost), c.bytes(DType::BFloat16) + 2 * image) << c.name;
  }
  for (const Case& c : kernels::gated_norm_cases()) {
    if (!is_compared(c) || c.name.starts_with("gated_norm/apply ")) continue;
    const std::int64_t n = first_of(c, "x"), m = rows_of(c, "x"), channels = channels_of(c, "x"),
                       squeezed = channels_of(c, "squeezed");
    const bool backward = c.name.starts_with("gated_norm/backward ");
    const auto again = backward ? 4.0 * static_cast<double>(tensor_of(c, "x").size())
                                : 4.0 * static_cast<double>(n * (channels + squeezed));
    const PassCost cost = backward ? passes::gated_norm_backward(n, m, channels, squeezed)
                                   : passes::gated_norm_gates(n, m, channels, squeezed);
    EXPECT_EQ(2 * cost.macs, c.flops) << c.name;
    EXPECT_EQ(bytes_of(cost), c.bytes(DType::BFloat16) + again) << c.name;
  }
}

// The gradient behind the activation is written and read, x read twice. Scale and shift, mean and the others.
TEST(PassCost, CountsTheSecondPassOfANormedConvolutionsGradients) {
  int compared = 0;
  for (const Case& c : kernels::normed_conv_cases()) {
    if (!c.name.starts_with("grouped_conv/backward_through_norm ") || !is_compared(c)) continue;
    const double again = 2.0 * 3 * static_cast<double>(tensor_of(c, "x").size());
    const PassCost cost = passes::normed_conv_backward(rows_of(c, "x"), channels_of(c, "x"));
    EXPECT_EQ(2 * cost.macs, c.flops) << c.name;
    EXPECT_EQ(bytes_of(cost), c.bytes(DType::BFloat16) + again) << c.name;
    ++compared;
  }
  EXPECT_GT(compared, 1);
}

// A convolution on kept samples: its tensor of these, one of all samples, and how often an element of all
// samples moves.
struct KeptPass {
  std::string kept, all;
  double moves;
  std::function<PassCost(std::int64_t, std::int64_t)> cost;
};

// Of all samples only the kept ones move. Their indices are not counted.
TEST(PassCost, CountsKeptSamplesAlone) {
  const std::map<std::string, KeptPass> kept_passes = {
      {"grouped_conv/forward_of_kept",
       {"y", "x", 1, [](auto m, auto c) { return passes::grouped_conv(m, c, false); }}},
      {"grouped_conv/backward_onto", {"dy", "x", 3, passes::grouped_conv_backward_onto}},
      {"grouped_conv/backward_weight_of_kept", {"dy", "x", 1, passes::grouped_conv_backward_weight}}};
  std::map<std::string, int> compared;
  std::vector<Case> cases = kernels::grouped_conv_cases();
  for (Case& c : kernels::grouped_conv_backward_cases()) cases.push_back(std::move(c));
  for (const Case& c : cases) {
    const auto found = kept_passes.find(c.name.substr(0, c.name.find(' ')));
    if (found == kept_passes.end()) continue;
    const KeptPass& pass = found->second;
    const std::int64_t m = rows_of(c, pass.kept), channels = channels_of(c, pass.kept);
    const auto others = static_cast<double>((rows_of(c, pass.all) - m) * channels);
    const double indices = 8 * static_cast<double>(tensor_of(c, "kept").size());
    const PassCost cost = pass.cost(m, channels);
    EXPECT_EQ(2 * cost.macs, c.flops) << c.name;
    EXPECT_EQ(bytes_of(cost), c.bytes(DType::BFloat16) - 2 * pass.moves * others - indices) << c.name;
    ++compared[found->first];
  }
  for (const auto& [kernel, pass] : kept_passes) EXPECT_GT(compared[kernel], 1) << kernel;
}

// x counts by its extents alone; the statistics are read and not written.
TEST(PassCost, OfGivenStatisticsReadsNoImages) {
  int compared = 0;
  for (const Case& c : kernels::batch_norm_cases()) {
    if (!c.name.starts_with("batch_norm/training_of_given ") || !is_compared(c)) continue;
    const double image = 2.0 * static_cast<double>(tensor_of(c, "x").size());
    const double statistics = 4.0 * static_cast<double>(2 * channels_of(c, "x"));
    EXPECT_EQ(bytes_of(passes::batch_norm_of_given(channels_of(c, "x"))),
              c.bytes(DType::BFloat16) - image - statistics)
        << c.name;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace cf::layers
