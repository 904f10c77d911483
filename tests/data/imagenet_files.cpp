#include "tests/data/imagenet_files.h"

#include <zlib.h>

#include <cstring>
#include <fstream>

#include "data/formats/imagenet_classes.h"
#include "data/formats/jpeg_encode.h"
#include "data/image.h"
#include "kernels/base/check.h"
#include "kernels/base/philox.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kClasses = 1000;

void write(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// A class has a colour of its own, so that it can be learnt.
Bytes picture(int label, std::uint64_t stream, int side) {
  Philox random(77, Purpose::Test, static_cast<std::uint64_t>(label), stream);
  Image image;
  image.reshape(side + static_cast<int>(random.below(9)), side + static_cast<int>(random.below(9)), 3);
  const int colour[] = {label % 10, label / 10 % 10, label / 100};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(10 + 22 * colour[i % 3] + static_cast<int>(random.below(16)));
  }
  Bytes bytes;
  encode_jpeg(image, 90, bytes);
  return bytes;
}

template <class T>
void put(Bytes& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof value);
  std::memcpy(out.data() + at, &value, sizeof value);
}

// One element of a MAT file, padded to 8 bytes, in the small form where it fits.
void put_element(Bytes& out, std::uint32_t type, const Bytes& contents) {
  if (!contents.empty() && contents.size() <= 4) {
    put(out, type | static_cast<std::uint32_t>(contents.size()) << 16);
    out.insert(out.end(), contents.begin(), contents.end());
  } else {
    put(out, type);
    put(out, static_cast<std::uint32_t>(contents.size()));
    out.insert(out.end(), contents.begin(), contents.end());
  }
  out.resize((out.size() + 7) / 8 * 8);
}

constexpr std::uint32_t kInt8 = 1, kUint8 = 2, kUint16 = 4, kInt32 = 5, kUint32 = 6, kDouble = 9,
                        kMatrix = 14, kCompressed = 15;
constexpr std::uint32_t kStructClass = 2, kCharClass = 4, kDoubleClass = 6;

Bytes array_header(std::uint32_t array_class, int rows, int columns, const std::string& name) {
  Bytes flags, dimensions, out;
  put(flags, array_class);
  put(flags, std::uint32_t{0});
  put(dimensions, rows);
  put(dimensions, columns);
  put_element(out, kUint32, flags);
  put_element(out, kInt32, dimensions);
  put_element(out, kInt8, bytes_of(name));
  return out;
}

void put_number(Bytes& out, double value) {
  Bytes matrix = array_header(kDoubleClass, 1, 1, ""), contents;
  if (value >= 0 && value < 256) {  // MATLAB stores small whole numbers so
    put_element(matrix, kUint8, {static_cast<std::uint8_t>(value)});
  } else if (value >= 0 && value < 65536) {
    put(contents, static_cast<std::uint16_t>(value));
    put_element(matrix, kUint16, contents);
  } else {
    put(contents, value);
    put_element(matrix, kDouble, contents);
  }
  put_element(out, kMatrix, matrix);
}

void put_string(Bytes& out, const std::string& text) {
  Bytes matrix = array_header(kCharClass, 1, static_cast<int>(text.size()), ""), contents;
  for (const char c : text) put(contents, static_cast<std::uint16_t>(c));
  put_element(matrix, kUint16, contents);
  put_element(out, kMatrix, matrix);
}

void put_synset(Bytes& out, int number, const std::string& id, const std::string& words, int children) {
  put_number(out, number);
  put_string(out, id);
  put_string(out, words);
  put_string(out, "");
  put_number(out, children);
  if (children == 0) {
    put_element(out, kMatrix, array_header(kDoubleClass, 0, 0, ""));
  } else {
    Bytes matrix = array_header(kDoubleClass, 1, children, ""), contents;
    for (int i = 0; i < children; ++i) put(contents, static_cast<std::uint16_t>(1 + i));
    put_element(matrix, kUint16, contents);
    put_element(out, kMatrix, matrix);
  }
}

