#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/tools/report/page.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/trial.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

constexpr int rate_steps = 100, overfit_steps = 300;
constexpr double least_rate = 1e-6, most_rate = 1;

std::string file_in(const std::string& folder, const char* name) {
  return (std::filesystem::path(folder) / name).string();
}

}  // namespace

double suggested_rate(const std::vector<RatePoint>& points) {
  double steepest = 0, rate = 0;
  // Over five steps, so that the noise of single batches does not decide; the first ones only fill the mean.
  constexpr std::size_t span = 5, ignored = 10;
  for (std::size_t i = ignored; i + span < points.size(); ++i) {
    const double fall = points[i].smoothed - points[i + span].smoothed;
    if (fall <= steepest) continue;
    steepest = fall;
    rate = points[i].rate;
  }
  return rate;
}

int find_learning_rate(const TrainOptions& options, TrainingTask& task, Console& console, const std::string& folder) {
  ensure_folder(folder);
  Learner learner(task.model().fields(), options);
  learner.keep_buffers();
  const Autocast autocast(options.bf16);
  task.seek(0, false);
  std::vector<RatePoint> points;
  double mean = 0, least = std::numeric_limits<double>::max();
  for (int step = 0; step < rate_steps; ++step) {
    if (const int signal = interrupted()) return signal;
    set_random_step(static_cast<std::uint32_t>(step), 0);
    const double rate = least_rate * std::pow(most_rate / least_rate, step / (rate_steps - 1.0));
    const BatchLoss batch = task.next();
    const double loss = batch.loss.item();
    constexpr double kept = 0.9;
    mean = kept * mean + (1 - kept) * loss;
    const double smoothed = mean / (1 - std::pow(kept, step + 1));
    if (!std::isfinite(loss) || (step > 10 && smoothed > 4 * least)) break;
    least = std::min(least, smoothed);
    points.push_back({rate, loss, smoothed});
    batch.loss.backward();
    learner.step_at(rate);
    console.progress("finding the rate", step + 1, rate_steps, std::nan(""),
                     fmt::format("rate {:.1e}  loss {:.3f}", rate, smoothed));
  }
  console.clear();
  const double rate = suggested_rate(points);
  nlohmann::ordered_json json{
      {"suggested", rate}, {"used_by_default", options.lr}, {"points", nlohmann::json::array()}};
  Series loss{.name = "loss"}, smooth{.name = "smoothed"};
  for (const RatePoint& point : points) {
    json["points"].push_back({{"rate", point.rate}, {"loss", point.loss}, {"smoothed", point.smoothed}});
    loss.points.emplace_back(std::log10(point.rate), point.loss);
    smooth.points.emplace_back(std::log10(point.rate), point.smoothed);
  }
  const std::string verdict =
      rate > 0
          ? fmt::format("the loss falls fastest at a rate of {:.1e}; the run would take {:.1e}: --lr {:.1e} changes it",
                        rate, options.lr, rate)
          : "the loss did not fall at any rate: --overfit-one-batch tells whether labels and model fit";
  store_file(file_in(folder, "find_rate.json"), json.dump(1) + "\n");
  Page page("Learning rate");
  page.paragraph(verdict).plots({{.title = "loss while the rate rises",
                                  .x_axis = "log10 of the rate",
                                  .y_axis = "loss",
                                  .series = {loss, smooth}}});
  store_file(file_in(folder, "find_rate.html"), page.html());
  console.line(verdict);
  return 0;
}

namespace {

// How well a batch is known: detectors by the mean overlap of what they learn with its objects, since their loss rises
// while boxes get better; others by the loss.
struct Progress {
  bool detects = false;
  double first_loss = 0, loss = 0, overlap = 0;

  void note(const BatchLoss& batch, bool is_first) {
    loss = batch.loss.item();
    overlap = batch.overlap;
    if (is_first) first_loss = loss;
  }
  bool is_learnt() const {
    constexpr double enough_overlap = 0.5, enough_loss = 0.1;
    return std::isfinite(loss) && (detects ? overlap > enough_overlap : loss < enough_loss * first_loss);
  }
  std::string text() const {
    return detects ? fmt::format("boxes overlap their objects by {:.2f} (wanted: above 0.5)", overlap)
                   : fmt::format("the loss went from {:.3f} to {:.3f} (wanted: a tenth)", first_loss, loss);
  }
};

// The first batch with objects, where there are such things.
BatchLoss first_batch(TrainingTask& task, bool detects) {
  task.seek(0, true);
  BatchLoss batch = task.next();
  for (std::int64_t i = 1; detects && batch.objects == 0 && i < task.batches_per_epoch(); ++i) batch = task.next();
  return batch;
}

}  // namespace

int overfit_one_batch(const TrainOptions& options, TrainingTask& task, Console& console, const std::string& folder) {
  ensure_folder(folder);
  Learner learner(task.model().fields(), options);
  learner.keep_buffers();
  const Autocast autocast(options.bf16);
  Progress progress{.detects = task.description().task == TaskKind::detect};
  int step = 0;
  for (; step < overfit_steps; ++step) {
    if (const int signal = interrupted()) return signal;
    set_random_step(static_cast<std::uint32_t>(step), 0);
    const BatchLoss batch = step == 0 ? first_batch(task, progress.detects) : task.repeat();
    progress.note(batch, step == 0);
    if (!std::isfinite(progress.loss) || progress.is_learnt()) break;
    batch.loss.backward();
    learner.step_at(options.lr * std::min(1.0, (step + 1) / 20.0));
    console.progress("learning one batch", step + 1, overfit_steps, std::nan(""), progress.text());
  }
  console.clear();
  const nlohmann::ordered_json json{{"passed", progress.is_learnt()},
                                    {"steps", step},
                                    {"first_loss", progress.first_loss},
                                    {"last_loss", progress.loss},
                                    {"overlap", progress.overlap}};
  store_file(file_in(folder, "overfit.json"), json.dump(1) + "\n");
  if (!progress.is_learnt()) {
    const bool texts = task.description().task == TaskKind::sequence;
    std::string what = fmt::format("one batch could not be learnt in {} steps: {}; {}: {}", step, progress.text(),
                                   texts ? "its texts" : "its pictures", task.last_pictures());
    for (const std::string& line : task.suspicions()) what += "\n  - " + line;
    throw DataError(
        {.where = "--overfit-one-batch",
         .what = what,
         .expected = "that a model learns a single batch by heart",
         .remedy = texts ? "--find-rate shows a rate, which may be higher than the usual one for weights that "
                           "are trained already"
                         : "`joist data preview` shows pictures with their boxes; --find-rate a rate"});
  }
  console.line(fmt::format("one batch can be learnt: after {} steps {}", step, progress.text()));
  return 0;
}

}  // namespace joist
