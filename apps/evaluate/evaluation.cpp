#include "apps/evaluate/evaluation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "apps/images/loader_options.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/accuracy/accuracy.h"
#include "layers/inference_plan.h"

namespace cf::apps {

namespace {

View<const std::uint8_t, N, H, W, C> image_view(const data::Batch& batch) {
  return {batch.images.data(), N{batch.size()}, H{batch.height}, W{batch.width}, C{batch.channels}};
}

// Counts on the host: the logits of a batch are few.
void count_batch(EvaluationResult& result, const std::vector<float>& logits, const std::vector<float>& losses,
                 const data::Batch& batch) {
  const auto classes = result.confusion.size();
  std::vector<std::int64_t> ranks(batch.labels.size());
  const N samples{batch.size()};
  kernels::accuracy(Reference{}, kernels::LabelRank<float>{.logits = {logits.data(), samples,
                                                                      K{static_cast<std::int64_t>(classes)}},
                                                           .labels = {batch.labels.data(), samples},
                                                           .rank = {ranks.data(), samples}});
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    CF_CHECK_AS(ErrorKind::Numeric, std::isfinite(losses[i]), "the loss of sample ", batch.samples[i],
                " is not a finite number");
    result.correct1 += ranks[i] < 1;
    result.correct5 += ranks[i] < 5;
    result.loss += static_cast<double>(losses[i]);
    const float* row = logits.data() + i * classes;
    const auto predicted = static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    ++result.confusion[static_cast<std::size_t>(batch.labels[i])][predicted];
  }
  result.images += batch.size();
}

data::LoaderOptions loader_options(const Config& config, const Executor& executor,
                                   const Communicator& ranks) {
  const int threads = loader_threads(config.data.threads, executor.kind(), ranks.ranks_on_host());
  auto options = evaluation_loader_options(config, threads);
  options.rank = ranks.rank();
  options.ranks = ranks.world();
  return options;
}

// Counts are summed exactly, losses in the order of the ranks.
void add_other_ranks(EvaluationResult& result, Communicator& ranks) {
  if (ranks.world() == 1) return;
  std::vector<std::int64_t> counts{result.images, result.correct1, result.correct5};
  for (const auto& row : result.confusion) counts.insert(counts.end(), row.begin(), row.end());
  ranks.all_reduce_sum(counts);
  result.images = counts[0];
  result.correct1 = counts[1];
  result.correct5 = counts[2];
  auto count = counts.begin() + 3;
  for (auto& row : result.confusion) {
    std::copy_n(count, row.size(), row.begin());
    count += std::ssize(row);
  }
  std::vector<double> losses(static_cast<std::size_t>(ranks.world()));
  losses[static_cast<std::size_t>(ranks.rank())] = result.loss;
  ranks.all_gather(std::as_writable_bytes(std::span(losses)));
  result.loss = std::accumulate(losses.begin(), losses.end(), 0.0);
}

}  // namespace

EvaluationResult evaluate(Executor& executor, layers::ConvFirstNet& net, const data::Dataset& dataset,
                          const Config& config, const std::function<void(std::int64_t)>& progress,
                          Communicator& ranks, RouteChoice routes) {
  data::Loader loader(dataset, loader_options(config, executor, ranks));
  EvaluationResult result;
  const auto classes = static_cast<std::size_t>(net.spec().classes);
  result.confusion.assign(classes, std::vector<std::int64_t>(classes));
  const Normalization normalization = normalization_of(config);
  std::optional<layers::Inference> inference;  // for the first batch's shape, which is the largest

  for (data::Batch batch = loader.next(); batch.size() > 0; batch = loader.next()) {
    if (!inference) {
      const layers::InferenceShape shape{batch.size(), batch.height, batch.width};
      inference.emplace(executor, net, shape, routes_of(executor, net, shape, routes));
    }
    const Tensor logits =
        (*inference)(normalize_image(executor, image_view(batch), normalization, executor.compute_type()));
    Pass pass(executor, {});
    const Target target{.labels = executor.place<std::int64_t>(batch.labels, Shape(N{batch.size()}))};
    Tensor sample_loss;
    classification_loss(pass, Variable(logits), kernels::LossKind::CrossEntropy, target, &sample_loss);
    count_batch(result, executor.floats(logits), executor.floats(sample_loss), batch);
    if (progress) progress(result.images * ranks.world());
    loader.recycle(std::move(batch));
  }
  if (inference && inference->plan()) result.fused_blocks = inference->plan()->fused_blocks();
  add_other_ranks(result, ranks);
  CF_CHECK(result.images == dataset.size(), "evaluated ", result.images, " images of ", dataset.size());
  result.loss /= static_cast<double>(result.images);
  return result;
}

}  // namespace cf::apps
