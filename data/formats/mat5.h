// MATLAB's MAT-file, level 5: as much of it as ImageNet's meta.mat needs.
//
//   header of 128 bytes | elements: type, bytes, contents; a variable is an element, usually zlib-compressed
//
// Read are struct arrays whose fields hold real numbers or text. Little-endian only. Source: "MAT-File
// Format", The MathWorks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cf::data {

// One value: text, or numbers in MATLAB's column order; [] has neither.
struct MatValue {
  bool is_text = false;
  std::string text;
  std::vector<double> numbers;
};

struct MatStructArray {
  std::vector<std::string> fields;
  std::size_t elements = 0;
  std::vector<MatValue> values;  // [elements][fields]

  // A field that is not there is a Data error naming it and those there are.
  const MatValue& value(std::size_t element, std::string_view field) const;
};

// The struct array called `variable`. A damaged file, one without that variable, or one that uses more of the
// format than said above is a Data error that says so.
MatStructArray read_mat_struct_array(std::span<const std::uint8_t> file, std::string_view variable);

}  // namespace cf::data
