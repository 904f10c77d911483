// The model of a step on many GPUs in docs/distributed.md: computes its tables again, from the formulas
// there, the networks' own parameters and what docs/performance.md has measured.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>

#include "apps/config/config.h"
#include "layers/convfirst_net.h"
#include "layers/visit.h"

namespace cf::apps {
namespace {

// Times in us, sizes in MB, rates in MB/us.
constexpr double kFixed = 14, kHop = 3, kLink = 0.306;  // fitted to sums on two GPUs
constexpr double kUnexplained = 480;                    // fitted to whole steps on two GPUs
constexpr double kHostHop = 8;                          // assumed
constexpr int kGpusOfHost = 8;
constexpr double kFastHost = 0.320, kSlowHost = 0.010;  // MB/us of a host's cards, assumed

enum class Way { Ring, TwoRings, Tree };

struct Cluster {
  int gpus;
  double host_rate;
  Way way;
};

// Of one sum.
double sum_time(const Cluster& c, double megabytes) {
  const auto of_ring = [](double members) { return 2 * (members - 1) / members; };
  const double n = c.gpus, hosts = std::ceil(n / kGpusOfHost), of_host = n / hosts;
  const double within = 2 * (of_host - 1) * kHop, slowest = std::min(kLink, c.host_rate);
  if (hosts == 1) return kFixed + within + of_ring(n) * megabytes / kLink;
  switch (c.way) {
    case Way::Ring:
      return kFixed + of_ring(n) * ((n - hosts) * kHop + hosts * kHostHop + megabytes / slowest);
    case Way::TwoRings:
      return 2 * kFixed + within + of_ring(of_host) * megabytes / kLink + 2 * (hosts - 1) * kHostHop +
             of_ring(hosts) * megabytes / c.host_rate;
    case Way::Tree:
      return kFixed + within + 2 * std::ceil(std::log2(hosts)) * kHostHop + 2 * megabytes / slowest;
  }
  return 0;
}

// What backward completes, in its order.
struct Progress {
  double megabytes;  // of gradients
  double share;      // of backward
};

struct Network {
  std::string name;
  double step;                         // at batch 256, on one GPU
  std::array<double, 2> first_stages;  // of it, the ConvFirst blocks
};

const Network kSmallLayers{"small", 26'017, {4 * 1'721, 6 * 915}},
    kNanoLayers{"nano", 13'584, {4 * 955, 2 * 1'721}}, kSmallFused{"small", 20'354, {4 * 746, 6 * 658}},
    kNanoFused{"nano", 9'457, {4 * 374, 2 * 746}};

// The last two stages share what the first two leave by their blocks, which have equal multiply-accumulates.
std::vector<double> shares_of_stages(const Network& network, const layers::ConvFirstNetSpec& spec) {
  const double rest = network.step - network.first_stages[0] - network.first_stages[1];
  const double blocks = spec.depths[2] + spec.depths[3];
  std::vector<double> seconds{network.first_stages[0], network.first_stages[1],
                              rest * spec.depths[2] / blocks, rest * spec.depths[3] / blocks};
  for (double& s : seconds) s /= network.step;
  return seconds;
}

// Each parameter of the network from the last to the first, with the progress at its gradient's completion.
std::vector<Progress> backward_of(const Network& network) {
  const Config config = load_config(network.name).config;
  layers::ConvFirstNet net(config.model);
  const auto shares = shares_of_stages(network, config.model);
  struct Piece {
    std::size_t stage;
    double megabytes;
  };
  std::vector<Piece> pieces;
  std::vector<double> of_stage(5);
  layers::visit_leaves(net, "", [&]<class Leaf>(const std::string& path, const Leaf& leaf) {
    if constexpr (std::is_same_v<Leaf, Parameter>) {
      const std::size_t stage = path.starts_with("stages.") ? static_cast<std::size_t>(path[7] - '0')
                                : path.starts_with("head")  ? 4
                                                            : 0;
      pieces.push_back({stage, 4e-6 * static_cast<double>(leaf.shape.size())});
      of_stage[stage] += pieces.back().megabytes;
    }
  });
  std::vector<Progress> order;
  double share = 0;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    if (piece->stage < 4) share += shares[piece->stage] * piece->megabytes / of_stage[piece->stage];
    order.push_back({piece->megabytes, share});
  }
  return order;
}

// As StepReduction cuts them.
std::vector<Progress> parts_of(const std::vector<Progress>& order) {
  constexpr double kPart = 8 * 1024 * 1024 * 1e-6;
  std::vector<Progress> parts;
  double megabytes = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    megabytes += order[i].megabytes;
    if (megabytes < kPart && i + 1 < order.size()) continue;
    parts.push_back({megabytes, order[i].share});
    megabytes = 0;
  }
  return parts;
}

