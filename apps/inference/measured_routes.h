// By which routes a network runs in inference: those of the built-in table, or where that leaves a choice
// the faster ones of the GPU at hand.
#pragma once

#include "apps/command_line.h"
#include "apps/inference/route_cache.h"
#include "framework/runtime/executor.h"
#include "layers/inference_plan.h"

namespace cf::apps {

enum class RouteChoice {
  Table,     // layers/route.h alone, the same everywhere
  Measured,  // on a GPU, blocks with a fused route also layer by layer, in a type of 16 bits
};

// --deterministic: the table.
void add_route_option(CommandLine& line, bool& deterministic);
inline RouteChoice route_choice(bool deterministic) {
  return deterministic ? RouteChoice::Table : RouteChoice::Measured;
}

// What an Inference of this shape is to be made with. What is measured is kept in route_cache_file(), by GPU,
// driver, build, type and batch; a line on stderr says that something is measured. With model.fusion = "off"
// or "require" there is nothing to choose.
layers::RouteDevice routes_of(Executor& executor, layers::ConvFirstNet& net,
                              const layers::InferenceShape& shape, RouteChoice choice);

// Blocks whose layers are faster than their fused kernels by more than measurements differ.
bool prefers_layers(const BlockTimes& times);

}  // namespace cf::apps
