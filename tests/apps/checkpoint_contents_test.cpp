// What a checkpoint holds beside tensors, through a file and back.

#include <gtest/gtest.h>

#include <filesystem>

#include "apps/checkpoint/checkpoint.h"
#include "framework/state/metadata.h"
#include "layers/convfirst_net.h"
#include "tests/scratch_folder.h"

namespace cf::apps {
namespace {

// A small network with its optimizer, and the file it is saved to.
struct Saved {
  Config config = load_config("synthetic.toml", {"model.classes=4", "model.widths=[8,8,16,16]",
                                                 "model.expansion=[2,2,2,2]", "model.head=16"})
                      .config;
  std::unique_ptr<Executor> executor = Executor::cpu(1);
  layers::ConvFirstNet net{config.model};
  std::unique_ptr<ParameterStore> store = net.make_store(*executor);
  ScratchFolder folder;
  std::filesystem::path file = folder / "saved.safetensors";

  Saved() { store->initialise(1); }

  void write(const optim::Optimizer& optimizer, const CheckpointHeader& header) const {
    const CheckpointContents contents(header, *store, &optimizer);
    write_safetensors(file, contents.tensors(), contents.metadata(), {SyncPolicy::Cached, true});
  }
};

TEST(CheckpointContents, TheLossScaleGoesOnWhereItWas) {
  const Saved saved;
  optim::Optimizer optimizer(*saved.executor, *saved.store, {.scales_loss = true});
  optimizer.write_step_state({.loss_scale = 512, .good_steps = 77, .left_out = 3, .failed = 1});
  saved.write(optimizer, {.config = saved.config});

  optim::Optimizer resumed(*saved.executor, *saved.store, {.scales_loss = true});
  const SafetensorsReader reader(saved.file);
  EXPECT_TRUE(load_optimizer(reader, *saved.store, resumed, MissingState::Error).empty());
  const kernels::StepState state = resumed.read_step_state();
  EXPECT_EQ(state.loss_scale, 512);
  EXPECT_EQ(state.good_steps, 77);
  EXPECT_EQ(state.left_out, 3);
  EXPECT_EQ(state.failed, 0);  // the failed step is behind the checkpoint
  EXPECT_EQ(*resumed.loss_weight().flat<const float>().data(), 512);
}

TEST(CheckpointContents, WithoutALossScaleItStartsAnewOnlyIfAllowed) {
  const Saved saved;
  const optim::Optimizer optimizer(*saved.executor, *saved.store, {});
  saved.write(optimizer, {.config = saved.config});

  optim::Optimizer resumed(*saved.executor, *saved.store, {.scales_loss = true});
  const float first = resumed.read_step_state().loss_scale;
  const SafetensorsReader reader(saved.file);
  EXPECT_THROW(load_optimizer(reader, *saved.store, resumed, MissingState::Error), Error);
  EXPECT_EQ(load_optimizer(reader, *saved.store, resumed, MissingState::StartsAnew).size(), 1U);
  EXPECT_EQ(resumed.read_step_state().loss_scale, first);
}

TEST(CheckpointContents, KeepsTheAlgorithmsOfMatrixProducts) {
  const Saved saved;
  const optim::Optimizer optimizer(*saved.executor, *saved.store, {});
  saved.write(optimizer, {.config = saved.config, .gemm_algorithms = "cuBLASLt 1 on a GPU\n1 2 3\n"});
  EXPECT_EQ(read_header(SafetensorsReader(saved.file)).gemm_algorithms, "cuBLASLt 1 on a GPU\n1 2 3\n");
}

TEST(CheckpointContents, HoldTheStateOfTheLastCapture) {
  const Saved saved;
  const optim::Optimizer optimizer(*saved.executor, *saved.store, {});
  CheckpointContents contents;
  const auto bytes_of_capture = [&](std::int64_t step) {
    contents.capture({.config = saved.config, .progress = {.step = step}}, *saved.store, &optimizer);
    EXPECT_EQ(get_int(contents.metadata(), "step"), step);
    std::vector<std::vector<std::byte>> bytes;
    for (const auto& tensor : contents.tensors())
      bytes.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
    return bytes;
  };
  const auto first = bytes_of_capture(1);
  const std::byte* const memory = contents.tensors().front().bytes.data();
  saved.store->initialise(2);
  const auto second = bytes_of_capture(2);
  EXPECT_EQ(contents.tensors().front().bytes.data(), memory);
  EXPECT_NE(second, first);
  saved.store->initialise(1);
  EXPECT_EQ(bytes_of_capture(3), first);
}

}  // namespace
}  // namespace cf::apps
