// How the Hopper route of feed_forward's backward pass cuts its work.
#pragma once

#include <cstdint>

namespace cf::kernels::feed_forward_backward {

inline constexpr int kTeamThreads = 128, kTeamRows = 64;  // of a team, one warpgroup
inline constexpr std::int64_t kHopperSharedBytes = 227 * 1024;

constexpr int row_bytes_of(int channels) {
  return channels < 64 ? channels * 2 : 128;
}  // of a block of columns

// Sums over pixels: each team has 64 hidden channels, tiles of pixels pass by through a ring. Where the
// hidden channels of a block are all there are, du needs no other block: one more team computes it.
struct WeightsTile {
  int channels;                   // exactly
  int pixels;                     // of a tile
  int teams;                      // that compute; one more copies, or computes du as well
  int stages;                     // of the ring
  int registers;                  // of a thread that computes
  bool weights_in_shared_memory;  // else in registers
  bool with_input;                // du is computed too
  // A tile is added in parts: while one is rounded, the one before is added. So many may still be added while
  // the next tile's h' and da' take their registers.
  int parts = 2, pending = 1;

  constexpr int copy_registers() const { return with_input ? 56 : 24; }  // of the last team

  constexpr int hidden() const { return teams * kTeamRows; }
  constexpr int threads() const { return (teams + 1) * kTeamThreads; }
  constexpr int row_bytes() const { return row_bytes_of(channels); }
  constexpr int column_blocks() const { return channels * 2 / row_bytes(); }
  constexpr int matrix_bytes() const { return pixels * channels * 2; }
  constexpr int stage_bytes() const { return 2 * matrix_bytes(); }
  constexpr int weight_bytes() const { return kTeamRows * channels * 2; }  // of a team's part of one weight
  constexpr int weights() const { return weights_in_shared_memory ? teams * 2 * weight_bytes() : 0; }
  // With du: two buffers for dh of a tile and all hidden channels; du of a tile.
  static constexpr int kGradientBuffers = 2;
  constexpr int gradient_bytes() const { return with_input ? pixels * hidden() * 2 : 0; }
  constexpr int input_bytes() const { return with_input ? matrix_bytes() : 0; }
  // Offsets in shared memory: weights, stages, what du needs, barriers.
  constexpr int gradients() const { return weights() + stages * stage_bytes(); }
  constexpr int input() const { return gradients() + kGradientBuffers * gradient_bytes(); }
  constexpr int barriers() const { return input() + input_bytes(); }
  constexpr int shared_bytes() const { return barriers() + (2 * stages + 1 + 2 * kGradientBuffers) * 8; }
  // What the launch gives is what the teams share.
  constexpr bool registers_suffice() const {
    return teams * registers + copy_registers() <= 65536 / threads() / 8 * 8 * (teams + 1);
  }
};

constexpr WeightsTile weights_tile(int channels) {
  switch (channels) {
    case 32:
      return {.channels = 32,
              .pixels = 64,
              .teams = 3,
              .stages = 6,
              .registers = 152,
              .weights_in_shared_memory = true,
              .with_input = true};
    case 64:
      return {.channels = 64,
              .pixels = 64,
              .teams = 2,
              .stages = 6,
              .registers = 240,
              .weights_in_shared_memory = false,
              .with_input = false};
    default:
      return {.channels = 128,
              .pixels = 64,
              .teams = 2,
              .stages = 4,
              .registers = 240,
              .weights_in_shared_memory = true,
              .with_input = false,
              .pending = 0};
  }
}

// du: each team has 64 pixels, chunks of the weights pass by, all at hand or through a ring.
struct InputTile {
  int channels;   // exactly
  int chunk;      // hidden channels
  int teams;      // that compute; with a ring, one more copies
  int ring;       // slots; 0: all chunks are at hand
  int registers;  // with a ring: of a thread that computes

  static constexpr int kCopyRegisters = 24;

  constexpr int pixels() const { return teams * kTeamRows; }
  constexpr int threads() const { return (teams + (ring > 0 ? 1 : 0)) * kTeamThreads; }
  constexpr int row_bytes() const { return row_bytes_of(channels); }
  constexpr int column_blocks() const { return channels * 2 / row_bytes(); }
  constexpr int weight_bytes() const { return chunk * channels * 2; }
  constexpr int chunk_bytes() const { return 2 * weight_bytes(); }
  constexpr int tile_bytes() const { return kTeamRows * channels * 2; }  // of a team: u, dp and du
  constexpr bool registers_suffice() const {
    return ring == 0 || teams * registers + kCopyRegisters <= 65536 / threads() / 8 * 8 * (teams + 1);
  }
  // Chunks come in pairs, or in rounds of the ring; the last ones may be zeros.
  constexpr int chunks(int hidden) const {
    const int step = (ring > 0 ? ring : 2) * chunk;
    return (hidden + step - 1) / step * step / chunk;
  }
  constexpr int slots(int hidden) const { return ring > 0 ? ring : chunks(hidden); }
};

constexpr InputTile input_tile(int channels) {
  switch (channels) {
    case 64:
      return {.channels = 64, .chunk = 32, .teams = 3, .ring = 0, .registers = 0};
    default:
      return {.channels = 128, .chunk = 64, .teams = 2, .ring = 3, .registers = 240};
  }
}

// Offsets in shared memory; what is swizzled comes first.
struct InputLayout {
  int tiles, bias, barriers, end;

  constexpr InputLayout(const InputTile& tile, int hidden)
      : tiles(tile.slots(hidden) * tile.chunk_bytes()),
        bias(tiles + tile.teams * 3 * tile.tile_bytes()),
        barriers(bias + tile.chunks(hidden) * tile.chunk * 4),
        end(barriers + (2 * tile.teams + 2 * (tile.ring > 0 ? tile.ring : 1)) * 8) {}
};

}  // namespace cf::kernels::feed_forward_backward
