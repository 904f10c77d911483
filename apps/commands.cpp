#include <array>

#include "apps/analyze/analyze_commands.h"
#include "apps/bench/bench_commands.h"
#include "apps/ckpt/ckpt_commands.h"
#include "apps/command.h"
#include "apps/data_command/data_commands.h"
#include "apps/doctor/doctor.h"
#include "apps/evaluate/eval_command.h"
#include "apps/model/model_commands.h"
#include "apps/plot/plot.h"
#include "apps/predict/predict_command.h"
#include "apps/train/train_command.h"

namespace cf::apps {

std::span<const Command> commands() {
  static constexpr auto kCommands = std::to_array<Command>({
      {"train", "train a network from a recipe; the same command resumes",
       "convfirst train fashion_mnist.toml --out runs/fashion", run_train},
      {"eval", "accuracy of a checkpoint on a data set",
       "convfirst eval runs/fashion --data /usr/share/datasets/fashion-mnist", run_eval},
      {"predict", "most probable classes of images", "convfirst predict runs/fashion photo.jpg folder/",
       run_predict},
      {"data pack", "a data set as one file, from the official archives or from folders",
       "convfirst data pack ILSVRC2012_img_train.tar --shorter-side 256 -o in1k-train.cfpack", run_data_pack},
      {"data verify", "decode every image and list the bad ones", "convfirst data verify in1k-train.cfpack",
       run_data_verify},
      {"data info", "classes, sizes, colours, mean and deviation of a data set",
       "convfirst data info /usr/share/datasets/fashion-mnist --stats", run_data_info},
      {"data preview", "augmented images as the network sees them, as one picture",
       "convfirst data preview fashion_mnist.toml -o preview.png", run_data_preview},
      {"data extract", "images of a data set as PNG files",
       "convfirst data extract /usr/share/datasets/fashion-mnist --samples 0:10 -o pictures",
       run_data_extract},
      {"model list", "the built-in networks", "convfirst model list", run_model_list},
      {"model info", "layers, parameters, multiply-accumulates and activations of a network",
       "convfirst model info small --size 224", run_model_info},
      {"ckpt info", "what a checkpoint holds", "convfirst ckpt info runs/fashion --tensors", run_ckpt_info},
      {"ckpt verify", "check all checksums", "convfirst ckpt verify runs/fashion/checkpoints/last",
       run_ckpt_verify},
      {"ckpt export", "weights in PyTorch's names and layout",
       "convfirst ckpt export runs/fashion -o weights.safetensors", run_ckpt_export},
      {"ckpt import", "a checkpoint from weights that came from elsewhere",
       "convfirst ckpt import weights.safetensors --config convfirstnet_small.toml -o small.safetensors",
       run_ckpt_import},
      {"bench block",
       "time of kernels and blocks in the shapes of real networks, against the device's limits",
       "convfirst bench block \"grouped_conv N=128\"", run_bench_block},
      {"bench infer", "time of a network's forward pass", "convfirst bench infer small --batch 128",
       run_bench_infer},
      {"bench train", "time of a whole training step",
       "convfirst bench train small --batch 256 --set optimizer.kind=adamw", run_bench_train},
      {"bench comm", "time and bandwidth of sums over several ranks, by size",
       "convfirst bench comm --ranks all", run_bench_comm},
      {"bench data", "images a second that the data pipeline makes ready, by stage, and what would help",
       "convfirst bench data imagenet/small.toml --set data.train=in1k-train.cfpack --target 13000",
       run_bench_data},
      {"analyze waterline",
       "operational intensity, least time and attainable efficiency of every kernel, layer-wise and fused",
       "convfirst analyze waterline small --gpu H100 --precision fp16 -o waterline.svg",
       run_analyze_waterline},
      {"analyze gap",
       "ideal and actual latency of measured networks against accuracy or multiply-accumulates",
       "convfirst analyze gap small.json nano.json -o gap.svg", run_analyze_gap},
      {"analyze block",
       "a block as a tensor machine: operations, memories, bytes moved, layer-wise and fused",
       "convfirst analyze block convfirst 64 --size 56 --gpu H100 -o block.svg", run_analyze_block},
      {"plot", "curves, confusion matrix and worst classes of a run as one HTML file",
       "convfirst plot runs/fashion -o report.html", run_plot},
      {"doctor", "what this machine offers, what is wrong and what to do", "convfirst doctor", run_doctor},
  });
  return kCommands;
}

}  // namespace cf::apps
