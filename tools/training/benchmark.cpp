#include <joist/core/formats/store.h>
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/profile.h>
#include <joist/tools/training/benchmark.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/recipe.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include <sys/resource.h>

namespace joist {
namespace {

constexpr int warm_up_steps = 3;
constexpr int boxes_per_picture = 8;

std::vector<std::vector<TrueBox>> made_up_boxes(std::int64_t batch, std::int64_t size, std::int64_t classes) {
  Random random({.seed = 1, .stream = Stream::test});
  std::vector<std::vector<TrueBox>> truth(static_cast<std::size_t>(batch));
  const auto side = static_cast<float>(size);
  for (auto& boxes : truth)
    for (int i = 0; i < boxes_per_picture; ++i) {
      const float width = random.uniform(0.05F, 0.35F) * side, height = random.uniform(0.05F, 0.35F) * side;
      const float x = random.uniform(0, side - width), y = random.uniform(0, side - height);
      boxes.push_back(
          {x, y, x + width, y + height, static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)))});
    }
  return truth;
}

Array made_up_labels(std::int64_t batch, std::int64_t classes) {
  Random random({.seed = 2, .stream = Stream::test});
  std::vector<std::int64_t> labels(static_cast<std::size_t>(batch));
  for (std::int64_t& label : labels)
    label = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)));
  return Array::from(labels, {batch});
}

void require_positive(const char* option, std::int64_t value) {
  if (value < 1) throw UsageError({.where = option, .what = std::to_string(value), .expected = "at least 1"});
}

}  // namespace

TrainBenchmark benchmark_training(const TrainBenchmarkOptions& options, const ModelRegistry& registry) {
  require_positive("--batch", options.batch);
  require_positive("--steps", options.steps);
  const ModelEntry& entry = registry.find(options.model);
  const bool detect = entry.task == TaskKind::detect;
  const std::int64_t classes = options.classes > 0 ? options.classes : detect ? 80 : entry.size == 28 ? 10 : 1000;
  TrainOptions recipe{.size = options.size,
                      .batch = options.batch,
                      .optimizer = "sgd",
                      .lr = 0.01,
                      .momentum = 0.9,
                      .weight_decay = 1e-4,
                      .clip = 0,
                      .average_decay = 0};
  recipe.model = options.model;
  resolve_model(recipe, registry, entry.task, classes, 0, entry.channels);

  manual_seed(0);
  const std::unique_ptr<Model> model = entry.make({.classes = classes});
  Learner learner(model->fields(), recipe);
  const Plan plan({{0, options.steps + warm_up_steps + 1}});
  const Array pictures = Array::empty({options.batch, entry.channels, recipe.size, recipe.size}, Dtype::float32, cpu,
                                      Order::channels_last);
  kernels(cpu).random.uniform({.seed = 3, .stream = Stream::test}, 0, 1, pictures);
  const auto truth = made_up_boxes(options.batch, recipe.size, classes);
  const Array labels = made_up_labels(options.batch, classes);

  const auto run_step = [&](std::int64_t step, Profiler* profiler) {
    std::optional<Profiler::Phase> phase(std::in_place, profiler, "forward and loss");
    const BatchLoss loss = detect ? detection_batch_loss(*model, pictures, truth, static_cast<double>(options.batch))
                                  : classification_batch_loss(*model, pictures, labels);
    phase.reset();
    phase.emplace(profiler, "backward");
    loss.loss.backward();
    phase.reset();
    phase.emplace(profiler, "optimizer");
    learner.step(step, plan);
  };
  std::vector<double> milliseconds;
  for (std::int64_t step = 0; step < options.steps + warm_up_steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    run_step(step, nullptr);
    if (step >= warm_up_steps)
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  if (!options.profile.empty()) {
    Profiler profiler(model->fields());
    run_step(options.steps + warm_up_steps, &profiler);
    store_file(options.profile, profiler.chrome_trace());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const double median = milliseconds[milliseconds.size() / 2];
  return {.samples_per_second = 1000 * static_cast<double>(options.batch) / median,
          .step_ms_median = median,
          .step_ms_fastest = milliseconds.front(),
          .peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024,
          .parameters = learner.parameters().count()};
}

}  // namespace joist
