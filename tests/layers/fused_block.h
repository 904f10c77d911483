// A step of one block, by fused passes or layer by layer, and how far its results are from the truth.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/runtime/executor.h"
#include "layers/training_route.h"

namespace cf::layers::fused_block {

using Kind = TrainedBlock::Kind;

struct Problem {
  const char* name;
  Kind kind;
  std::int64_t n, h, w, channels, expansion;
  std::vector<std::int64_t> kept = {};
  bool far_from_zero =
      false;  // channels at 100 deviations from zero, but the first, which is nearly constant
};

struct Place {
  const char* name;
  std::unique_ptr<Executor> (*make)();
  DType dtype;

  DType parameter_type() const { return dtype == DType::Float64 ? dtype : DType::Float32; }
};

using Values = std::vector<double>;

// What a step of one block is given. Values are those of float32, x and dy of a narrower type.
struct Inputs {
  Values x, dy;
  Shape shape;
  std::uint64_t seed;

  Inputs(const Problem& problem, DType dtype, std::uint64_t draw);

 private:
  void move_far_from_zero(DType dtype);
  Values rounded(const Values& values, DType dtype) const;
};

// Output, gradients of x and of every parameter, statistics of the batch.
using Results = std::vector<std::pair<std::string, Values>>;

Results run(const Problem& problem, const Inputs& inputs, const Place& place, Fusion fusion);

// Relative to the truth's norm, or to `least` where that is larger: gradients that are zero in theory.
double error_of(const Values& values, const Values& truth, double least);

// Bytes of tensors that live on between forward and backward of the block, parameters and x not counted.
std::int64_t saved_bytes(const Problem& problem, const Place& place, Fusion fusion);

// Losses of a few steps of a small network of such blocks.
std::vector<double> train(Kind kind, const std::string& fusion);

}  // namespace cf::layers::fused_block
