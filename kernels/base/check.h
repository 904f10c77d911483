// The one error type of the program, and the checks that throw it.
//
//   CF_CHECK(batch > 0, "batch is ", batch, ", must be positive");   // a bug, or a library misused
//   CF_CHECK_AS(ErrorKind::Data, ok, "cannot read ", path);          // an error the user can act on
//   in_context([&] { return "sample 17 of train.cfpack"; }, [&] { decode(); });
//
// The kind decides the exit code of the program (apps/main.cpp); nothing below apps exits or aborts.
#pragma once

#include <charconv>
#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cf {

// Values are the exit codes of the program.
enum class ErrorKind {
  Internal = 1,       // a bug in this program
  Usage = 2,          // command line or configuration
  Data = 3,           // unreadable or wrong data
  Device = 4,         // no GPU, out of memory, a failing kernel
  Numeric = 5,        // NaN or infinity where none may be
  Communication = 6,  // a lost or stuck rank
  Checkpoint = 7,     // cannot save or load
  Threshold = 8,      // a demanded accuracy was not reached
};

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // Says what was being done: the message becomes "CONTEXT: MESSAGE".
  void add_context(std::string_view context) { message_ = std::string(context) + ": " + message_; }

 private:
  ErrorKind kind_;
  std::string message_;
};

namespace detail {

template <class T>
void append_part(std::string& out, const T& part) {
  if constexpr (std::is_same_v<T, bool>) {
    out += part ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += part;
  } else if constexpr (std::is_arithmetic_v<T>) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, part).ptr;
    out.append(buffer, end);
  } else {
    out += std::string_view(part);
  }
}

}  // namespace detail

// The parts as one string: text, characters, numbers, bools.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append_part(out, parts), ...);
  return out;
}

template <class... Parts>
[[noreturn]] void fail(ErrorKind kind, const Parts&... parts) {
  throw Error(kind, concat(parts...));
}

// Runs `body`; an Error leaving it gets the text of `context()` in front.
template <std::invocable Context, std::invocable Body>
decltype(auto) in_context(Context&& context, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.add_context(context());
    throw;
  }
}

}  // namespace cf

#define CF_CHECK_AS(kind, condition, ...)            \
  do {                                               \
    if (!(condition)) ::cf::fail(kind, __VA_ARGS__); \
  } while (false)

#define CF_CHECK(condition, ...) CF_CHECK_AS(::cf::ErrorKind::Internal, condition, __VA_ARGS__)
