// A data set: numbered samples, each an encoded image and a label. One subclass per source, in formats/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cf::data {

// The numbers are those of pack files.
enum class ImageEncoding : std::uint8_t { Raw = 0, Jpeg = 1, Png = 2, WebP = 3, Bmp = 4, Tiff = 5 };

enum class Split { Train, Val };

// The bytes of one image as stored; a buffer that is used again for the next one.
struct EncodedImage {
  ImageEncoding encoding = ImageEncoding::Raw;
  std::vector<std::uint8_t> bytes;          // Raw: HWC pixels
  int height = 0, width = 0, channels = 0;  // of Raw; the others say it in their header
};

class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual std::int64_t size() const = 0;
  // Channels of the images as the network should see them: 1 or 3.
  virtual int channels() const = 0;
  virtual const std::vector<std::string>& class_names() const = 0;
  // Index into class_names().
  virtual std::int64_t label(std::int64_t sample) const = 0;
  // What errors call the sample: its path, or FILE#17 (counted from 0) where a file holds many.
  virtual std::string name(std::int64_t sample) const = 0;
  // Reads a sample's bytes. May be called from several threads at once.
  virtual void read(std::int64_t sample, EncodedImage& out) const = 0;
  // Says that samples [first, first + count) will be read soon; where they lie side by side in a file, the
  // system is asked to fetch them in one go. Returns at once.
  virtual void will_read(std::int64_t /*first*/, std::int64_t /*count*/) const {}
};

// What is seen of a file whose index must be made by going through it.
struct ScanProgress {
  std::uint64_t bytes, total;  // of the file: passed, and in all
};
using OnScan = std::function<void(const ScanProgress&)>;  // on the caller's thread, about every 1,000 members

struct DatasetSource {
  std::string path;    // may hold the labels too: IMAGES:LABELS
  int channels = 0;    // what Dataset::channels() shall say: 1 or 3; 0: what is natural for the source
  std::string labels;  // a file with the labels of images that lie in no class folders (image_labels.h)
  OnScan on_scan;      // told while the headers of a tar archive are read
};

// Takes the path apart if it is IMAGES:LABELS: if nothing has the whole path as its name, but something has
// the part before the last colon.
DatasetSource separate_labels(DatasetSource source);

// Opens what PATH holds:
//   a folder of class folders with image files, or a folder with such folders train/ and val/;
//   a folder with IDX files {train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz] (MNIST, Fashion-MNIST), or the
//     common prefix of one such pair, as DIR/t10k;
//   a pack file (formats/pack.h), by its first bytes;
//   a tar archive of class folders, or an official archive of ImageNet (formats/archive.h);
//   a folder or a tar archive of images without class folders, with their labels: IMAGES:LABELS;
//   a folder with the CIFAR-10 or CIFAR-100 binary files;
//   synthetic:classes=10,size=32,channels=3,samples=1000 (no files; every key may be left out).
// `split` chooses where PATH holds both, and is ignored where it holds one.
// Throws Data errors that say what is wrong with the files and what is wanted.
std::unique_ptr<Dataset> open_dataset(const DatasetSource& source, Split split);
std::unique_ptr<Dataset> open_dataset(const std::string& path, Split split);

// Throws a Data error naming the first difference if the two do not have the same classes in the same order.
void require_same_classes(const Dataset& train, const Dataset& val);

}  // namespace cf::data
