#include "tests/kernels/case_runner.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "tests/kernels/guarded_memory.h"
#ifdef CF_WITH_CUDA
#include "tests/kernels/cuda_guarded_memory.h"
#endif

namespace cf::kernels {

namespace {

double epsilon_of(DType type) {
  switch (type) {
    case DType::Float64:
      return std::numeric_limits<double>::epsilon();
    case DType::Float32:
      return std::numeric_limits<float>::epsilon();
    case DType::Float16:
      return 0x1p-10;
    case DType::BFloat16:
      return 0x1p-7;
    default:
      return 0;
  }
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

class Checker {
 public:
  explicit Checker(const Case& problem) : problem_(problem) {}

  std::vector<std::string> check() {
    for (const DType type : problem_.types) {
      const Expected expected = check_reference(type);
      if (type == DType::Float32) check_cpu(&expected);
    }
    return std::move(complaints_);
  }

  std::vector<std::string> check_cpu_alone() {
    check_cpu(nullptr);
    return std::move(complaints_);
  }

#ifdef CF_WITH_CUDA
  std::vector<std::string> check_cuda() {
    for (const DType type : problem_.types) {
      if (problem_.runs_on_cuda_in(type)) check_cuda(type, check_reference(type));
    }
    return std::move(complaints_);
  }
#endif

 private:
  // What a place is held against in one type, by tensor.
  struct Expected {
    std::vector<std::vector<double>> truth;
    std::vector<double> yardstick;
  };

  Expected check_reference(DType type) {
    auto truth = run_truth(type);
    // In double that was the reference itself, guards and all.
    if (type == DType::Float64) return {std::move(truth), std::vector<double>(problem_.tensors.size())};
    GuardedMemory reference(problem_, type);
    run(reference, Reference{}, type, concat("reference in ", name_of(type)));
    std::vector<double> yardstick(problem_.tensors.size());
    for_each_output([&](int i) {
      yardstick[index(i)] = relative_error(reference.values(i), truth[index(i)]);
      expect_error(i, concat("reference in ", name_of(type)), yardstick[index(i)],
                   4 * reference_floor(i, type));
    });
    return {std::move(truth), std::move(yardstick)};
  }

  // In double, on the inputs as they are when rounded to `type`.
  std::vector<std::vector<double>> run_truth(DType type) {
    GuardedMemory memory(problem_, DType::Float64);
    for (int i = 0; i < tensor_count(); ++i) {
      if (tensor(i).role != Role::Output) memory.set(i, problem_.draw(i, type));
    }
    run(memory, Reference{}, DType::Float64, "reference in float64");
    std::vector<std::vector<double>> truth(problem_.tensors.size());
    for_each_output([&](int i) {
      truth[index(i)] = memory.values(i);
      if (!std::isfinite(norm(truth[index(i)]))) complain("the truth of ", tensor(i).name, " is not finite");
    });
    return truth;
  }

  void check_cpu(const Expected* expected) {
    static Threads one(1), three(3);
    GuardedMemory first(problem_, DType::Float32), single(problem_, DType::Float32);
    check_place<GuardedMemory>("cpu", Cpu{&three}, DType::Float32, expected, first);
    run(single, Cpu{&one}, DType::Float32, "cpu, one thread");
    for_each_output([&](int i) { expect_same_bits(i, first, single, "cpu: three threads and one"); });
  }

#ifdef CF_WITH_CUDA
  void check_cuda(DType type, const Expected& expected) {
    CudaGuardedMemory first(problem_, type);
    check_place<CudaGuardedMemory>(concat("cuda in ", name_of(type)), Cuda{}, type, &expected, first);
  }
#endif

  // Runs into `first`; the error where something is expected, a second run, and outputs in place of inputs.
  template <class Memory>
  void check_place(const std::string& name, const CasePlace& place, DType type, const Expected* expected,
                   Memory& first) {
    Memory second(problem_, type);
    run(first, place, type, name);
    run(second, place, type, name + ", second run");
    for_each_output([&](int i) {
      if (expected != nullptr) {
        const double bound = error_bound(problem_, i, type, expected->yardstick[index(i)]);
        expect_error(i, name, relative_error(first.values(i), expected->truth[index(i)]), bound);
      }
      expect_same_bits(i, first, second, name + ": two runs");
    });
    for (const auto& alias : problem_.aliases) {
      const std::string what =
          concat(name, ": ", tensor(alias.first).name, " in place of ", tensor(alias.second).name);
      Memory shared(problem_, type, alias);
      run(shared, place, type, what);
      for_each_output([&](int i) { expect_same_bits(i, first, shared, what); });
    }
  }

  void run(GuardedMemory& memory, const CasePlace& place, DType type, const std::string& what) {
    try {
      problem_.run(place, type, memory);
      memory.collect();
    } catch (const Error& error) {
      complain(what, " throws: ", error.what());
    }
    for (const auto& damage : memory.damage()) complain(what, " ", damage);
  }

  void expect_error(int i, const std::string& what, double error, double bound) {
    if (error <= bound) return;
    complain(what, ": error ", error, " of ", tensor(i).name, " is above ", bound);
  }

  void expect_same_bits(int i, const GuardedMemory& a, const GuardedMemory& b, const std::string& what) {
    if (!a.same_bits(i, b)) complain(what, " differ in ", tensor(i).name);
  }

  double reference_floor(int i, DType type) const {
    const DType own = dtype_of(tensor(i).element, type);
    return error_floor(problem_.rounds_inside && is_floating(own) ? type : own,
                       dtype_of(Element::WideT, type), problem_.depth);
  }

  template <class Body>
  void for_each_output(const Body& body) const {
    for (int i = 0; i < tensor_count(); ++i) {
      if (tensor(i).role != Role::Input) body(i);
    }
  }

  template <class... Parts>
  void complain(const Parts&... parts) {
    complaints_.push_back(concat(parts...));
  }

  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  const CaseTensor& tensor(int i) const { return problem_.tensors[index(i)]; }
  int tensor_count() const { return static_cast<int>(problem_.tensors.size()); }

  const Case& problem_;
  std::vector<std::string> complaints_;
};

}  // namespace

double error_floor(DType output, DType wide, std::int64_t depth) {
  if (!is_floating(output)) return 0;
  // Rounding once to nearest errs by at most half an epsilon.
  return 0.5 * epsilon_of(output) + 0.5 * epsilon_of(wide) * std::sqrt(static_cast<double>(depth));
}

double relative_error(const std::vector<double>& values, const std::vector<double>& truth) {
  std::vector<double> difference(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) difference[i] = values[i] - truth[i];
  const double error = norm(difference), scale = norm(truth);
  if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
  return scale > 0 ? error / scale : error;
}

double error_bound(const Case& problem, int tensor, DType type, double yardstick) {
  const auto& output = problem.tensors.at(static_cast<std::size_t>(tensor));
  return 2 * yardstick +
         error_floor(dtype_of(output.element, type), dtype_of(Element::WideT, type), problem.depth);
}

std::vector<std::string> check_case(const Case& problem) { return Checker(problem).check(); }

std::vector<std::string> check_case_on_cpu(const Case& problem) { return Checker(problem).check_cpu_alone(); }

#ifdef CF_WITH_CUDA
std::vector<std::string> check_case_on_cuda(const Case& problem) { return Checker(problem).check_cuda(); }
#endif

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

}  // namespace cf::kernels
