#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/tools/training/parallel_step.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace joist {
namespace {

using parallel::RunningBuffers;

// Of one batch or a part of it; the terms of the loss follow.
enum Number : std::size_t { not_finite, total_loss, divisor_sum, pictures, objects, positives, overlap, fixed_numbers };

parallel::DataParallelOptions exchange_options(const TrainOptions& options) {
  return {.bucket_mb = options.bucket_mb,
          .first_bucket_mb = std::min(options.bucket_mb, 1.0),
          .shard = options.optimizer_state == "sharded" && micro_shards(options) == 0};
}

}  // namespace

ParallelStep::ParallelStep(const Team& team, TrainingTask& task, Learner& learner, const TrainOptions& options)
    : team_(team),
      task_(task),
      learner_(learner),
      options_(options),
      numbers_(static_cast<std::int64_t>(fixed_numbers + task.loss_names().size())),
      gradients_(team.world(), learner.parameters(), learner.fields(), exchange_options(options)),
      buffers_(learner.fields()) {
  if (const std::int64_t shards = micro_shards(options); shards > 0) {
    tree_ = std::make_unique<parallel::TreeSum>(team.world(), shards);
    buffer_tree_ = std::make_unique<parallel::TreeSum>(team.world(), shards);
  } else {
    learner.clip_with([this](double limit) { return gradients_.clip_gradient_norm(limit); });
  }
}

ParallelStep::Totals ParallelStep::run(std::int64_t step, std::int64_t batches, Profiler* profiler) {
  return tree_ ? run_shards(step, batches, profiler) : run_shares(step, batches, profiler);
}

void ParallelStep::set_numbers(double* row, const PartLoss& part, std::int64_t seen) const {
  row[total_loss] = part.sum.defined() ? part.sum.item() : 0;
  row[not_finite] = std::isfinite(row[total_loss]) ? 0 : 1;
  row[divisor_sum] = part.count;
  row[pictures] = static_cast<double>(seen);
  row[objects] = static_cast<double>(part.objects);
  row[positives] = static_cast<double>(part.positives);
  row[overlap] = part.overlap;
  for (std::size_t i = 0; i < part.parts.size(); ++i) row[fixed_numbers + i] = part.parts[i];
}

void ParallelStep::count(Totals& totals, const double* sums, double weight) const {
  const double whole = std::max(sums[divisor_sum], 1.0);
  totals.loss = sums[total_loss] * weight / whole;
  totals.finite = totals.finite && sums[not_finite] == 0;
  totals.parts.resize(task_.loss_names().size());
  for (std::size_t i = 0; i < totals.parts.size(); ++i) totals.parts[i] += sums[fixed_numbers + i] / whole;
  totals.objects += static_cast<std::int64_t>(sums[objects]);
  totals.positives += static_cast<std::int64_t>(sums[positives]);
  totals.overlap += sums[overlap] / std::max(sums[positives], 1.0);
}

ParallelStep::Totals ParallelStep::run_shares(std::int64_t step, std::int64_t batches, Profiler* profiler) {
  const std::int64_t ranks = team_.size();
  const bool together = options_.batch_norm == "sync" && ranks > 1 && !buffers_.empty();
  const bool merges = options_.batch_norm == "local" && ranks > 1 && !buffers_.empty();
  std::optional<parallel::SharedStatistics> statistics;
  if (together) statistics.emplace(team_.world());
  const RunningBuffers::Values start = merges ? buffers_.take() : RunningBuffers::Values{};

  Totals totals;
  const Array table = Array::empty({batches, numbers_}, Dtype::float64);
  std::fill_n(table.data<double>(), table.elements(), 0.0);
  double weight = 1, own = 0, whole = 0;
  for (std::int64_t i = 0; i < batches; ++i) {
    set_random_step(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(i * ranks + team_.rank()));
    std::optional<Profiler::Phase> phase(std::in_place, profiler, "data, forward and loss");
    team_.world().doing("loading pictures");
    const std::int64_t all = task_.load(), here = task_.loaded();
    team_.world().doing("forward");
    // A rank without a picture still takes part in the normalizations.
    const PartLoss part = here > 0 || together ? task_.part_loss(0, here) : PartLoss{};
    double* const row = table.data<double>() + i * numbers_;
    set_numbers(row, part, here);
    own += static_cast<double>(here);
    whole += static_cast<double>(all);
    phase.reset();
    double count = static_cast<double>(all);
    if (!task_.counts_pictures()) {
      team_.world().all_reduce("loss", table.sliced(0, i, i + 1)).wait();
      count = std::max(row[divisor_sum], 1.0);
      if (row[not_finite] > 0) {
        totals.finite = false;
        for (++i; i < batches; ++i) static_cast<void>(task_.load());
        return totals;
      }
    }
    if (part.sum.defined()) weight = part.weight;
    phase.emplace(profiler, "backward");
    team_.world().doing("backward");
    const bool last = i + 1 == batches;
    if (part.sum.defined())
      gradients_.backward(part.sum * (part.weight / count), last);
    else if (last)
      gradients_.exchange();
    task_.prefetch();
  }
  if (task_.counts_pictures()) {
    team_.world().all_reduce("losses", table).wait();
    weight = parallel::reduced(team_.world(), "weight of the loss", own > 0 ? weight : 0, parallel::Reduce::max);
  }
  for (std::int64_t i = 0; i < batches; ++i) count(totals, table.data<double>() + i * numbers_, weight);
  if (merges) {
    const RunningBuffers::Values mine = buffers_.take();
    const Array movement = buffers_.movement(start, mine, own / std::max(whole, 1.0));
    if (movement.elements() > 0) team_.world().all_reduce("running statistics", movement).wait();
    buffers_.move(team_.world(), start, movement, {&mine, 1});
  }
  return totals;
}