Bytes synsets() {
  constexpr int kInner = 12;
  constexpr int kFieldWidth = 16;
  const char* fields[] = {"ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children"};
  std::vector<int> label_of(kClasses + 1);
  for (int label = 0; label < kClasses; ++label) {
    label_of[static_cast<std::size_t>(miniature_imagenet_number(label))] = label;
  }
  Bytes matrix = array_header(kStructClass, kClasses + kInner, 1, "synsets"), width, names;
  put(width, kFieldWidth);
  put_element(matrix, kInt32, width);
  for (const char* field : fields) {
    const auto end = names.size() + kFieldWidth;
    names.insert(names.end(), field, field + std::strlen(field));
    names.resize(end);
  }
  put_element(matrix, kInt8, names);
  for (int number = 1; number <= kClasses; ++number) {
    const auto& known =
        imagenet_classes()[static_cast<std::size_t>(label_of[static_cast<std::size_t>(number)])];
    put_synset(matrix, number, std::string(known.id), std::string(known.name), 0);
  }
  for (int i = 1; i <= kInner; ++i) put_synset(matrix, kClasses + i, concat("n9", i), "inner", 2 + i);
  return matrix;
}

void put_variable(Bytes& out, const Bytes& matrix, bool compressed) {
  Bytes element;
  put_element(element, kMatrix, matrix);
  if (!compressed) {
    out.insert(out.end(), element.begin(), element.end());
    return;
  }
  uLongf size = compressBound(element.size());
  Bytes packed(size);
  CF_CHECK(compress(packed.data(), &size, element.data(), element.size()) == Z_OK, "zlib");
  packed.resize(size);
  put(out, kCompressed);  // without padding
  put(out, static_cast<std::uint32_t>(packed.size()));
  out.insert(out.end(), packed.begin(), packed.end());
}

std::string val_name(int image) {
  char name[64];
  std::snprintf(name, sizeof name, "ILSVRC2012_val_%08d", image);
  return name;
}

}  // namespace

int miniature_val_class(int image) { return image * 7 % kClasses; }

int miniature_imagenet_number(int label) { return 1 + label * 3 % kClasses; }

Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  CF_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  CF_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes miniature_meta_mat(bool compressed) {
  Bytes file = bytes_of("MATLAB 5.0 MAT-file, Platform: GLNXA64");
  file.resize(124, ' ');
  put(file, std::uint16_t{0x0100});
  file.push_back('I');
  file.push_back('M');
  Bytes other;
  put_number(other, 42);
  const auto begin = other.begin() + 8;  // without the tag
  put_variable(file, Bytes(begin, other.end()), compressed);
  put_variable(file, synsets(), compressed);
  return file;
}

Bytes devkit_tar(const Bytes& meta, const std::string& ground_truth) {
  return tar({{"ILSVRC2012_devkit_t12/readme.txt", bytes_of("read me")},
              {"ILSVRC2012_devkit_t12/data/meta.mat", meta},
              {"ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", bytes_of(ground_truth)}});
}

void write_imagenet_miniature(const std::string& folder, const ImageNetMiniature& size) {
  std::vector<std::pair<std::string, Bytes>> archives, images;
  for (int label = 0; label < kClasses; ++label) {
    const std::string id(imagenet_classes()[static_cast<std::size_t>(label)].id);
    std::vector<std::pair<std::string, Bytes>> members;
    for (int i = 0; i < size.train_per_class; ++i) {
      members.emplace_back(concat(id, "_", 10 * i + 3, ".JPEG"),
                           picture(label, static_cast<std::uint64_t>(i), size.side));
    }
    archives.emplace_back(id + ".tar", tar(members));
  }
  std::string ground_truth, table = "ImageId,PredictionString\n";
  for (int image = 1; image <= size.val_images; ++image) {
    const int label = miniature_val_class(image);
    images.emplace_back(val_name(image) + ".JPEG", picture(label, 1000, size.side));
    ground_truth += concat(miniature_imagenet_number(label), "\n");
    table +=
        concat(val_name(image), ",", imagenet_classes()[static_cast<std::size_t>(label)].id, " 1 2 30 40\n");
  }
  write(folder + "/ILSVRC2012_img_train.tar", tar(archives));
  write(folder + "/ILSVRC2012_img_val.tar", tar(images));
  write(folder + "/ILSVRC2012_devkit_t12.tar.gz", gzip(devkit_tar(miniature_meta_mat(), ground_truth)));
  write(folder + "/LOC_val_solution.csv", bytes_of(table));
}

}  // namespace cf::data
