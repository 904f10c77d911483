#include "data/formats/mat5.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kMaxInflated = 256 << 20;  // of one variable; meta.mat has less than 1 MB

// Types of elements (miINT8 ... in the format's description).
enum class Type : std::uint32_t {
  Int8 = 1,
  Uint8 = 2,
  Int16 = 3,
  Uint16 = 4,
  Int32 = 5,
  Uint32 = 6,
  Single = 7,
  Double = 9,
  Int64 = 12,
  Uint64 = 13,
  Matrix = 14,
  Compressed = 15,
  Utf8 = 16,
  Utf16 = 17,
};

// Classes of arrays (mxSTRUCT_CLASS ...).
constexpr std::uint32_t kStructClass = 2, kCharClass = 4, kFirstNumberClass = 6, kLastNumberClass = 15;
constexpr std::uint32_t kComplexFlag = 0x0800;

template <class T>
T number_at(Bytes bytes, std::size_t at) {
  T value;
  CF_CHECK_AS(ErrorKind::Data, at <= bytes.size() && sizeof value <= bytes.size() - at,
              "an element ends before its contents");
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Element {
  Type type;
  Bytes contents;
};

// Takes one element after the other from a piece of the file.
class Elements {
 public:
  explicit Elements(Bytes bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  Element next() {
    const auto first = number_at<std::uint32_t>(rest_, 0);
    if (first >> 16 != 0) {  // small: type and length share the first word, the contents are the second
      const std::size_t bytes = first >> 16;
      CF_CHECK_AS(ErrorKind::Data, bytes <= 4, "a small element of ", bytes, " bytes; allowed: up to 4");
      return take(static_cast<Type>(first & 0xffffu), 4, bytes, 8);
    }
    const std::size_t bytes = number_at<std::uint32_t>(rest_, 4);
    const Type type = static_cast<Type>(first);
    const std::size_t padded = type == Type::Compressed ? bytes : (bytes + 7) / 8 * 8;
    return take(type, 8, bytes, 8 + padded);
  }

  Element next(Type wanted, std::string_view what) {
    CF_CHECK_AS(ErrorKind::Data, !empty(), "no ", what);
    const Element element = next();
    CF_CHECK_AS(ErrorKind::Data, element.type == wanted, what, " of type ",
                static_cast<std::uint32_t>(element.type), ", must be ", static_cast<std::uint32_t>(wanted));
    return element;
  }

 private:
  // The last element may lack its padding.
  Element take(Type type, std::size_t begin, std::size_t bytes, std::size_t whole) {
    CF_CHECK_AS(ErrorKind::Data, begin <= rest_.size() && bytes <= rest_.size() - begin, "an element of ",
                bytes, " bytes, only ", rest_.size(), " are left: the file is truncated");
    const Element element{type, rest_.subspan(begin, bytes)};
    rest_ = rest_.subspan(std::min(whole, rest_.size()));
    return element;
  }

  Bytes rest_;
};

std::vector<std::uint8_t> inflated(Bytes compressed) {
  struct EndInflate {
    void operator()(z_stream* stream) const { inflateEnd(stream); }
  };
  z_stream stream{};
  CF_CHECK(inflateInit(&stream) == Z_OK, "zlib does not start");
  const std::unique_ptr<z_stream, EndInflate> end(&stream);
  stream.next_in = const_cast<Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::vector<std::uint8_t> out(std::max<std::size_t>(1024, compressed.size() * 4));
  std::size_t done = 0;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (done == out.size()) out.resize(out.size() * 2);
    CF_CHECK_AS(ErrorKind::Data, out.size() <= kMaxInflated, "a variable of more than ", kMaxInflated,
                " bytes");
    stream.next_out = out.data() + done;
    stream.avail_out = static_cast<uInt>(out.size() - done);
    status = inflate(&stream, Z_NO_FLUSH);
    done = out.size() - stream.avail_out;
    CF_CHECK_AS(ErrorKind::Data, status == Z_OK || status == Z_STREAM_END, "cannot decompress a variable: ",
                status == Z_BUF_ERROR ? "it is truncated" : "its bytes are damaged");
  }
  out.resize(done);
  return out;
}

template <class T>
std::vector<double> numbers_in(Bytes bytes) {
  CF_CHECK_AS(ErrorKind::Data, bytes.size() % sizeof(T) == 0, bytes.size(), " bytes of numbers of ",
              sizeof(T));
  std::vector<double> out;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T))
    out.push_back(static_cast<double>(number_at<T>(bytes, at)));
  return out;
}

