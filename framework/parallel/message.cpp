#include "framework/parallel/message.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "kernels/base/check.h"

namespace cf {

namespace {

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

void append_bytes(std::vector<std::byte>& out, const void* bytes, std::size_t size) {
  if (size == 0) return;
  out.resize(out.size() + size);
  std::memcpy(out.data() + out.size() - size, bytes, size);
}

template <class T>
void append(std::vector<std::byte>& out, T value) {
  append_bytes(out, &value, sizeof value);
}

// Takes values off the front; stays at the end once one is not there.
class Taker {
 public:
  explicit Taker(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <class T>
  T take() {
    T value{};
    const auto bytes = take_bytes(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string take_text() {
    const auto bytes = take_bytes(take<std::uint32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool is_complete() const { return complete_ && rest_.empty(); }
  bool is_short() const { return !complete_; }

 private:
  std::span<const std::byte> take_bytes(std::size_t size) {
    complete_ = complete_ && size <= rest_.size();
    if (!complete_) return {};
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  std::span<const std::byte> rest_;
  bool complete_ = true;
};

}  // namespace

std::vector<std::byte> to_frame(const Message& message) {
  std::vector<std::byte> frame(kFrameHeaderBytes);
  append(frame, message.kind);
  append(frame, message.number);
  for (const auto& text : message.texts) {
    append(frame, static_cast<std::uint32_t>(text.size()));
    append_bytes(frame, text.data(), text.size());
  }
  CF_CHECK(frame.size() <= kMaxFrameBytes, "a message of ", frame.size(), " bytes, must be at most ",
           kMaxFrameBytes);
  const auto length = static_cast<std::uint32_t>(frame.size() - kFrameHeaderBytes);
  std::memcpy(frame.data(), &length, sizeof length);
  return frame;
}

std::size_t frame_length(std::span<const std::byte, kFrameHeaderBytes> header) {
  std::uint32_t length = 0;
  std::memcpy(&length, header.data(), sizeof length);
  return length;
}

std::optional<Message> message_from(std::span<const std::byte> bytes) {
  Taker taker(bytes);
  Message message;
  message.kind = taker.take<Message::Kind>();
  message.number = taker.take<std::int64_t>();
  if (taker.is_short() || message.kind < Message::Kind::Hello || message.kind > Message::Kind::Goodbye)
    return std::nullopt;
  while (!taker.is_complete()) {
    message.texts.push_back(taker.take_text());
    if (taker.is_short()) return std::nullopt;
  }
  return message;
}

}  // namespace cf
