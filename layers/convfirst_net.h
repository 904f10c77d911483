// ConvFirstNet: a patch stem, stages of ConvFirst and MBConv blocks with 2x2 steps between them, and a head.
//
//   stem:   patch convolution, norm
//   stage:  [2x2 convolution with stride 2, norm,] blocks
//   head:   global average pool, linear, norm, relu, classifier
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include "framework/parameters/parameter_store.h"
#include "layers/conv_first.h"
#include "layers/convfirst_net_spec.h"
#include "layers/mbconv.h"
#include "layers/network_cost.h"

namespace cf::layers {

// A patch convolution with its norm: the stem, and the step between stages.
struct Downsample {
  PatchConv conv;
  BatchNorm bn;

  Downsample(std::int64_t in, std::int64_t out, std::int64_t patch) : conv(in, out, patch), bn(out) {}
  Variable operator()(const Variable& x, Pass& pass) { return bn(conv(x, pass), pass); }
  void describe(Description& description, const std::string& path, Extent& at) const;

  template <class V>
  void visit(V&& v) {
    v("conv", conv);
    v("bn", bn);
  }
};

using Block = std::variant<ConvFirst, MBConv>;

struct Stage {
  std::deque<Downsample> down;  // none in the first stage, one in the others
  std::deque<Block> blocks;     // a deque never moves what it holds

  template <class V>
  void visit(V&& v) {
    if (!down.empty()) v("down", down.front());
    v("blocks", blocks);
  }
};

struct Head {
  Linear expand;
  BatchNorm bn;
  Linear classifier;

  Head(std::int64_t channels, std::int64_t hidden, std::int64_t classes);
  Variable operator()(const Variable& x, Pass& pass, float dropout_probability);
  void describe(Description& description, const std::string& path, Extent& at) const;

  template <class V>
  void visit(V&& v) {
    v("expand", expand);
    v("bn", bn);
    v("classifier", classifier);
  }
};

// How the blocks of a network train.
struct TrainingRoutes {
  int fused = 0;                          // blocks whose branch trains by fused passes
  std::map<std::string, int> why_layers;  // reason: blocks that train layer by layer for it
};

class ConvFirstNet {
 public:
  // A spec that cannot be built is a Usage error naming the key and what is allowed.
  explicit ConvFirstNet(const ConvFirstNetSpec& spec);

  // x [N,H,W,C] normalised; returns logits [N,C = classes]. An image with a side below smallest_side(), or
  // with other channels than the spec's, is a Usage error.
  Variable operator()(Variable x, Pass& pass);

  // The total stride, patch * 2^(stages - 1): a smaller image leaves nothing for the last stage.
  std::int64_t smallest_side() const;

  // An image that this network cannot take, smaller or with a side above 65,536, is a Usage error.
  void check_image(std::int64_t height, std::int64_t width) const;

  const ConvFirstNetSpec& spec() const { return spec_; }
  kernels::Activation activation() const { return activation_; }

  // The buckets of this network's parameters, which they are bound to from then on.
  std::unique_ptr<ParameterStore> make_store(Executor& executor, DType dtype = DType::Float32);

  int blocks() const { return block_count_; }
  // How they train on this executor, with activations of this type.
  TrainingRoutes training_routes(const Executor& executor, DType type) const;

  // Costs for one image of the given size, which is checked as that of an input is.
  Description describe(std::int64_t height, std::int64_t width) const;

  template <class V>
  void visit(V&& v) {
    v("stem", stem_);
    v("stages", stages_);
    v("head", head_);
  }

  // Calls part(path, Downsample& or Block& or Head&) in forward order: "stem", "stages.1.down",
  // "stages.1.blocks.0", "head".
  template <class V>
  void visit_parts(V&& part) {
    part("stem", stem_);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const std::string path = concat("stages.", i);
      if (!stages_[i].down.empty()) part(path + ".down", stages_[i].down.front());
      for (std::size_t b = 0; b < stages_[i].blocks.size(); ++b) {
        part(concat(path, ".blocks.", b), stages_[i].blocks[b]);
      }
    }
    part("head", head_);
  }

  // The probability that block number `index` of blocks() leaves a sample's branch out in training: rises
  // linearly from nothing at the first to drop_path at the last.
  double drop_probability(int index) const;

 private:
  Variable run_block(Block& block, const Variable& x, Pass& pass, int index);

  ConvFirstNetSpec spec_;
  kernels::Activation activation_;
  int block_count_;
  Downsample stem_;
  std::deque<Stage> stages_;
  Head head_;
};

}  // namespace cf::layers
