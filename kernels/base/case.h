// A case: one problem of one kernel, with its shapes, how its inputs are drawn and what it costs. Written
// once in X_cases.cpp and run by the tests at every place and element type, and by the benchmark.
//
//   Case c("linear/forward M=37 C=24 K=96", /*depth=*/24);
//   const auto x = c.input("x", normal(0, 1), M{37}, C{24});
//   const auto y = c.output("y", M{37}, K{96});  ...
//   c.flops = 2.0 * 37 * 24 * 96;
//   c.runs([=](auto place, const auto& t) {
//     linear(place, LinearForward<ElementOf<decltype(t)>>{.x = t(x), ..., .y = t(y)});
//   });
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/philox.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// What a tensor of a case holds: the element type T the case runs in, Wide<T>, or one fixed type.
enum class Element { T, WideT, Float32, Int64, UInt8 };

// The type of an element when the case runs in `type`.
DType dtype_of(Element element, DType type);

enum class Role { Input, Output, InOut };

// Fills a tensor with random values; they are rounded to the tensor's type afterwards.
using Draw = std::function<void(Philox&, std::span<double>)>;

Draw normal(double mean, double deviation);
Draw uniform(double low, double high);
Draw rectified_normal(double mean, double deviation);  // negative values become 0, as behind a ReLU
Draw integers(std::int64_t bound);                     // labels, bytes: uniform in [0, bound)
Draw ascending_subset(std::int64_t bound);             // kept samples: distinct, ascending, in [0, bound)

struct CaseTensor {
  std::string name;
  Element element;
  Role role;
  std::vector<std::int64_t> shape;
  Draw draw;  // of inputs and in-outs

  std::int64_t size() const;
};

#ifdef CF_WITH_CUDA
inline constexpr bool kBuiltWithCuda = true;
#else
inline constexpr bool kBuiltWithCuda = false;
#endif

// Where a case runs.
using CasePlace = std::variant<Reference, Cpu, Cuda>;

// The memory of one run, provided by whoever runs the case.
class CaseMemory {
 public:
  virtual ~CaseMemory() = default;
  virtual void* tensor(int index) = 0;
  virtual Workspace workspace(std::size_t bytes) = 0;
  // The same bytes where the place can read them.
  virtual const void* constants(const void* host, std::size_t bytes) = 0;
};

// Stands for a tensor of the case inside its runner; index -1 gives an empty view.
template <Element kElement, bool kMutable, class... Axes>
struct CaseHandle {
  int index = -1;
  std::tuple<Axes...> extents;
};

namespace detail {
template <Element kElement, class T>
using CaseElement = std::conditional_t<
    kElement == Element::T, T,
    std::conditional_t<
        kElement == Element::WideT, Wide<T>,
        std::conditional_t<kElement == Element::Float32, float,
                           std::conditional_t<kElement == Element::Int64, std::int64_t, std::uint8_t>>>>;
}  // namespace detail

// The tensors of a case as typed views for one run in element type T.
template <class T>
class CaseViews {
 public:
  using ElementType = T;
  explicit CaseViews(CaseMemory& memory) : memory_(memory) {}

  template <Element kElement, bool kMutable, class... Axes>
  auto operator()(const CaseHandle<kElement, kMutable, Axes...>& handle) const {
    using Value = detail::CaseElement<kElement, T>;
    using Viewed = View<std::conditional_t<kMutable, Value, const Value>, Axes...>;
    if (handle.index < 0) return Viewed{};
    return Viewed(static_cast<Value*>(memory_.tensor(handle.index)), std::get<Axes>(handle.extents)...);
  }

  Workspace workspace(std::size_t bytes) const { return memory_.workspace(bytes); }

  // Values that a kernel reads in the memory of its place, beside the tensors.
  template <class Value>
  std::span<const Value> constants(std::span<const Value> host) const {
    return {static_cast<const Value*>(memory_.constants(host.data(), host.size_bytes())), host.size()};
  }

  // Gives a kernel's arguments the workspace they ask for at this place.
  template <class Place, class Args>
  Args with_workspace(Place place, Args args) const {
    args.workspace = workspace(workspace_bytes(place, args));
    return args;
  }

 private:
  CaseMemory& memory_;
};

// The element type a runner is called for: ElementOf<decltype(t)>.
template <class Views>
using ElementOf = typename std::remove_cvref_t<Views>::ElementType;

class Case {
 public:
  // The name is kernel/direction and the shape; it also seeds the draws. The longest sum behind an output
  // element: rounding grows with the root of its length.
  Case(const std::string& case_name, std::int64_t longest_sum) : Case(case_name, {}, longest_sum) {}

  // The same for a case that tells place Cuda something, a route or a limit, which the other places do not
  // read: the end of its name. Cases that differ in that alone are one case elsewhere.
  Case(const std::string& host_case_name, const std::string& cuda_variant, std::int64_t longest_sum)
      : name(host_case_name + cuda_variant), host_name(host_case_name), depth(longest_sum) {}

  template <Element kElement = Element::T, class... Axes>
  CaseHandle<kElement, false, Axes...> input(std::string tensor, Draw draw, Axes... extents) {
    return {add({std::move(tensor), kElement, Role::Input, {extents.value...}, std::move(draw)}),
            {extents...}};
  }

