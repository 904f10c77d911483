#include "apps/number_list.h"

#include <algorithm>
#include <charconv>

#include "kernels/base/check.h"

namespace cf::apps {

std::vector<int> parse_numbers(const std::string& option, const std::string& text,
                               const std::string& must_be) {
  std::vector<int> numbers;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    int number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + comma, number);
    CF_CHECK_AS(ErrorKind::Usage, error == std::errc{} && end == text.data() + comma && number > 0, option,
                " is '", text, "', must be ", must_be);
    numbers.push_back(number);
    at = comma + 1;
  }
  return numbers;
}

}  // namespace cf::apps
