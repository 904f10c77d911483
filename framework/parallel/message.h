// What ranks say to the rendezvous and it to them: a kind, a number and some texts, as one frame of a TCP
// stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cf {

struct Message {
  // Numbers and texts by kind. Texts are bytes and may hold anything.
  enum class Kind : std::uint8_t {
    Hello = 1,   // rank: number = rank; protocol, world, host, process, device, build, configuration
    Welcome,     // to all: host, process and address of every rank
    Waiting,     // to ranks that wait: for whom
    Set,         // rank: key, value
    Get,         // rank: number = request; key
    Value,       // number = request; value
    Vote,        // rank: number = which vote; value
    VoteResult,  // number = which vote; the highest value
    Beat,        // both ways: I live; from a rank, number = collectives begun
    Failed,      // both ways: number = ErrorKind; what. The end of all ranks
    OutOfStep,   // rank: a collective did not complete; what
    Goodbye,     // both ways: leaves as planned
  };

  Kind kind = Kind::Beat;
  std::int64_t number = 0;
  std::vector<std::string> texts;
};

// A frame is its length as 4 bytes, little-endian, and that many bytes more.
inline constexpr std::size_t kFrameHeaderBytes = 4;
inline constexpr std::size_t kMaxFrameBytes = std::size_t{16} << 20;

std::vector<std::byte> to_frame(const Message& message);

// Length of what follows a frame's header.
std::size_t frame_length(std::span<const std::byte, kFrameHeaderBytes> header);

// The inverse of to_frame, without the header; null for bytes that are no message.
std::optional<Message> message_from(std::span<const std::byte> bytes);

}  // namespace cf
