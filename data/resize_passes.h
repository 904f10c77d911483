// The two passes of a resize. Integers throughout: the vector and the portable code give the same bytes.
#pragma once

#include "data/image.h"
#include "data/resize.h"

namespace cf::data {

// Along x: rows [first_row, first_row + rows) of the source become the rows of `out`, which gets one column
// per output pixel of `weights`. 1 or 3 channels.
void filter_along_x(const Image& source, int first_row, int rows, FilterWeights& weights, Image& out);

// Along y: `source` holds the rows from first_row on; `out` gets one row per output pixel of `weights`,
// without padding.
void filter_along_y(const Image& source, int first_row, FilterWeights& weights, std::uint8_t* out);

// The same without vector instructions. `along_x` leaves the shape of `out` alone and fills its rows from
// `out_row` on.
void filter_along_x_portable(const Image& source, int first_row, int rows, const FilterWeights& weights,
                             Image& out, int out_row);
void filter_along_y_portable(const Image& source, int first_row, const FilterWeights& weights,
                             std::uint8_t* out);

}  // namespace cf::data