struct Recipe {
  double batch = 256;  // of a GPU and micro-batch
  int micro_batches = 1;
  double wire = 1;  // bytes on it over those of float32
};

struct Step {
  double time, alone;
  double kept() const { return alone / time; }
};

Step step_of(const Network& network, const Cluster& cluster, const Recipe& recipe = {}) {
  const double compute = network.step * recipe.batch / 256;
  if (cluster.gpus == 1) return {compute * recipe.micro_batches, compute * recipe.micro_batches};
  double end = 0;
  for (const Progress& part : parts_of(backward_of(network))) {
    const double ready = compute * (1 + 2 * part.share) / 3;
    end = std::max(end, ready) + sum_time(cluster, part.megabytes * recipe.wire);
  }
  const double last = std::max(compute, end) + kUnexplained;
  return {(recipe.micro_batches - 1) * compute + last, compute * recipe.micro_batches};
}

std::string document() {
  std::ifstream file(CF_TEST_FILES "/../../docs/distributed.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_line(const std::string& text, const std::string& line) {
  EXPECT_NE(text.find(line + "\n"), std::string::npos) << "docs/distributed.md lacks\n" << line;
}

TEST(ScalingModel, FitsTheSumsOfTwoGpus) {
  const Cluster two{2, kFastHost, Way::Ring};
  for (const auto& [mebibytes, measured] :
       {std::pair{4, 32.3}, std::pair{16, 74.8}, std::pair{64, 254.0}, std::pair{256, 897.0}})
    EXPECT_NEAR(sum_time(two, mebibytes * 1.048576) / measured, 1, 0.07) << mebibytes;
}

TEST(ScalingModel, StatesMeasuredStepsAndPredictsOthers) {
  const std::string text = document();
  struct Row {
    const Network& network;
    const char* name;
    int gpus;
    double measured;
  };
  for (const auto& [network, name, gpus, measured] :
       {Row{kSmallFused, "Small, fused", 2, 21'012}, Row{kNanoFused, "Nano, fused", 2, 9'823},
        Row{kSmallLayers, "Small, layer by layer", 2, 26'700},
        Row{kNanoLayers, "Nano, layer by layer", 2, 13'991}, Row{kSmallLayers, "Small, layer by layer", 4, 0},
        Row{kNanoLayers, "Nano, layer by layer", 4, 0}, Row{kSmallFused, "Small, fused", 4, 0},
        Row{kNanoFused, "Nano, fused", 4, 0}}) {
    const Step step = step_of(network, {gpus, kFastHost, Way::Ring});
    std::string line =
        fmt::format("| {} | {} | {:.2f} ms | {:.1f} % | ", name, gpus, 1e-3 * step.time, 100 * step.kept());
    if (measured > 0) {
      EXPECT_NEAR(step.time / measured, 1, 0.05);
      line += fmt::format("{:.2f} ms ({:+.1f} %) |", 1e-3 * measured, 100 * (step.time / measured - 1));
    } else {
      line += "not measured |";
    }
    expect_line(text, line);
  }
}

TEST(ScalingModel, StatesWhatHelpsSmallBatchesOnSlowNetworks) {
  const Recipe both{.batch = 64, .micro_batches = 4, .wire = 0.5};
  const Cluster slow{64, kSlowHost, Way::Tree};
  expect_line(document(), fmt::format("  keep {:.0f} % of Small and {:.0f} % of Nano at 64 GPUs.",
                                      100 * step_of(kSmallFused, slow, both).kept(),
                                      100 * step_of(kNanoFused, slow, both).kept()));
}

TEST(ScalingModel, StatesWhatIsKeptOnManyGpus) {
  const std::string text = document();
  for (const auto& named : {std::pair{&kSmallFused, "Small"}, std::pair{&kNanoFused, "Nano"}}) {
    for (const double batch : {256, 64}) {
      for (const int gpus : {8, 16, 64, 128, 512}) {
        const auto kept = [&](double host, Way way, Recipe recipe = {}) {
          recipe.batch = batch;
          return 100 * step_of(*named.first, {gpus, host, way}, recipe).kept();
        };
        expect_line(text, fmt::format("| {}, {} | {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.0f} |",
                                      named.second, batch, gpus, kept(kFastHost, Way::Ring),
                                      kept(kFastHost, Way::TwoRings), kept(kFastHost, Way::Tree),
                                      kept(kSlowHost, Way::Tree), kept(kSlowHost, Way::Tree, {.wire = 0.5}),
                                      kept(kSlowHost, Way::Tree, {.micro_batches = 4})));
      }
    }
  }
}

}  // namespace
}  // namespace cf::apps
