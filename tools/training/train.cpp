#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/store.h>
#include <joist/core/instruction_set.h>
#include <joist/core/mode.h>
#include <joist/core/parallel/launch.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/detection_task.h>
#include <joist/tools/training/device.h>
#include <joist/tools/training/fitting_batch.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/language/language_task.h>
#include <joist/tools/training/onnx/classifier.h>
#include <joist/tools/training/run_report.h>
#include <joist/tools/training/team.h>
#include <joist/tools/training/train.h>
#include <joist/tools/training/trainer.h>
#include <joist/tools/training/trial.h>
#include <joist/tools/training/weight_mapping.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>

namespace joist {
namespace {

std::string absolute(const std::string& path) { return path.empty() ? "" : std::filesystem::absolute(path).string(); }

/// The run that stands in the folder, if one is to be gone on with.
std::optional<Checkpoint> earlier_run(const TrainOptions& options, const RunFolder& folder, const Team& team) {
  if (!team.leads() || !options.resume || !folder.has_run()) return std::nullopt;
  Checkpoint checkpoint = read_checkpoint(folder.last());
  if (!checkpoint.training)
    throw DataError(
        {.where = folder.last().string(), .what = "weights only: nothing to resume", .expected = "a last.h5"});
  return checkpoint;
}

/// Of a run that begins: a given plan takes the place of --epochs and --time.
TrainOptions fresh(TrainOptions options) {
  if (!options.plan.empty()) {
    options.time = {};
    options.epochs = 0;
  }
  for (std::string* path : {&options.data, &options.val, &options.from}) *path = absolute(*path);
  if (options.model.ends_with(".onnx")) options.model = absolute(options.model);
  return options;
}

// --batch 0, and detectors without --batch. What is chosen stands in the record of the run.
void choose_batch(TrainOptions& options, const ModelEntry& entry, std::int64_t classes, std::size_t pictures,
                  const Team& team) {
  // A small set is seen often, but gives few steps: twice as many of half the size learn more. 120 photographs of
  // helmets, 40 times, measured on others: AP 0.165 by 16, 0.205 by 8.
  if (entry.task == TaskKind::detect && pictures < 20 * 16 && !options.resume && !options.given.contains("batch") &&
      options.batch == TrainOptions{}.batch)
    options.batch = 8;
  if (options.batch > 0) return;
  options.batch = static_cast<std::int64_t>(team.lead("choosing the batch", [&] {
    const Device device = choose_device(options.device).device;
    const Autocast autocast(options.bf16, Autocast::as_on(device));  // what a step keeps for its backward
    return fitting_batch(entry, classes, options.size, static_cast<std::int64_t>(pictures), device, team.size());
  }));
  manual_seed(static_cast<std::uint64_t>(options.seed));
}

std::unique_ptr<TrainingTask> task_for(TrainingData data, TrainOptions& options, const ModelRegistry& registry,
                                       const Team& team) {
  manual_seed(static_cast<std::uint64_t>(options.seed));
  if (auto* detection = std::get_if<DetectionData>(&data)) {
    const auto classes = static_cast<std::int64_t>(detection->train.categories.size());
    const ModelEntry& entry = resolve_model(options, registry, TaskKind::detect, classes, 0, 3);
    choose_batch(options, entry, classes, detection->train.samples.size(), team);
    return detection_task(std::move(*detection), options, entry, team.part(options));
  }
  auto& classification = std::get<ClassificationData>(data);
  const PictureSet& set = classification.train.set;
  const auto classes = static_cast<std::int64_t>(classification.train.classes.size());
  const ModelEntry& entry = resolve_model(options, registry, TaskKind::classify, classes, set.width, set.channels);
  choose_batch(options, entry, classes, set.labels.size(), team);
  return classification_task(std::move(classification), options, entry, team.part(options));
}

void require_same_run(const Checkpoint& before, const TrainingTask& task, const std::string& where) {
  if (before.training->data_digest != task.data_digest())
    throw DataError({.where = where,
                     .what = "the data are not those that this run began with",
                     .expected = "the same pictures and labels",
                     .remedy = "another --out, with --from " + where});
  if (before.description.model != task.description().model || before.description.classes != task.description().classes)
    throw DataError({.where = where,
                     .what = fmt::format("a run of the model {} with {} classes", before.description.model,
                                         before.description.classes.size())});
}

// The weights of a checkpoint of joist under the names of its model; of other files what they hold.
StoredArchive weights_in(const TrainOptions& options, const ModelDescription& wanted) {
  StoredArchive archive = open_checkpoint_file(options.from);
  if (archive.foreign) return archive;
  const Checkpoint checkpoint = read_checkpoint(options.from);
  if (checkpoint.description.model != wanted.model && options.map.empty() && options.fresh.empty())
    throw DataError({.where = options.from,
                     .what = "a checkpoint of the model " + checkpoint.description.model,
                     .expected = wanted.model,
                     .remedy = "--model " + checkpoint.description.model + ", or --map for parts that are alike"});
  Archive weights{.foreign = false};
  for (const NamedState& state : checkpoint.best_weights()) weights.arrays.push_back({state.name, state.array});
  return stored(std::move(weights), "joist");
}

// Returns the fields that do not come from the file.
std::vector<std::string> start_from(const TrainOptions& options, TrainingTask& task, Console& console) {
  MappingOptions mapping{.fresh = split_list(options.fresh)};
  for (const std::string& rule : split_list(options.map))
    if (rule == "shape")
      mapping.by_shape = true;
    else
      mapping.rules.push_back(rule);
  const std::vector<Field> fields = task.model().fields();
  const StoredArchive weights = weights_in(options, task.description());
  for (const std::string& line : load_mapped(fields, weights, mapping, options.from)) console.line(line);
  return map_weights(fields, weights, mapping).fresh;
}

// The same on every rank: only the first one has read the file.
std::vector<std::string> shared_names(const std::vector<std::string>& names, const Team& team) {
  std::istringstream lines(team.decided("parts begun anew", fmt::format("{}", fmt::join(names, "\n"))));
  std::vector<std::string> shared;
  for (std::string line; std::getline(lines, line);) shared.push_back(line);
  return shared;
}

// `auto` stays on the CPU where a GPU cannot do it, and where ranks might decide differently.
void require_device(TrainOptions& options, bool language, const Team& team) {
  if (language && options.device == "cuda")
    throw UnsupportedError(
        {.where = "--device cuda", .what = "unsupported: language models on a GPU", .remedy = "--device cpu"});
  if (options.device != "cuda" && (language || team.size() > 1 || micro_shards(options) > 0)) options.device = "cpu";
}

// After the weights have come. `automatic`: the user left it to us.
void move_model(TrainOptions& options, TrainingTask& task, bool automatic, Console& console) {
  const DeviceChoice choice = choose_device(automatic ? "auto" : options.device);
  if (!choice.note.empty()) console.line(choice.note);
  if (choice.device.on_host()) return;
  try {
    task.model().move_to(choice.device);
  } catch (const UnsupportedError& error) {
    if (!automatic) throw;
    options.device = "cpu";
    console.line(std::string("the GPU is not used: ") + error.what());
  }
}

// On a GPU: foresees whether a step fits, and names what lies in its memory where it does not.
std::unique_ptr<MemoryWatch> memory_watch(const TrainOptions& options, TrainingTask& task,
                                          const ModelRegistry& registry, const Trainer& trainer, Console& console,
                                          const Team& team) {
  const Device device = task.model().device();
  if (device.on_host()) return nullptr;
  const ModelDescription& description = task.description();

  const std::int64_t kept = std::ssize(trainer.kept_arrays());  // numbers per weight
  const Autocast autocast(options.bf16, Autocast::as_on(device));  // as steps run
  auto watch = std::make_unique<MemoryWatch>(
      registry.find(description.model),
      ModelOptions{.classes = static_cast<std::int64_t>(description.classes.size()), .size = description.size}, kept,
      options.batch, device, team.size());
  manual_seed(static_cast<std::uint64_t>(options.seed));
  if (const std::string warning = watch->warning(); !warning.empty()) console.warn(warning);
  watch->begin(task.model().fields());
  for (const auto& [name, array] : trainer.kept_arrays()) watch->name(name, array);
  return watch;
}

void say_what_runs(const TrainOptions& options, TrainingTask& task, Console& console, const Team& team) {
  std::int64_t parameters = 0;
  for (const Field& field : task.model().fields()) parameters += field.trainable ? field.tensor.value().elements() : 0;
  if (task.description().task != TaskKind::sequence)
    console.line(fmt::format("model: {}, {} parameters, input {}×{}; {} with lr {}; batch {}; {}{}", options.model,
                             parameters, options.size, options.size, options.optimizer, options.lr, options.batch,
                             task.model().device().on_host() ? fmt::format("{} threads", options.threads)
                                                             : "on " + task.model().device().text(),
                             options.bf16 ? ", products in bfloat16" : ""));
  if (options.bf16 && task.model().device().on_host() && !multiplies_bfloat16())
    console.line(
        "--bf16: this processor has no bfloat16 products, so that steps take longer than without; the losses are those "
        "of processors that have them, up to rounding");
  if (options.model.ends_with(".onnx"))
    for (const std::string& note :
         onnx_training_notes(options.model, static_cast<std::int64_t>(task.description().class_ids.size())))
      console.line(note);
  if (team.size() > 1)
    console.line(
        fmt::format("{} processes share each batch: {} {} each{}{}", team.size(),
                    options.batch % team.size() == 0
                        ? fmt::format("{}", options.batch / team.size())
                        : fmt::format("{} or {}", options.batch / team.size(), options.batch / team.size() + 1),
                    task.description().task == TaskKind::sequence ? "rows" : "pictures",
                    micro_shards(options) > 0 ? fmt::format(", in {} parts of the batch", options.micro_shards) : "",
                    task.model().device().on_host() ? "" : ", a GPU for each, " + team.world().transport()));
  if (!task.can_evaluate()) console.line("no --val: the last weights are taken to be the best");
}

// Ranks beside the first one train and keep quiet, also where a function below writes to standard output by itself.
void silence(const Team& team) {
  if (!team.leads() && std::freopen("/dev/null", "w", stdout) == nullptr) std::fclose(stdout);
}

void require_alone(const Team& team, const TrainOptions& options) {
  if (team.size() == 1 || (!options.find_rate && !options.overfit)) return;
  throw UsageError({.where = options.find_rate ? "--find-rate" : "--overfit-one-batch",
                    .what = fmt::format("{} processes", team.size()),
                    .expected = "one",
                    .remedy = "the same command without mpirun or torchrun"});
}

int train(TrainOptions options, const ModelRegistry& registry, std::chrono::steady_clock::time_point began,
          Team& team) {
  Console console(!team.leads());
  RunFolder folder(options.out);
  if (team.leads()) folder.hold();
  const std::optional<Checkpoint> before = team.shared(earlier_run(options, folder, team));
  const std::string profile = options.profile;
  const bool find_rate = options.find_rate, overfit = options.overfit;
  require_alone(team, options);
  if (options.resume && !before) console.line("nothing to resume in " + options.out + ": a new run begins");
  if (options.threads == 0 && options.deterministic != "world-size") options.threads = team.fair_threads();
  const bool is_language = is_language_run(before ? before->training->options : options);
  if (!before) require_meaning(options, is_language);
  options = before ? resumed_options(before->training->options, options) : fresh(options);
  const bool automatic = options.device == "auto";
  require_device(options, is_language, team);
  options = resolve(options);
  options.profile = profile;
  if (team.leads()) folder.require_writable();
  if (options.device == "cuda") team.use_gpus();
  require_hdf5();

  std::string label_check;
  std::unique_ptr<TrainingTask> task;
  if (is_language) {
    task = language_task(options, console, team.part(options));
  } else {
    TrainingData data = read_training_data(options, task_of(options));
    if (auto* detection = std::get_if<DetectionData>(&data)) label_check = std::move(detection->check_json);
    task = task_for(std::move(data), options, registry, team);
    options.task = name_of(task->description().task);
  }
  team.require_same("training data", task->data_digest(), "the same files under --data and --val on every machine");
  if (before) require_same_run(*before, *task, folder.last().string());
  std::vector<std::string> anew;
  // The other ranks get these weights. A run that goes on reads them again only where it is still pulled towards them.
  if (!options.from.empty() && !is_language && team.leads() && (!before || options.l2_sp > 0))
    anew = start_from(options, *task, console);
  if (options.l2_sp > 0) anew = shared_names(anew, team);
  move_model(options, *task, automatic && !is_language && team.size() == 1, console);
  say_what_runs(options, *task, console, team);
  if (find_rate) return find_learning_rate(options, *task, console, folder.path().string());
  if (overfit) return overfit_one_batch(options, *task, console, folder.path().string());

  RunWriter writer(folder, console, SaveEvery::parse(options.save_every), team.leads());
  writer.set_label_check(std::move(label_check));
  Trainer trainer(options, *task, writer, console, began, &team, anew);
  if (before) trainer.resume(*before);
  const std::unique_ptr<MemoryWatch> watch = memory_watch(options, *task, registry, trainer, console, team);
  // The report is written last: without it, a run that was killed at its very end still has files to write.
  if (before && trainer.is_finished() &&
      team.decided("report", team.leads() && std::filesystem::exists(folder.report())) != 0) {
    console.line("this run is finished already");
    return 0;
  }
  try {
    if (const int signal = trainer.run()) return signal;
  } catch (const EnvironmentError& error) {
    if (!watch) throw;
    watch->explain(error);
  }
  const TrainingState state = trainer.state();
  team.lead("report", [&] {
    load_weights(task->model().fields(), read_checkpoint(folder.best()).model, folder.best().string());
    const RunReport report = run_report(state, *task);
    if (!report.evaluation_json.empty()) store_file(folder.evaluation(), report.evaluation_json + "\n");
    store_file(folder.report(), report.html);
    for (const std::string& line : task->finish(folder.path())) console.line(line);
    return 1;
  });
  console.line("results: " + folder.path().string());
  return 0;
}

}  // namespace

std::unique_ptr<TrainingTask> training_task(TrainingData data, TrainOptions& options, const ModelRegistry& registry) {
  return task_for(std::move(data), options, registry, Team());
}

int train(TrainOptions options, const ModelRegistry& registry, std::chrono::steady_clock::time_point began) {
  const Interruptible interruptible;
  const parallel::Launch launch = parallel::detect_launch(parallel::process_environment());
  if (!(options.rank_timeout.seconds >= 1))
    throw UsageError({.where = "--rank-timeout",
                      .what = fmt::format("{} s", options.rank_timeout.seconds),
                      .expected = "1s or more: a busy machine keeps a sound process waiting for less",
                      .remedy = "leave it out for 2m"});
  const auto timeout = std::chrono::milliseconds(std::llround(1000 * options.rank_timeout.seconds));
  Team team(parallel::join(launch, {.timeout = timeout}));
  silence(team);
  Console console(!team.leads());
  if (team.size() > 1) console.line(launch.text());
  if (!launch.hint.empty()) console.warn(launch.hint);
  try {
    return train(std::move(options), registry, began, team);
  } catch (const parallel::CommunicatorError&) {
    throw;
  } catch (const std::exception& error) {
    if (team.size() > 1) team.world().abort(fmt::format("rank {} ended: {}", team.rank(), error.what()));
    throw;
  }
}

}  // namespace joist
