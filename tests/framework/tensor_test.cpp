// Tensors: views, what wrong axes and types say, sharing, conversion.
#include "framework/tensor/tensor.h"

#include <algorithm>
#include <cmath>

#include "tests/data/expect_error.h"

namespace cf {
namespace {

Tensor counted(const Shape& shape) {
  Tensor out = Tensor::empty(host_pool(), DType::Float32, shape);
  float next = 0;
  for (float& v : out.flat<float>()) v = next++;
  return out;
}

TEST(Tensor, IsRowMajorInTheOrderOfItsAxes) {
  const Tensor x = counted(Shape(N{2}, H{3}, W{4}, C{5}));
  const auto view = x.view<const float, N, H, W, C>();
  EXPECT_EQ(view(N{1}, H{2}, W{3}, C{4}), 119);
  EXPECT_EQ(view(C{1}, W{1}, H{1}, N{1}), 60 + 20 + 5 + 1);
  EXPECT_EQ((x.rows<const float, M, C>().extent<M>().value), 24);
}

TEST(Tensor, AWrongAxisIsNamed) {
  const Tensor x = counted(Shape(N{2}, H{3}, W{4}, C{5}));
  expect_error(ErrorKind::Internal, {"axis 1", "[N=2,H=3,W=4,C=5]", "is H, not W"},
               [&] { x.view<float, N, W, H, C>(); });
  expect_error(ErrorKind::Internal, {"[N=2,H=3,W=4,C=5]", "has 4 axes, 2 are wanted"},
               [&] { x.view<float, N, C>(); });
  expect_error(ErrorKind::Internal, {"no axis K", "[N=2,H=3,W=4,C=5]"}, [&] { x.shape().extent<K>(); });
}

TEST(Tensor, AWrongTypeNamesBoth) {
  const Tensor x = counted(Shape(N{2}, C{3}));
  expect_error(ErrorKind::Internal, {"[N=2,C=3]", "of float32", "read as float64"},
               [&] { x.view<double, N, C>(); });
  expect_error(ErrorKind::Internal, {"of float32", "read as int64"}, [&] { x.flat<std::int64_t>(); });
  expect_error(ErrorKind::Internal, {"holds nothing"}, [] { Tensor().flat<float>(); });
}

TEST(Tensor, AnotherShapeMustHaveAsManyElements) {
  const Tensor x = counted(Shape(N{2}, C{6}));
  EXPECT_EQ((x.reshaped(Shape(H{3}, W{4})).view<const float, H, W>()(H{2}, W{3})), 11);
  expect_error(ErrorKind::Internal, {"[N=2,C=6]", "[I=13]"}, [&] { x.reshaped(Shape(I{13})); });
}

TEST(Tensor, ASliceSharesMemoryAndStaysInside) {
  const Tensor flat = counted(Shape(I{10}));
  const Tensor slice = flat.slice(4, Shape(N{2}, C{3}));
  EXPECT_FALSE(flat.is_unique());
  EXPECT_EQ((slice.view<const float, N, C>()(N{1}, C{2})), 9);
  slice.view<float, N, C>()(N{0}, C{0}) = 40;
  EXPECT_EQ(flat.flat<const float>().data()[4], 40);
  expect_error(ErrorKind::Internal, {"at 5", "[I=10]"}, [&] { flat.slice(5, Shape(N{2}, C{3})); });
  expect_error(ErrorKind::Internal, {"at -1"}, [&] { flat.slice(-1, Shape(I{1})); });
  expect_error(ErrorKind::Internal, {"flat tensor"}, [&] { slice.slice(0, Shape(I{1})); });
}

TEST(Tensor, ANegativeExtentIsNamed) {
  expect_error(ErrorKind::Internal, {"axis W"},
               [] { Tensor::empty(host_pool(), DType::Float32, Shape(H{3}, W{-1})); });
}

TEST(Tensor, AnEmptyTensorHasNoElements) {
  const Tensor x = Tensor::empty(host_pool(), DType::Float32, Shape(N{0}, C{4}));
  EXPECT_EQ(x.size(), 0);
  EXPECT_TRUE(static_cast<bool>(x));
}

TEST(Tensor, ConversionRoundsToNearestAndKeepsTheSource) {
  Tensor x = Tensor::empty(host_pool(), DType::Float64, Shape(I{3}));
  const double values[] = {1.0, -0.1, 1e300};
  std::copy(std::begin(values), std::end(values), x.flat<double>().begin());
  const Tensor single = converted(x, DType::Float32, host_pool());
  EXPECT_EQ(single.flat<const float>().data()[1], -0.1F);
  EXPECT_TRUE(std::isinf(single.flat<const float>().data()[2]));
  const Tensor back = converted(single, DType::Float64, host_pool());
  EXPECT_EQ(back.flat<const double>().data()[1], static_cast<double>(-0.1F));
  EXPECT_EQ(x.flat<const double>().data()[1], -0.1);
  EXPECT_TRUE(copy_of(x, host_pool()).is_unique());
}

}  // namespace
}  // namespace cf
