#include "kernels/all_cases.h"

#include <iterator>

namespace cf::kernels {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto list : {
           linear_cases,
       }) {
    auto cases = list();
    all.insert(all.end(), std::make_move_iterator(cases.begin()), std::make_move_iterator(cases.end()));
  }
  return all;
}

}  // namespace cf::kernels
