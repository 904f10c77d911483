#include "apps/evaluate/evaluation.h"

#include <algorithm>
#include <cmath>

#include "apps/images/loader_options.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/accuracy/accuracy.h"

namespace cf::apps {

namespace {

View<const std::uint8_t, N, H, W, C> image_view(const data::Batch& batch) {
  return {batch.images.data(), N{batch.size()}, H{batch.height}, W{batch.width}, C{batch.channels}};
}

std::int64_t largest(View<const float, N, K> logits, N n) {
  const float* row = logits.at(n);
  return std::max_element(row, row + logits.extent<K>().value) - row;
}

void count_batch(EvaluationResult& result, const Tensor& logits, const Tensor& sample_loss,
                 const data::Batch& batch, Executor& executor) {
  const Tensor rank = executor.empty(DType::Int64, Shape(N{batch.size()}));
  executor.at(logits.dtype(), [&]<class T>(auto place) {
    kernels::accuracy(place, kernels::LabelRank<T>{.logits = logits.renamed<const T, N, K>(),
                                                   .labels = {batch.labels.data(), N{batch.size()}},
                                                   .rank = rank.view<std::int64_t, N>()});
  });
  const auto scores = logits.renamed<const float, N, K>();
  const auto losses = sample_loss.view<const float, N>();
  for (const N n : range(N{batch.size()})) {
    const auto i = static_cast<std::size_t>(n.value);
    CF_CHECK_AS(ErrorKind::Numeric, std::isfinite(losses(n)), "the loss of sample ", batch.samples[i],
                " is not a finite number");
    const std::int64_t place = rank.view<const std::int64_t, N>()(n);
    result.correct1 += place < 1;
    result.correct5 += place < 5;
    result.loss += static_cast<double>(losses(n));
    const auto truth = static_cast<std::size_t>(batch.labels[i]);
    ++result.confusion[truth][static_cast<std::size_t>(largest(scores, n))];
  }
  result.images += batch.size();
}

}  // namespace

EvaluationResult evaluate(Executor& executor, layers::ConvFirstNet& net, const data::Dataset& dataset,
                          const Config& config, const std::function<void(std::int64_t)>& progress) {
  data::Loader loader(dataset, evaluation_loader_options(config, loader_threads(config.data.threads)));
  EvaluationResult result;
  const auto classes = static_cast<std::size_t>(net.spec().classes);
  result.confusion.assign(classes, std::vector<std::int64_t>(classes));
  const Normalization normalization = normalization_of(config);

  for (data::Batch batch = loader.next(); batch.size() > 0; batch = loader.next()) {
    Pass pass(executor, {});
    const Variable x(normalize_image(executor, image_view(batch), normalization, DType::Float32));
    const Tensor logits = net(x, pass).tensor(pass);
    Target target;
    target.labels = executor.empty(DType::Int64, Shape(N{batch.size()}));
    std::copy(batch.labels.begin(), batch.labels.end(), target.labels.view<std::int64_t, N>().begin());
    Tensor sample_loss;
    classification_loss(pass, Variable(logits), kernels::LossKind::CrossEntropy, target, &sample_loss);
    count_batch(result, logits, sample_loss, batch, executor);
    if (progress) progress(result.images);
    loader.recycle(std::move(batch));
  }
  CF_CHECK(result.images == dataset.size(), "evaluated ", result.images, " images of ", dataset.size());
  result.loss /= static_cast<double>(result.images);
  return result;
}

}  // namespace cf::apps