// Small whole numbers are stored in a smaller type than the array has.
std::vector<double> numbers_of(const Element& element) {
  switch (element.type) {
    case Type::Int8:
      return numbers_in<std::int8_t>(element.contents);
    case Type::Uint8:
    case Type::Utf8:
      return numbers_in<std::uint8_t>(element.contents);
    case Type::Int16:
      return numbers_in<std::int16_t>(element.contents);
    case Type::Uint16:
    case Type::Utf16:
      return numbers_in<std::uint16_t>(element.contents);
    case Type::Int32:
      return numbers_in<std::int32_t>(element.contents);
    case Type::Uint32:
      return numbers_in<std::uint32_t>(element.contents);
    case Type::Single:
      return numbers_in<float>(element.contents);
    case Type::Double:
      return numbers_in<double>(element.contents);
    case Type::Int64:
      return numbers_in<std::int64_t>(element.contents);
    case Type::Uint64:
      return numbers_in<std::uint64_t>(element.contents);
    default:
      fail(ErrorKind::Data, "numbers of type ", static_cast<std::uint32_t>(element.type), " are not read");
  }
}

// UTF-8; what is no character, and surrogate pairs, which do not occur in class names, become '?'.
std::string text_of(const Element& element) {
  if (element.type == Type::Utf8) return {element.contents.begin(), element.contents.end()};
  std::string out;
  for (const double number : numbers_of(element)) {
    constexpr double kCodes = 0x110000;
    const auto code = number >= 0 && number < kCodes ? static_cast<std::uint32_t>(number) : 0xd800u;
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0u | code >> 6);
      out += static_cast<char>(0x80u | (code & 0x3fu));
    } else if (code < 0x10000 && (code < 0xd800 || code > 0xdfff)) {
      out += static_cast<char>(0xe0u | code >> 12);
      out += static_cast<char>(0x80u | (code >> 6 & 0x3fu));
      out += static_cast<char>(0x80u | (code & 0x3fu));
    } else {
      out += '?';
    }
  }
  return out;
}

// What comes first in every array.
struct ArrayHeader {
  std::uint32_t array_class = 0;
  std::size_t elements = 1;
  std::string name;
};

ArrayHeader read_array_header(Elements& parts) {
  ArrayHeader header;
  const auto flags = number_at<std::uint32_t>(parts.next(Type::Uint32, "array flags").contents, 0);
  header.array_class = flags & 0xffu;
  CF_CHECK_AS(ErrorKind::Data, (flags & kComplexFlag) == 0, "complex numbers are not read");
  constexpr double kMaxElements = 1 << 24;
  double elements = 1;
  for (const double extent : numbers_of(parts.next(Type::Int32, "dimensions"))) {
    elements *= extent;
    CF_CHECK_AS(ErrorKind::Data, extent >= 0 && elements <= kMaxElements, "an array with an extent of ",
                extent);
  }
  header.elements = static_cast<std::size_t>(elements);
  header.name = text_of(parts.next(Type::Int8, "an array's name"));
  return header;
}

