#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/core/profile.h>
#include <joist/core/transfer.h>
#include <joist/layers/summary.h>
#include <joist/optim/adam.h>
#include <joist/optim/sgd.h>
#include <joist/tools/training/benchmark.h>
#include <joist/tools/training/benchmark_batch.h>
#include <joist/tools/training/benchmark_steps.h>
#include <joist/tools/training/checkpoint.h>
#include <joist/tools/training/fitting_batch.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/zoo.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <sys/resource.h>

namespace joist {
namespace {

constexpr int warm_up_steps = 3;
constexpr std::size_t losses_kept = 5;
constexpr std::int64_t usual_batch = 16;

void require_at_least(const char* option, std::int64_t value, std::int64_t least) {
  if (value < least)
    throw UsageError({.where = option, .what = std::to_string(value), .expected = "at least " + std::to_string(least)});
}

std::int64_t usual_classes(const ModelEntry& entry) {
  switch (entry.task) {
    case TaskKind::detect: return 80;
    case TaskKind::sequence: return entry.vocabulary;
    default: return entry.size == 28 ? 10 : 1000;
  }
}

// The size that is asked for, or the model's usual one.
std::int64_t size_of(const TrainBenchmarkOptions& options, const ModelEntry& entry, const ModelRegistry& registry,
                     std::int64_t classes) {
  if (entry.task == TaskKind::sequence) return options.size > 0 ? options.size : entry.size;
  TrainOptions recipe{.model = options.model, .size = options.size, .optimizer = "sgd"};
  resolve_model(recipe, registry, entry.task, classes, 0, entry.channels);
  return recipe.size;
}

BenchmarkBatch batch_of(const TrainBenchmarkOptions& options, const ModelEntry& entry, const ModelRegistry& registry,
                        std::int64_t classes) {
  TrainBenchmarkOptions wanted = options;
  if (options.inputs.empty())
    return BenchmarkBatch::made_up(entry.task, options.batch > 0 ? options.batch : usual_batch, entry.channels,
                                   size_of(options, entry, registry, classes), classes);
  BenchmarkBatch batch = BenchmarkBatch::read(options.inputs, entry.task, entry.channels, classes);
  if (options.batch > 0 && options.batch != batch.batch())
    throw UsageError({.where = "--batch",
                      .what = fmt::format("{}, but the file holds a batch of {}", options.batch, batch.batch()),
                      .remedy = "leave --batch out"});
  if (options.size > 0 && options.size != batch.size())
    throw UsageError({.where = "--size",
                      .what = fmt::format("{}, but the file's inputs are {}", options.size, batch.size()),
                      .remedy = "leave --size out"});
  wanted.size = batch.size();
  size_of(wanted, entry, registry, classes);  // throws where the model does not take it
  return batch;
}

std::unique_ptr<Optimizer> optimizer_of(FlatParameters& parameters, TaskKind task, double lr) {
  switch (task) {
    case TaskKind::sequence: return std::make_unique<AdamW>(parameters, AdamWOptions{.lr = lr > 0 ? lr : 1e-3});
    case TaskKind::detect:
      return std::make_unique<Sgd>(
          parameters, SgdOptions{.lr = lr > 0 ? lr : 0.01, .momentum = 0.937, .weight_decay = 5e-4, .nesterov = true});
    default:
      return std::make_unique<Sgd>(parameters,
                                   SgdOptions{.lr = lr > 0 ? lr : 0.01, .momentum = 0.9, .weight_decay = 1e-4});
  }
}

void load_initial_weights(const std::string& path, const std::vector<Field>& fields) {
  Archive archive = read_hdf5(path);
  std::vector<NamedState> arrays;
  for (NamedArray& one : archive.arrays) arrays.push_back({std::move(one.name), std::move(one.array)});
  load_weights(fields, arrays, path);
}

std::int64_t forward_flops(Model& model, const BenchmarkBatch& batch) {
  const Tensor one(batch.inputs.sliced(0, 0, 1));
  const Summary summary = summary_of(model.fields(), [&] {
    switch (model.task()) {
      case TaskKind::detect: static_cast<void>(model.detect(one)); break;
      case TaskKind::sequence: static_cast<void>(model.continue_sequence(one)); break;
      default: static_cast<void>(model.classify(one));
    }
  });
  return summary.flops * batch.batch();
}

double quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(std::llround(share * static_cast<double>(sorted.size() - 1)))];
}