  // Written by the kernel; starts as NaN.
  template <Element kElement = Element::T, class... Axes>
  CaseHandle<kElement, true, Axes...> output(std::string tensor, Axes... extents) {
    return {add({std::move(tensor), kElement, Role::Output, {extents.value...}, {}}), {extents...}};
  }

  // Read and written by the kernel.
  template <Element kElement = Element::T, class... Axes>
  CaseHandle<kElement, true, Axes...> inout(std::string tensor, Draw draw, Axes... extents) {
    return {add({std::move(tensor), kElement, Role::InOut, {extents.value...}, std::move(draw)}),
            {extents...}};
  }

  // A parameter gradient: an output for accumulate = 0, drawn and added to for accumulate = 1.
  template <Element kElement = Element::WideT, class... Axes>
  CaseHandle<kElement, true, Axes...> gradient(std::string tensor, float accumulate, Axes... extents) {
    if (accumulate == 0) return output<kElement>(std::move(tensor), extents...);
    return inout<kElement>(std::move(tensor), normal(0, 1), extents...);
  }

  // The contract says that the output may be the input.
  template <Element kOut, class... OutAxes, Element kIn, class... InAxes>
  void may_alias(const CaseHandle<kOut, true, OutAxes...>& output,
                 const CaseHandle<kIn, false, InAxes...>& input) {
    static_assert(kOut == kIn, "tensors that share memory have one element type");
    aliases.emplace_back(output.index, input.index);
  }

  // body(place, views): called for Reference with every type of Types, for Cpu with float, and in a build
  // with CUDA for Cuda with all of Types but double.
  template <class... Types, class Body>
  void runs_in(Body body) {
    runs_with<kBuiltWithCuda ? size_of(DType::Float32) : 0, Types...>(std::move(body));
  }
  template <class Body>
  void runs(Body body) {
    runs_in<double, float, Half, BFloat16>(std::move(body));
  }

  // The same for a kernel whose overload for Cuda takes Half and BFloat16 alone.
  template <class Body>
  void runs_on_cuda_in_16_bits(Body body) {
    runs_with<kBuiltWithCuda ? size_of(DType::Float16) : 0, double, float, Half, BFloat16>(std::move(body));
  }

  // The same for a kernel without an overload for Cuda.
  template <class... Types, class Body>
  void runs_on_host_in(Body body) {
    runs_with<0, Types...>(std::move(body));
  }
  template <class Body>
  void runs_on_host(Body body) {
    runs_on_host_in<double, float, Half, BFloat16>(std::move(body));
  }

  // Place Cuda runs the case in `type`.
  bool runs_on_cuda_in(DType type) const { return on_cuda && size_of(type) <= most_cuda_bytes_; }

  // Compulsory traffic when the case runs in `type`: every tensor once, in-outs twice.
  double bytes(DType type) const;

  // The values of an input, rounded to what it holds when the case runs in `type`; or only the first `most`.
  std::vector<double> draw(int tensor, DType type,
                           std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;

  std::string name;
  std::string host_name;  // the same for cases that only place Cuda tells apart
  std::int64_t depth;
  double flops =
      0;  // of products and convolutions, two for each multiply-accumulate; the rest is bound by bytes
  bool rounds_inside = false;   // the reference rounds values on the way to wide outputs to T
  bool benchmark_only = false;  // a shape of a real network: too big for the tests
  std::vector<CaseTensor> tensors;
  std::vector<std::pair<int, int>> aliases;  // (output, input)
  std::vector<DType> types;
  bool on_cuda = false;  // runs at place Cuda
  std::function<void(const CasePlace&, DType, CaseMemory&)> run;

 private:
  int add(CaseTensor tensor) {
    tensors.push_back(std::move(tensor));
    return static_cast<int>(tensors.size()) - 1;
  }

  // Place Cuda has an overload for the types of at most kMostCudaBytes; 0: none.
  template <int kMostCudaBytes, class... Types, class Body>
  void runs_with(Body body) {
    types = {kDType<Types>...};
    on_cuda = kMostCudaBytes > 0;
    most_cuda_bytes_ = kMostCudaBytes;
    run = [body = std::move(body)](const CasePlace& place, DType type, CaseMemory& memory) {
      const bool found =
          ((type == kDType<Types> && (run_as<kMostCudaBytes, Types>(body, place, memory), true)) || ...);
      CF_CHECK(found, "a case that does not run in ", name_of(type));
    };
  }

  template <int kMostCudaBytes, class T, class Body>
  static void run_as(const Body& body, const CasePlace& place, CaseMemory& memory) {
    const CaseViews<T> views(memory);
    if (std::holds_alternative<Reference>(place)) return body(Reference{}, views);
    if (const auto* cpu = std::get_if<Cpu>(&place)) {
      if constexpr (std::is_same_v<T, float>) return body(*cpu, views);
      fail(ErrorKind::Internal, "the Cpu place runs in float32 only");
    }
    if constexpr (size_of(kDType<T>) <= kMostCudaBytes) {
      body(std::get<Cuda>(place), views);
    } else {
      fail(ErrorKind::Internal, "a case without place Cuda in ", name_of(kDType<T>));
    }
  }

  int most_cuda_bytes_ = 0;
};

// Host memory of `type` from and to doubles.
void encode(std::span<const double> values, DType type, void* memory);
std::vector<double> decode(const void* memory, DType type, std::int64_t size);

}  // namespace cf::kernels
