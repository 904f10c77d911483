#include "data/transforms/rand_augment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr double kLevels = 10;

constexpr std::array kOperations{Operation::AutoContrast, Operation::Equalize,   Operation::Invert,
                                 Operation::Rotate,       Operation::Posterize,  Operation::Solarize,
                                 Operation::SolarizeAdd,  Operation::Saturation, Operation::Contrast,
                                 Operation::Brightness,   Operation::Sharpness,  Operation::ShearX,
                                 Operation::ShearY,       Operation::TranslateX, Operation::TranslateY};

double with_random_sign(double value, Philox& draw) { return draw.uniform() > 0.5f ? -value : value; }

// Of saturation, contrast, brightness and sharpness.
double factor_of(double share, bool increasing, Philox& draw) {
  if (!increasing) return share * 1.8 + 0.1;
  return std::max(0.1, 1.0 + with_random_sign(share * 0.9, draw));
}

// What a level between 0 and 1 means.
double argument_of(Operation operation, double share, bool increasing, ImageSize size, Philox& draw) {
  switch (operation) {
    case Operation::Rotate:
      return with_random_sign(share * 30, draw);
    case Operation::Posterize: {
      const int removed = static_cast<int>(share * 4);
      return increasing ? 4 - removed : removed;
    }
    case Operation::Solarize: {
      const int threshold = std::min(256, static_cast<int>(share * 256));
      return increasing ? 256 - threshold : threshold;
    }
    case Operation::SolarizeAdd:
      return std::min(128, static_cast<int>(share * 110));
    case Operation::Saturation:
    case Operation::Contrast:
    case Operation::Brightness:
    case Operation::Sharpness:
      return factor_of(share, increasing, draw);
    case Operation::ShearX:
    case Operation::ShearY:
      return with_random_sign(share * 0.3, draw);
    case Operation::TranslateX:
      return with_random_sign(share * 0.45, draw) * size.width;
    case Operation::TranslateY:
      return with_random_sign(share * 0.45, draw) * size.height;
    default:
      return 0;
  }
}

double level_of(const RandAugment& policy, Philox& draw) {
  double level = policy.magnitude;
  if (std::isinf(policy.deviation)) {
    level = static_cast<double>(draw.uniform()) * policy.magnitude;
  } else if (policy.deviation > 0) {
    level += policy.deviation * static_cast<double>(draw.normal());
  }
  return std::clamp(level, 0.0, policy.most);
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  RandAugment parse() const {
    std::string_view rest = text_;
    if (take(rest) != "rand") wrong("does not begin with rand");
    if (text_.ends_with('-')) wrong("ends with a dash");
    RandAugment policy{.count = 2};
    while (!rest.empty()) {
      const std::string_view part = take(rest);
      const std::string_view key = part.substr(0, part.find_first_of("0123456789."));
      set(key, number(part, part.substr(key.size())), policy);
    }
    return policy;
  }

 private:
  static std::string_view take(std::string_view& rest) {
    const std::string_view part = rest.substr(0, rest.find('-'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
  }

  [[noreturn]] void wrong(std::string_view problem) const {
    fail(ErrorKind::Usage, "\"", text_, "\" ", problem,
         "; allowed: rand-m9-n2-mstd0.5-inc1 and the like: m magnitude 0 ... 30, n operations 1 ... 15, "
         "mstd, mmax, inc "
         "0 or 1, p probability");
  }

  double number(std::string_view part, std::string_view digits) const {
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value > 1000)
      wrong(concat("has the part '", part, "'"));
    return value;
  }

  void set(std::string_view key, double value, RandAugment& policy) const {
    const auto check = [&](bool ok) {
      if (!ok) wrong(concat("has ", key, " out of range"));
    };
    if (key == "m") {
      check(value <= 30);
      policy.magnitude = value;
    } else if (key == "n") {
      check(value >= 1 && value <= 15 && value == std::floor(value));
      policy.count = static_cast<int>(value);
    } else if (key == "mstd") {
      policy.deviation = value > 100 ? std::numeric_limits<double>::infinity() : value;
    } else if (key == "mmax") {
      check(value > 0);
      policy.most = value;
    } else if (key == "inc") {
      check(value == 0 || value == 1);
      policy.increasing = value == 1;
    } else if (key == "p") {
      check(value <= 1);
      policy.probability = value;
    } else {
      wrong(concat("has the unknown part '", key, "'"));
    }
  }

  const std::string& text_;
};

}  // namespace

RandAugment parse_rand_augment(const std::string& text) { return Parser(text).parse(); }

Step draw_step(const RandAugment& policy, ImageSize size, Philox& draw) {
  const Operation operation = kOperations[draw.below(kOperations.size())];
  if (static_cast<double>(draw.uniform()) >= policy.probability) return {};
  const double share = level_of(policy, draw) / kLevels;
  const double argument = argument_of(operation, share, policy.increasing, size, draw);
  const auto interpolation = draw.below(2) == 0 ? Interpolation::Bilinear : Interpolation::Bicubic;
  return {operation, argument, interpolation};
}

}  // namespace cf::data