void summarize(TrainBenchmark& result, Device device) {
  std::vector<double> sorted = result.step_ms;
  std::sort(sorted.begin(), sorted.end());
  result.step_ms_median = sorted[sorted.size() / 2];
  result.step_ms_fastest = sorted.front();
  result.step_ms_p90 = quantile(sorted, 0.9);
  result.samples_per_second = 1000 * static_cast<double>(result.batch) / result.step_ms_median;
  const MemoryStatistics memory = allocator(device).statistics();
  result.peak_bytes = static_cast<std::int64_t>(memory.peak);
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

TrainBenchmark benchmark_training(const TrainBenchmarkOptions& options, const ModelRegistry& registry) {
  require_at_least("--batch", options.batch, 0);
  require_at_least("--steps", options.steps, 1);
  require_at_least("--size", options.size, 0);
  require_at_least("--classes", options.classes, 0);
  const ModelEntry& entry = registry.find(options.model);
  const std::int64_t classes = options.classes > 0 ? options.classes : usual_classes(entry);
  BenchmarkBatch batch = batch_of(options, entry, registry, classes);
  if (entry.task != TaskKind::sequence) require_side(entry.name, batch.size());

  const ModelOptions made{.classes = classes, .size = batch.size(), .random_drops = options.random_drops};
  const std::int64_t kept = entry.task == TaskKind::sequence ? 2 : 1;  // AdamW and SGD
  std::optional<Autocast> foreseeing(std::in_place, options.bfloat16, Autocast::as_on(options.device));
  MemoryWatch watch(entry, made, kept, batch.batch(), options.device);
  TrainBenchmark result{.batch = batch.batch(), .size = batch.size()};
  if (options.predict_memory)  // on a GPU the watch has it
    result.predicted_peak_bytes =
        (options.device.on_host() ? step_memory(entry, made, kept, options.device) : watch.expected())
            .of(batch.batch());
  foreseeing.reset();
  manual_seed(0);
  const std::unique_ptr<Model> model = entry.make(made);
  const std::vector<Field> fields = model->fields();
  if (!options.weights.empty()) load_initial_weights(options.weights, fields);
  model->move_to(options.device);
  FlatParameters parameters(fields, together);
  const std::unique_ptr<Optimizer> optimizer = optimizer_of(parameters, entry.task, options.lr);

  result.parameters = parameters.count();
  BenchmarkSteps steps(*model, batch, *optimizer, {.bfloat16 = options.bfloat16, .capture = options.capture});
  std::vector<Array> losses;  // brought to the host after the last step
  const auto run_step = [&](Profiler* profiler) {
    Array loss = steps.run(profiler);
    if (losses.size() < losses_kept) losses.push_back(std::move(loss));
    // A GPU works on while the host goes ahead: its step ends when a number of it has come.
    if (!options.device.on_host()) static_cast<void>(parameters.values().sliced(0, 0, 1).item());
  };
  watch.begin(fields);
  watch.name("the batch", batch.inputs);
  watch.name("all weights", parameters.values());
  watch.name("all gradients", parameters.gradients());
  allocator(options.device).reset_peak();
  for (std::int64_t step = 0; step < options.steps + warm_up_steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    try {
      run_step(nullptr);
    } catch (const EnvironmentError& error) {
      watch.explain(error);
    }
    const double milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (step == 0) result.first_step_ms = milliseconds;
    if (step >= warm_up_steps) result.step_ms.push_back(milliseconds);
  }
  for (const Array& loss : losses) result.losses.push_back(on_host(loss).item());
  result.replayed_steps = steps.replayed();
  result.why_not_captured = steps.why_not();
  summarize(result, options.device);
  if (!options.profile.empty()) {
    Profiler profiler(fields);
    run_step(&profiler);
    store_file(options.profile, profiler.chrome_trace());
  }
  result.forward_flops = forward_flops(*model, batch);
  return result;
}

}  // namespace joist