MatValue read_value(Bytes matrix) {
  MatValue value;
  if (matrix.empty()) return value;  // []
  Elements parts(matrix);
  const ArrayHeader header = read_array_header(parts);
  value.is_text = header.array_class == kCharClass;
  const bool is_number = header.array_class >= kFirstNumberClass && header.array_class <= kLastNumberClass;
  CF_CHECK_AS(ErrorKind::Data, value.is_text || is_number, "a field of class ", header.array_class,
              "; read are numbers and text");
  if (parts.empty() && header.elements == 0) return value;
  CF_CHECK_AS(ErrorKind::Data, !parts.empty(), "an array of ", header.elements, " elements without contents");
  const Element contents = parts.next();
  if (value.is_text) {
    value.text = text_of(contents);
  } else {
    value.numbers = numbers_of(contents);
    CF_CHECK_AS(ErrorKind::Data, value.numbers.size() == header.elements, "an array of ", header.elements,
                " elements with ", value.numbers.size(), " numbers");
  }
  return value;
}

std::vector<std::string> read_field_names(Elements& parts) {
  const auto width =
      number_at<std::int32_t>(parts.next(Type::Int32, "the length of field names").contents, 0);
  const Bytes names = parts.next(Type::Int8, "field names").contents;
  CF_CHECK_AS(ErrorKind::Data, width > 0 && names.size() % static_cast<std::size_t>(width) == 0, names.size(),
              " bytes of field names of ", width);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < names.size(); at += static_cast<std::size_t>(width)) {
    const Bytes name = names.subspan(at, static_cast<std::size_t>(width));
    fields.emplace_back(name.begin(), std::find(name.begin(), name.end(), 0));
  }
  return fields;
}

// The array if it has the name; its values are read only then.
std::optional<MatStructArray> read_if_called(Bytes matrix, std::string_view variable) {
  if (matrix.empty()) return std::nullopt;
  Elements parts(matrix);
  const ArrayHeader header = read_array_header(parts);
  if (header.name != variable) return std::nullopt;
  CF_CHECK_AS(ErrorKind::Data, header.array_class == kStructClass, variable, " is of class ",
              header.array_class, ", must be a struct array, ", kStructClass);
  MatStructArray array{.fields = read_field_names(parts), .elements = header.elements, .values = {}};
  for (std::size_t i = 0; i < array.elements; ++i) {
    for (const std::string& field : array.fields) {
      in_context([&] { return concat(variable, "(", i + 1, ").", field); },
                 [&] { array.values.push_back(read_value(parts.next(Type::Matrix, "a value").contents)); });
    }
  }
  return array;
}

}  // namespace

const MatValue& MatStructArray::value(std::size_t element, std::string_view field) const {
  const auto at = std::find(fields.begin(), fields.end(), field);
  if (at == fields.end()) {
    std::string known;
    for (const auto& name : fields) known += concat(known.empty() ? "" : ", ", name);
    fail(ErrorKind::Data, "no field ", field, "; there are: ", known);
  }
  return values.at(element * fields.size() + static_cast<std::size_t>(at - fields.begin()));
}

MatStructArray read_mat_struct_array(Bytes file, std::string_view variable) {
  CF_CHECK_AS(ErrorKind::Data, file.size() > kHeaderBytes, file.size(), " bytes are too few for a MAT file");
  const auto version = number_at<std::uint16_t>(file, 124);
  CF_CHECK_AS(ErrorKind::Data, file[126] == 'I' && file[127] == 'M' && version == 0x0100,
              "not a little-endian MAT file of level 5");
  Elements elements(file.subspan(kHeaderBytes));
  while (!elements.empty()) {
    const Element element = elements.next();
    std::optional<MatStructArray> found;
    if (element.type == Type::Compressed) {
      const std::vector<std::uint8_t> bytes = inflated(element.contents);
      found = read_if_called(Elements(bytes).next(Type::Matrix, "a compressed variable").contents, variable);
    } else if (element.type == Type::Matrix) {
      found = read_if_called(element.contents, variable);
    }
    if (found) return *std::move(found);
  }
  fail(ErrorKind::Data, "no variable ", variable);
}

}  // namespace cf::data
