// Names, shapes and costs of the networks.
#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "framework/parameters/interchange.h"
#include "framework/parameters/parameter_store.h"
#include "layers/convfirst_net.h"
#include "tests/layers/golden.h"

namespace cf::layers {
namespace {

ConvFirstNetSpec pico() {
  return {.classes = 10,
          .channels = 1,
          .patch = 2,
          .widths = {16, 24, 40, 64},
          .depths = {1, 2, 2, 1},
          .expansion = {4, 4, 4, 4},
          .head = 256,
          .drop_path = 0};
}

std::string pytorch_shape(const Shape& shape, Interchange interchange) {
  std::string out;
  for (const auto extent : interchange_shape(shape, interchange)) {
    out += concat(out.empty() ? "" : "x", extent);
  }
  return out;
}

TEST(Architecture, PicoHasTheNamesAndShapesOfPyTorchsStateDict) {
  std::ifstream file(test_files() + "/golden/pico_state_dict.txt");
  std::map<std::string, std::string> expected, actual;
  for (std::string name, shape; file >> name >> shape;) expected[name] = shape;
  ASSERT_EQ(expected.size(), 129U);

  const auto executor = Executor::cpu(1);
  ConvFirstNet net(pico());
  const auto store = net.make_store(*executor);
  for (const Parameter* p : store->parameters()) actual[p->name] = pytorch_shape(p->shape, p->interchange);
  for (const Statistic* s : store->statistics()) actual[s->name] = pytorch_shape(s->shape, Interchange::Same);
  EXPECT_EQ(actual, expected);
}

TEST(Architecture, PicoIsAsSmallAsItSays) {
  const auto executor = Executor::cpu(1);
  ConvFirstNet net(pico());
  const LayerCost total = net.describe(32, 32).total();
  EXPECT_EQ(total.parameters, 169710);
  EXPECT_EQ(net.make_store(*executor)->parameter_count(), 169710);
  EXPECT_NEAR(static_cast<double>(total.macs), 2.86e6, 0.005e6);
}

struct Preset {
  const char* name;
  std::vector<int> widths, depths;
  double giga_macs;  // at 224 x 224, as published to three decimals
};

// As in configs/convfirstnet_*.toml, which this room does not read.
TEST(Architecture, CostsOfThePublishedNetworks) {
  const Preset presets[] = {{"nano", {32, 64, 128, 256}, {2, 4, 6, 3}, 0.572},
                            {"tiny", {48, 96, 192, 384}, {2, 3, 6, 2}, 1.063},
                            {"small", {64, 128, 256, 512}, {2, 3, 8, 3}, 2.180},
                            {"base", {96, 192, 384, 768}, {2, 4, 9, 2}, 5.123}};
  for (const Preset& preset : presets) {
    const ConvFirstNet net({.widths = preset.widths, .depths = preset.depths});
    EXPECT_NEAR(static_cast<double>(net.describe(224, 224).total().macs) / 1e9, preset.giga_macs, 0.0005)
        << preset.name;
  }
}

TEST(Architecture, CostsFollowTheImageAsTheNetworkDoes) {
  const ConvFirstNet net(pico());
  const Description description = net.describe(37, 30);
  const auto& layers = description.layers();
  const auto output = [&](const std::string& path) {
    const auto found =
        std::find_if(layers.begin(), layers.end(), [&](const LayerCost& l) { return l.path == path; });
    EXPECT_NE(found, layers.end()) << path;
    return std::array<std::int64_t, 3>{found->output.height, found->output.width, found->output.channels};
  };
  using Triple = std::array<std::int64_t, 3>;
  EXPECT_EQ(output("stem.conv"), (Triple{18, 15, 16}));  // 37 / 2 loses a row
  EXPECT_EQ(output("stages.1.down.conv"), (Triple{9, 7, 24}));
  EXPECT_EQ(output("stages.3.blocks.0.project"), (Triple{2, 1, 64}));
  EXPECT_EQ(output("head.classifier"), (Triple{1, 1, 10}));
}

TEST(Architecture, ASpecThatCannotBeBuiltNamesTheKey) {
  const auto message = [](const ConvFirstNetSpec& spec) -> std::string {
    try {
      ConvFirstNet net(spec);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      return error.what();
    }
    return "no error";
  };
  const auto expect_names = [&](const ConvFirstNetSpec& spec, const std::string& key) {
    EXPECT_NE(message(spec).find(key), std::string::npos) << message(spec);
  };
  expect_names({.widths = {64, 128, 256, 500}}, "model.widths holds 500");
  expect_names({.depths = {2, 3, 8}}, "depths");
  expect_names({.depths = {2, 3, 0, 3}}, "model.depths is 0");
  expect_names({.blocks = {"convfirst", "convfirst", "mbconv", "resnet"}}, "'resnet'");
  expect_names({.group_width = 16}, "model.group_width is 16");
  expect_names({.activation = "gelu"}, "'gelu'");
  expect_names({.drop_path = 1}, "model.drop_path");
  expect_names({.classes = 0}, "model.classes");
}

}  // namespace
}  // namespace cf::layers
