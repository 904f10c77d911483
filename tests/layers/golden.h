// Golden files: one problem each, computed by PyTorch in float64 and stored in float32. Keys: weights.*, x,
// labels or dy, kept, eval, y or logits, loss, grads.*, after.* (running statistics after one training
// forward), bf16_error.* (the error of PyTorch's own bfloat16 autocast in each output) and bf16_most.* (the
// largest such error of 16 problems: this one and 15 whose inputs and weights are this one's times 1 + 2^-10
// normal).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "framework/parameters/interchange.h"
#include "framework/parameters/parameter_store.h"
#include "framework/state/safetensors_file.h"
#include "tests/test_files.h"

namespace cf::test {

class Golden {
 public:
  explicit Golden(const std::string& name) : reader_(test_files() + "/golden/" + name) {}

  bool has(const std::string& key) const { return reader_.find(key) != nullptr; }

  // In the file's own order of elements, as double.
  std::vector<double> values(const std::string& key) const {
    const TensorEntry* entry = reader_.find(key);
    CF_CHECK(entry != nullptr, "no ", key, " in ", reader_.path().string());
    std::vector<float> raw(static_cast<std::size_t>(element_count(*entry)));
    CF_CHECK(entry->dtype == DType::Float32, key, " is not float32");
    reader_.read(key, std::as_writable_bytes(std::span(raw)));
    return {raw.begin(), raw.end()};
  }

  Tensor integers(const std::string& key) const {
    const TensorEntry* entry = reader_.find(key);
    Tensor out = Tensor::empty(host_pool(), DType::Int64, Shape(N{entry->shape.at(0)}));
    reader_.read(key, out.bytes());
    return out;
  }

  // An activation, NCHW in the file, as [N,H,W,C] of `dtype`.
  Tensor activation(const std::string& key, DType dtype) const {
    const auto& shape = reader_.find(key)->shape;
    const Shape nhwc(K{shape.at(0)}, R{shape.at(2)}, S{shape.at(3)}, C{shape.at(1)});
    const Tensor out = from_doubles(values(key), dtype, nhwc, Interchange::Filter);
    return out.reshaped(Shape(N{shape[0]}, H{shape[2]}, W{shape[3]}, C{shape[1]}));
  }

  // Fills parameters and running statistics from weights.*, wherever the store has them.
  void load(const ParameterStore& store) const {
    const auto put = [&](const auto& handle, Interchange interchange) {
      const Tensor& into = handle.value;
      const Tensor values_of =
          from_doubles(values("weights." + handle.name), into.dtype(), into.shape(), interchange);
      store.executor().write(values_of.bytes(), into);
    };
    for (const Parameter* p : store.parameters()) put(*p, p->interchange);
    for (const Statistic* s : store.statistics()) put(*s, Interchange::Same);
  }

  // Norm below which the file's gradients hold rounding only.
  double gradient_floor() const {
    std::vector<double> norms;
    for (const auto& entry : reader_.entries()) {
      if (entry.name.starts_with("grads.")) norms.push_back(norm(values(entry.name)));
    }
    std::nth_element(norms.begin(), norms.begin() + static_cast<std::ptrdiff_t>(norms.size() / 2),
                     norms.end());
    return 1e-3 * norms[norms.size() / 2];
  }

  double norm_of(const std::string& key) const { return norm(values(key)); }

  // |ours - golden| / max(|golden|, floor), over the whole tensor, which is in host memory.
  double error(const std::string& key, const Tensor& ours, Interchange interchange, double floor = 0) const {
    const std::vector<double> expected = values(key);
    const Tensor wide = converted(ours, DType::Float64, host_pool());
    std::vector<double> actual(expected.size());
    to_interchange(wide, interchange, std::as_writable_bytes(std::span(actual)));
    double difference = 0;
    for (std::size_t i = 0; i < actual.size(); ++i)
      difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    return std::sqrt(difference) / std::max(norm(expected), floor);
  }

  double activation_error(const std::string& key, const Tensor& ours, double floor = 0) const {
    const Shape& s = ours.shape();
    const Shape filter(K{s.extent<N>().value}, R{s.extent<H>().value}, S{s.extent<W>().value},
                       C{s.extent<C>().value});
    return error(key, ours.reshaped(filter), Interchange::Filter, floor);
  }

 private:
  static double norm(const std::vector<double>& values) {
    double sum = 0;
    for (const double v : values) sum += v * v;
    return std::sqrt(sum);
  }

  static Tensor from_doubles(std::vector<double> values, DType dtype, const Shape& shape,
                             Interchange interchange) {
    Tensor wide = Tensor::empty(host_pool(), DType::Float64, shape);
    from_interchange(std::as_bytes(std::span(values)), interchange, wide);
    return converted(wide, dtype, host_pool());
  }

  SafetensorsReader reader_;
};

}  // namespace cf::test
