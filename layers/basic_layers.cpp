#include "layers/basic_layers.h"

#include <cmath>

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::layers {

namespace {

Initial he_normal(std::int64_t fan_in) {
  return {Initial::Kind::Normal, std::sqrt(2.0F / static_cast<float>(fan_in))};
}

constexpr Initial kZero{Initial::Kind::Constant, 0.0F};
constexpr Initial kOne{Initial::Kind::Constant, 1.0F};

}  // namespace

PointwiseConv::PointwiseConv(std::int64_t in, std::int64_t out)
    : weight(Shape(K{out}, C{in}), Interchange::Pointwise, he_normal(in), true) {}

GroupedConv::GroupedConv(std::int64_t channels)
    : weight(Shape(K{channels}, R{3}, S{3}, C{kernels::kGroupWidth}), Interchange::Filter,
             he_normal(9 * kernels::kGroupWidth), true) {}

PatchConv::PatchConv(std::int64_t in, std::int64_t out, std::int64_t patch)
    : weight(Shape(K{out}, R{patch}, S{patch}, C{in}), Interchange::Filter, he_normal(patch * patch * in),
             true) {}

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias, Initial initial)
    : weight(Shape(K{out}, C{in}), Interchange::Same, initial, true),
      bias(Shape(K{out}), Interchange::Same, kZero, false),
      has_bias(with_bias) {}

BatchNorm::BatchNorm(std::int64_t channels)
    : weight(Shape(C{channels}), Interchange::Same, kOne, false),
      bias(Shape(C{channels}), Interchange::Same, kZero, false),
      running_mean(Shape(C{channels}), 0.0F),
      running_var(Shape(C{channels}), 1.0F) {}

SqueezeExcite::Gate::Gate(std::int64_t in, std::int64_t out)
    : weight(Shape(K{out}, C{in}), Interchange::Pointwise, he_normal(in), true),
      bias(Shape(K{out}), Interchange::Same, kZero, false) {}

}  // namespace cf::layers
