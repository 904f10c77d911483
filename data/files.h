// Reading files whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

// Replaces `out` by the contents of a regular file. Throws a Data error naming path and reason.
void read_file(const std::string& path, std::vector<std::uint8_t>& out);

// The contents of a file, decompressed if they are gzip (told by the first bytes, not by the name).
std::vector<std::uint8_t> read_maybe_gzip(const std::string& path);

// An image file; its encoding is told by the first bytes, not by the name. None known is a Data error.
void read_image_file(const std::string& path, EncodedImage& out);

// The endings of image files, for messages.
inline constexpr std::string_view kImageExtensions = ".jpg, .jpeg, .png, .webp, .bmp, .tif, .tiff";

// Whether a path has one of these endings, in any case.
bool has_image_extension(const std::string& path);

// By the first bytes; Raw if they are those of no image.
ImageEncoding encoding_of(const std::vector<std::uint8_t>& bytes);

// "JPEG", "WebP"; "raw".
std::string_view name_of(ImageEncoding encoding);

// Takes image.bytes for those of a file: sets the encoding. False if they are those of no image.
bool find_encoding(EncodedImage& image);
// What is said of such a file, behind its name.
inline constexpr std::string_view kIsNoImage = " is neither JPEG nor PNG, WebP, BMP or TIFF";

}  // namespace cf::data