/// What one micro-shard carries through the batches of a step.
struct ParallelStep::Shard {
  RunningBuffers::Values buffers{};
  Array gradient{};  // where a step has several batches
  double pictures = 0;
  PartLoss loss{};  // of this batch
};

ParallelStep::Totals ParallelStep::run_shards(std::int64_t step, std::int64_t batches, Profiler* profiler) {
  const std::int64_t count_of_shards = micro_shards(options_), first = tree_->first(), last = tree_->last();
  FlatParameters& parameters = gradients_.parameters();
  const RunningBuffers::Values start = buffers_.take();
  std::vector<Shard> shards(static_cast<std::size_t>(last - first), Shard{.buffers = start});
  std::vector<std::int64_t> bounds;
  for (std::int64_t rank = 0; rank <= team_.size(); ++rank)
    bounds.push_back(count_of_shards * rank / team_.size() * numbers_);

  Totals totals;
  double whole = 0;
  for (std::int64_t i = 0; i < batches; ++i) {
    std::optional<Profiler::Phase> phase(std::in_place, profiler, "data, forward and loss");
    team_.world().doing("loading pictures");
    const std::int64_t all = task_.load(), offset = all * first / count_of_shards;
    whole += static_cast<double>(all);
    const Array table = Array::empty({count_of_shards, numbers_}, Dtype::float64);
    std::fill_n(table.data<double>(), table.elements(), 0.0);
    double weight = 1;
    team_.world().doing("forward");
    for (std::int64_t v = first; v < last; ++v) {
      Shard& shard = shards[static_cast<std::size_t>(v - first)];
      const std::int64_t from = all * v / count_of_shards - offset, to = all * (v + 1) / count_of_shards - offset;
      shard.loss = {};
      if (from == to) continue;
      set_random_step(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(i * count_of_shards + v));
      buffers_.put(shard.buffers);
      shard.loss = task_.part_loss(from, to);
      shard.buffers = buffers_.take();
      shard.pictures += static_cast<double>(to - from);
      set_numbers(table.data<double>() + v * numbers_, shard.loss, to - from);
    }
    if (team_.size() > 1) {
      const Array flat = table.view({table.elements()});
      team_.world().all_gather("losses", flat, bounds).wait();
    }
    const std::vector<double> sums = parallel::tree_sum_of_rows(table);
    const double divisor = std::max(task_.counts_pictures() ? static_cast<double>(all) : sums[divisor_sum], 1.0);
    phase.emplace(profiler, "backward");
    team_.world().doing("backward");
    for (Shard& shard : shards) {
      if (shard.loss.sum.defined()) weight = shard.loss.weight;
      parameters.clear_gradients();
      if (batches > 1 && i > 0) {
        kernels(shard.gradient).elementwise.copy(shard.gradient, {parameters.gradients(), false});
        parameters.gradients_written();
      }
      if (sums[not_finite] == 0 && shard.loss.sum.defined())
        (shard.loss.sum * (shard.loss.weight / divisor)).backward();
      shard.loss = {};
      parameters.complete_gradients();
      if (i + 1 == batches) {
        tree_->add(parameters.gradients());
        continue;
      }
      if (!shard.gradient.defined()) shard.gradient = parameters.zeros();
      kernels(shard.gradient).elementwise.copy(parameters.gradients(), {shard.gradient, false});
    }
    task_.prefetch();
    weight = team_.size() == 1 ? weight
                               : parallel::reduced(team_.world(), "weight of the loss", shards.empty() ? 0 : weight,
                                                   parallel::Reduce::max);
    count(totals, sums.data(), weight);
  }
  tree_->finish("gradients", parameters.gradients());
  parameters.gradients_written();
  if (!buffers_.empty()) {
    std::vector<RunningBuffers::Values> parts;
    for (const Shard& shard : shards) {
      buffer_tree_->add(buffers_.movement(start, shard.buffers, shard.pictures / std::max(whole, 1.0)));
      if (shard.pictures > 0) parts.push_back(shard.buffers);
    }
    const Array movement = Array::like(start.numbers);
    buffer_tree_->finish("running statistics", movement);
    buffers_.move(team_.world(), start, movement, parts);
  }
  return totals;
}

}  // namespace joist
