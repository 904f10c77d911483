#include "data/orientation.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

// From the upright to the stored image: perhaps exchange row and column, then count from the other end.
struct Turn {
  bool transposed, rows_reversed, columns_reversed;
};

Turn turn_of(int orientation) {
  CF_CHECK(orientation >= 1 && orientation <= 8, "orientation ", orientation);
  constexpr Turn kTurns[] = {{false, false, false}, {false, false, true}, {false, true, true},
                             {false, true, false},  {true, false, false}, {true, true, false},
                             {true, true, true},    {true, false, true}};
  return kTurns[orientation - 1];
}

}  // namespace

ImageSize upright_size(ImageSize stored, int orientation) {
  return turn_of(orientation).transposed ? ImageSize{stored.width, stored.height} : stored;
}

PixelBox stored_box(const PixelBox& upright, ImageSize stored, int orientation) {
  const Turn turn = turn_of(orientation);
  PixelBox box = upright;
  if (turn.transposed) box = {upright.left, upright.top, upright.width, upright.height};
  if (turn.rows_reversed) box.top = stored.height - box.top - box.height;
  if (turn.columns_reversed) box.left = stored.width - box.left - box.width;
  return box;
}

Box upright_box(const Box& box, ImageSize stored, int orientation) {
  const Turn turn = turn_of(orientation);
  Box out = box;
  if (turn.rows_reversed) {
    const auto height = static_cast<float>(stored.height);
    out.top = height - box.bottom;
    out.bottom = height - box.top;
  }
  if (turn.columns_reversed) {
    const auto width = static_cast<float>(stored.width);
    out.left = width - box.right;
    out.right = width - box.left;
  }
  if (turn.transposed) out = {out.top, out.left, out.bottom, out.right};
  return out;
}

void turn_upright(const Image& stored, int orientation, Image& out) {
  const Turn turn = turn_of(orientation);
  const ImageSize size = upright_size({stored.height, stored.width}, orientation);
  out.reshape(size.height, size.width, stored.channels);
  for (int y = 0; y < size.height; ++y) {
    std::uint8_t* pixel = out.row(y);
    for (int x = 0; x < size.width; ++x) {
      int row = turn.transposed ? x : y, column = turn.transposed ? y : x;
      if (turn.rows_reversed) row = stored.height - 1 - row;
      if (turn.columns_reversed) column = stored.width - 1 - column;
      pixel = std::copy_n(stored.row(row) + std::ptrdiff_t{column} * stored.channels, stored.channels, pixel);
    }
  }
}

}  // namespace cf::data
