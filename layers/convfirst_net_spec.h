// The shape of a ConvFirstNet: what the [model] table of a configuration says.
#pragma once

#include <string>
#include <vector>

namespace cf::layers {

// One entry of blocks, widths, depths and expansion per stage. Defaults: convfirstnet_small.
struct ConvFirstNetSpec {
  std::string name = "convfirstnet";  // shown to people; no meaning for the network
  int classes = 1000;
  int channels = 3;  // of the input image
  int patch = 4;     // side and stride of the stem's convolution
  std::vector<std::string> blocks = {"convfirst", "convfirst", "mbconv", "mbconv"};
  std::vector<int> widths = {64, 128, 256, 512};
  std::vector<int> depths = {2, 3, 8, 3};
  std::vector<int> expansion = {6, 6, 4, 4};  // expanded channels = expansion * width
  int group_width = 8;                        // channels per group of the 3x3 convolutions
  int head = 1280;                            // hidden features between the average pool and the classifier
  std::string activation = "relu";            // relu | silu | hard_swish
  double drop_path = 0.1;                     // stochastic depth of the last block; rises linearly from 0
  double dropout = 0;                         // before the classifier
  std::string fusion = "auto";                // auto | off | require
};

}  // namespace cf::layers
