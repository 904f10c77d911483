// The pack file (.cfpack): a whole data set in one file, written once, read at random.
//
//   header, 64 bytes | records | description | index, 32 bytes a record
//
// Little-endian. A record is the image's bytes followed by its name (where it came from); its CRC32C covers
// both. The description holds the classes, the number of channels and the source. Header, description and
// index have a CRC32C each, so that a damaged pack is refused when opened and a damaged record when read. The
// byte-exact layout is in pack_layout.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace cf::data {

struct PackDescription {
  std::vector<std::string> class_names;
  // As ImageNet's WordNet ids: one per class, or none. They are what Dataset::class_names() gives then, as in
  // the class folders they came from: "crane" is the name of two classes.
  std::vector<std::string> class_ids;
  int channels = 3;    // Dataset::channels()
  std::string source;  // where the records came from, for people
};

// Writes PATH.partial and renames it when finished, so that no half-written pack ever has the name PATH.
// After a crash a new writer begins anew. Errors, such as a full disk, are Data errors naming the file.
class PackWriter {
 public:
  PackWriter(const std::string& path, PackDescription description);
  // Without finish(): removes PATH.partial.
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  // `size` is the image's, `name` what errors shall call the sample.
  void add(const EncodedImage& image, ImageSize size, std::int64_t label, const std::string& name);
  void finish();

  std::int64_t records() const;
  std::int64_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether a file begins as a pack does.
bool is_pack(const std::string& path);

// Keeps the index in memory and reads records with pread: a file that is cut off meanwhile is an error, not a
// signal. Checks everything but the records themselves. `channels`: 0, or what channels() shall say.
std::unique_ptr<Dataset> open_pack(const std::string& path, int channels);

// What a pack says about itself.
PackDescription read_pack_description(const std::string& path);

}  // namespace cf::data
