// Reading files whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

// Replaces `out` by the contents of a regular file. Throws a Data error naming path and reason.
void read_file(const std::string& path, std::vector<std::uint8_t>& out);

// The contents of a file, decompressed if they are gzip (told by the first bytes, not by the name).
std::vector<std::uint8_t> read_maybe_gzip(const std::string& path);

// An image file; JPEG or PNG is told by the first bytes, not by the name. Anything else is a Data error.
void read_image_file(const std::string& path, EncodedImage& out);

// Whether a path ends in .jpg, .jpeg or .png, in any case.
bool has_image_extension(const std::string& path);

// JPEG or PNG by the first bytes; Raw if neither.
ImageEncoding encoding_of(const std::vector<std::uint8_t>& bytes);

}  // namespace cf::data
