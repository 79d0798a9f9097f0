#include <joist/core/formats/sha256.h>
#include <joist/core/kernels.h>
#include <joist/core/threads.h>
#include <joist/layers/freeze.h>
#include <joist/optim/clip.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/parallel/sharded.h>
#include <joist/optim/registry.h>
#include <joist/optim/regularize.h>
#include <joist/optim/schedule.h>
#include <joist/tools/training/augmentation.h>
#include <joist/tools/training/device.h>
#include <joist/tools/training/rates.h>
#include <joist/tools/training/recipe.h>
#include <joist/tools/training/zoo.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr double momentum_at_start = 0.8;  // of SGD, rising during the warm-up
// Of the steps so far, see AverageOptions::share. A detector's AP50 without an average | with shares of 0.05, 0.1, 0.2:
// half a photograph of trees, measured on the other half in other colours, two seeds, after 180 of 360 steps
// 0.207 | 0.244, 0.268, 0.210 and 0.178 | 0.230, 0.261, 0.287, at the end 0.314 | 0.315, 0.308, 0.335 and
// 0.395 | 0.412, 0.408, 0.400; 120 photographs of helmets, measured on others, after 300 of 600 steps
// 0.303 | 0.315, 0.311, 0.296, at the end 0.396 | 0.395, 0.395, 0.396.
constexpr double averaged_share = 0.1;

void require_choice(const char* option, const std::string& value, std::initializer_list<const char*> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw UsageError(
      {.where = option, .what = "\"" + value + "\"", .expected = fmt::format("{}", fmt::join(choices, ", "))});
}

void require_range(const char* option, double value, double low, double high) {
  if (value >= low && value <= high) return;
  throw UsageError({.where = option, .what = fmt::format("{}", value), .expected = fmt::format("{} to {}", low, high)});
}

// The default of an optimizer's option; nothing where it has none of that name.
std::optional<double> default_of(const std::string& optimizer, const std::string& option) {
  for (const OptimizerOptionInfo& info : optimizer_options(optimizer))
    if (info.name == option) return std::stod(info.value);
  return std::nullopt;
}

// What the optimizer calls its --momentum.
std::string momentum_name(const std::string& optimizer) {
  return default_of(optimizer, "momentum") ? "momentum" : default_of(optimizer, "beta1") ? "beta1" : "";
}

void require_trainable_by(const std::string& optimizer) {
  static_cast<void>(optimizer_options(optimizer));  // throws for an unknown name
  if (optimizer_needs_closure(optimizer))
    throw UsageError({.where = "--optimizer",
                      .what = optimizer + " asks for the loss of the same pictures several times per step",
                      .expected = "an optimizer that steps by one gradient",
                      .remedy = "--optimizer adamw; the library has the others"});
}

// What --optimizer-options says.
std::vector<OptimizerOption> further_options(const TrainOptions& options) {
  constexpr const char* where = "--optimizer-options";
  const std::string momentum = momentum_name(options.optimizer);
  std::vector<OptimizerOption> result;
  for (const std::string& part : split_list(options.optimizer_options)) {
    const std::size_t sign = part.find('=');
    if (sign == std::string::npos)
      throw UsageError({.where = where,
                        .what = "\"" + part + "\"",
                        .expected = "NAME=VALUE,NAME=VALUE,…",
                        .remedy = "joist lab list " + options.optimizer + " tells the names"});
    OptimizerOption one{part.substr(0, sign), part.substr(sign + 1)};
    for (const auto& [name, flag] : {std::pair<std::string, const char*>{"lr", "--lr"},
                                     {momentum, "--momentum"},
                                     {"weight_decay", "--weight-decay"}})
      if (one.name == name)
        throw UsageError({.where = where, .what = "\"" + part + "\"", .remedy = flag + (" " + one.value)});
    result.push_back(std::move(one));
  }
  return result;
}

// That the optimizer takes --optimizer-options, tried on one number.
void require_options(const TrainOptions& options) {
  const std::vector<OptimizerOption> further = further_options(options);
  if (further.empty()) return;
  Tensor number = zeros({1});
  number.set_requires_grad(true);
  const Field field{"number", number, true};
  FlatParameters parameters(std::span(&field, 1));
  static_cast<void>(make_optimizer(options.optimizer, parameters, further));
}

void require_pull(const TrainOptions& options) {
  if (options.l2_sp <= 0) return;
  if (options.from.empty())
    throw UsageError({.where = "--l2-sp",
                      .what = "there is nothing to be pulled towards",
                      .expected = "--from FILE",
                      .remedy = "--weight-decay pulls towards zero"});
  // Their lr is no length of a step, or their weights between steps are not those that count.
  for (const char* other : {"prodigy", "schedule_free_adamw", "rprop"})
    if (options.optimizer.ends_with(other))
      throw UsageError({.where = "--l2-sp",
                        .what = std::string("the optimizer ") + other + " decides by itself how far a step goes",
                        .expected = "one that steps by its rate",
                        .remedy = "--optimizer adamw or sgd"});
}

std::unique_ptr<Optimizer> optimizer_for(FlatParameters& parameters, const TrainOptions& options,
                                         parallel::Communicator* world) {
  std::vector<OptimizerOption> settings{{"lr", fmt::format("{}", options.lr)}};
  if (const std::string name = momentum_name(options.optimizer); !name.empty())
    settings.push_back({name, fmt::format("{}", options.momentum)});
  if (default_of(options.optimizer, "weight_decay"))
    settings.push_back({"weight_decay", fmt::format("{}", options.weight_decay)});
  if (options.optimizer == "sgd") settings.push_back({"nesterov", options.momentum > 0 ? "true" : "false"});
  for (OptimizerOption& one : further_options(options)) {
    std::erase_if(settings, [&](const OptimizerOption& other) { return other.name == one.name; });
    settings.push_back(std::move(one));
  }
  const auto make = [&](FlatParameters& part) { return make_optimizer(options.optimizer, part, settings); };
  std::unique_ptr<Optimizer> optimizer;
  if (world != nullptr && options.optimizer_state == "sharded")
    optimizer = std::make_unique<parallel::ShardedOptimizer>(*world, parameters, make);
  else
    optimizer = make(parameters);
  optimizer->train();
  return optimizer;
}

}  // namespace

TrainOptions resolve(TrainOptions options) {
  if (options.optimizer == "auto") options.optimizer = "adamw";
  require_trainable_by(options.optimizer);
  require_options(options);
  require_range("--l2-sp", options.l2_sp, 0, 1e6);
  require_pull(options);
  options.schedule = schedule::shape_named(options.schedule, "--schedule");
  require_choice("--labels", options.labels, {"fail", "repair", "drop"});
  require_choice("--unreadable", options.unreadable, {"fail", "skip"});
  require_range("--batch", static_cast<double>(options.batch), 0, 65536);
  require_range("--multi-scale", options.multi_scale, 0, 0.9);
  require_range("--size", static_cast<double>(options.size), 0, 8192);
  require_range("--epochs", static_cast<double>(options.epochs), 0, 1e9);
  require_range("--seed", static_cast<double>(options.seed), 0, 9.2e18);
  require_range("--threads", static_cast<double>(options.threads), 0, 4096);
  require_range("--loader-threads", static_cast<double>(options.loader_threads), 0, 256);
  require_range("--evaluate-every", static_cast<double>(options.evaluate_every), 0, 1e9);
  require_range("--warmup", static_cast<double>(options.warmup), -1, 1e9);
  if (options.warmup < 0) options.warmup = schedule::begins_low(options.schedule) ? 0 : 100;
  require_range("--lr", options.lr, 0, 1e3);
  require_range("--final-lr", options.final_lr, 0, 1);
  require_range("--momentum", options.momentum, 0, 0.9999);
  require_range("--weight-decay", options.weight_decay, -1, 10);
  require_range("--clip", options.clip, 0, 1e9);
  require_range("--average-decay", options.average_decay, 0, 1);
  require_range("--average-tau", options.average_tau, -1, 1e12);
  require_range("--close-mosaic", options.close_mosaic, 0, 1);
  require_range("--mosaic", options.mosaic, -1, 1);
  require_range("--flip", options.flip, -1, 1);
  require_range("--balance", options.balance, 0, 1);
  require_range("--class-weights", options.class_weights, 0, 1);
  require_range("--label-smoothing", options.label_smoothing, 0, 1);
  require_range("--patience", static_cast<double>(options.patience), 0, 1e9);
  require_range("--tile", static_cast<double>(options.tile), 0, 1 << 20);
  require_range("--tile-overlap", options.tile_overlap, 0, 0.9);
  if (options.epochs > 0 && options.time.seconds > 0 && options.plan.empty())
    throw UsageError({.where = "--epochs, --time", .what = "two lengths of one run", .remedy = "give one of them"});
  if (options.plan.empty() && options.epochs == 0 && options.time.seconds == 0) options.time = {20 * 60};
  if (!options.deterministic.empty() && options.deterministic != "true" && options.deterministic != "world-size")
    require_choice("--deterministic", options.deterministic, {"world-size"});
  require_choice("--batch-norm", options.batch_norm, {"sync", "local"});
  require_choice("--optimizer-state", options.optimizer_state, {"whole", "sharded"});
  require_range("--bucket-mb", options.bucket_mb, 0.001, 65536);
  require_range("--micro-shards", static_cast<double>(options.micro_shards), 1, 4096);
  if ((options.micro_shards & (options.micro_shards - 1)) != 0)
    throw UsageError({.where = "--micro-shards",
                      .what = fmt::format("{}", options.micro_shards),
                      .expected = "a power of two, such as 8"});
  // Sums depend on the threads: their number may not follow from the machine.
  if (options.deterministic == "world-size" && options.threads == 0) options.threads = 1;

  options.device = choose_device(options.device).device.on_host() ? "cpu" : "cuda";
  if (options.threads > 0) set_threads(static_cast<int>(options.threads));
  options.threads = threads();
  if (options.loader_threads == 0) options.loader_threads = std::clamp<std::int64_t>(options.threads, 1, 8);
  const std::string momentum = momentum_name(options.optimizer);
  if (momentum.empty() && options.momentum != 0)
    throw UsageError({.where = "--momentum", .what = "the optimizer " + options.optimizer + " has none"});
  if (options.momentum == 0 && !momentum.empty())
    options.momentum = options.optimizer == "sgd" ? 0.937 : *default_of(options.optimizer, momentum);
  if (!default_of(options.optimizer, "weight_decay") && options.weight_decay > 0)
    throw UsageError({.where = "--weight-decay", .what = "the optimizer " + options.optimizer + " has none"});
  if (options.optimizer == "schedule_free_adamw") {  // averages by itself, at a rate that does not fall
    if (options.given.contains("average-decay") && options.average_decay > 0)
      throw UsageError({.where = "--average-decay",
                        .what = "a second average beside that of " + options.optimizer,
                        .remedy = "leave it out"});
    options.average_decay = 0;
    if (!options.given.contains("final-lr")) options.final_lr = 1;
  }
  return options;
}

const ModelEntry& resolve_model(TrainOptions& options, const ModelRegistry& registry, TaskKind task,
                                std::int64_t classes, std::int64_t side, std::int64_t channels) {
  const bool detect = task == TaskKind::detect;
  if (options.model == "auto")
    options.model = detect ? "yolo_n" : channels == 1 && side == 28 ? "mnist_cnn" : "resnet18";
  const ModelEntry& entry = registry.find(options.model);
  if (entry.task != task)
    throw UsageError(
        {.where = "--model",
         .what = fmt::format("{} is made to {}, the data to {}", entry.name, verb_of(entry.task), verb_of(task)),
         .expected = registry.names(task)});
  if (options.size == 0) options.size = entry.size > 0 ? entry.size : detect ? 320 : side > 0 ? side : 224;
  if (entry.size > 0 && options.size != entry.size)
    throw UsageError({.where = "--size",
                      .what = fmt::format("{}", options.size),
                      .expected = fmt::format("{} for the model {}", entry.size, entry.name)});
  require_side(entry.name, options.size);
  if (detect && options.size % 32 != 0)
    throw UsageError({.where = "--size",
                      .what = fmt::format("{}", options.size),
                      .expected = "a multiple of 32",
                      .remedy = fmt::format("--size {}", std::max<std::int64_t>(options.size / 32, 1) * 32)});
  // Detectors: the usual rule for few classes and short runs; classifiers: the optimizer's own, SGD's faster.
  const double usual = options.optimizer == "sgd" ? 0.01 : *default_of(options.optimizer, "lr");
  if (options.lr == 0)
    options.lr = detect && options.optimizer == "adamw"
                     ? std::round(0.002 * 5 / static_cast<double>(4 + classes) * 1e6) / 1e6
                     : usual;
  if (options.weight_decay < 0) {
    const std::optional<double> own = default_of(options.optimizer, "weight_decay");
    options.weight_decay = !own                                                                     ? 0
                           : options.optimizer == "sgd" || (detect && options.optimizer == "adamw") ? 5e-4
                                                                                                    : *own;
  }
  check_augmentation(options, task);
  if (options.label_smoothing > 0 && detect)
    throw UsageError({.where = "--label-smoothing",
                      .what = "a detector's targets are no labels: they follow how well each box fits",
                      .expected = "a classifier",
                      .remedy = "leave it out"});
  if (options.tile > 0 && !detect)
    throw UsageError({.where = "--tile", .what = "classifiers look at whole pictures", .remedy = "leave it out"});
  if (options.augment.is_default()) {
    if (options.mosaic < 0) options.mosaic = detect ? 1 : 0;
    if (options.flip < 0) options.flip = detect || side == 0 ? 0.5 : 0;
  }
  return entry;
}

std::int64_t accumulated_batches(const TrainOptions& options) {
  if (options.nominal_batch <= options.batch) return 1;
  return std::llround(static_cast<double>(options.nominal_batch) / static_cast<double>(options.batch));
}

namespace {

// Freezes parameters and returns those buffers that go with them; but for parts that begin to learn later.
std::vector<Field> freeze_fields(const std::vector<Field>& fields, const std::string& text, const LateParts& late) {
  std::vector<std::string> frozen;
  for (const std::string& pattern : split_list(text))
    for (std::string& name : parts_named("--freeze", fields, pattern)) frozen.push_back(std::move(name));
  for (const Field& field : fields)
    if (field.trainable && std::find(frozen.begin(), frozen.end(), field.name) != frozen.end() && !late.holds(field))
      field.tensor.set_requires_grad(false);
  if (!text.empty() && std::none_of(fields.begin(), fields.end(),
                                    [](const Field& field) { return field.trainable && field.tensor.requires_grad(); }))
    throw UsageError(
        {.where = "--freeze", .what = "\"" + text + "\" freezes everything", .expected = "some of the model"});
  std::vector<Field> buffers = buffers_beside(fields, frozen);
  std::erase_if(buffers, [&](const Field& field) { return late.holds(field); });
  return buffers;
}

}  // namespace

Learner::Learner(std::vector<Field> fields, const TrainOptions& options, parallel::Communicator* world,
                 const std::vector<std::string>& anew)
    : options_(options),
      fields_(std::move(fields)),
      late_(options.unfreeze, fields_),
      frozen_buffers_(freeze_fields(fields_, options.freeze, late_)),
      parameters_(fields_, grouping_for(options, fields_, anew)),
      optimizer_(optimizer_for(parameters_, options, world)) {
  for (const FlatParameters::Group& group : parameters_.groups()) factors_.push_back(factor_of(group.name));
  if (options.average_decay > 0)
    average_ = std::make_unique<MovingAverage>(parameters_, fields_,
                                               AverageOptions{.decay = options.average_decay,
                                                              .tau = std::max(options.average_tau, 0.0),
                                                              .share = options.average_tau < 0 ? averaged_share : 0});
  late_.hold(*optimizer_);
}

std::string Learner::keep_start() {
  if (options_.l2_sp <= 0) return "";
  start_ = copy_of(parameters_.values());
  std::string digests;
  for (const FlatParameters::Slice& slice : parameters_.slices()) {
    const auto group = std::find_if(parameters_.groups().rbegin(), parameters_.groups().rend(),
                                    [&](const FlatParameters::Group& one) { return one.first <= slice.first; });
    if (!group->to_start) continue;
    const std::vector<float> numbers = start_.sliced(0, slice.first, slice.first + slice.elements).to_vector<float>();
    digests += slice.name + " " + hexadecimal(sha256(std::as_bytes(std::span(numbers)))) + "\n";
  }
  if (digests.empty())
    throw UsageError({.where = "--l2-sp",
                      .what = "nothing that learns comes from --from",
                      .expected = "some weights to be pulled towards",
                      .remedy = "leave it out"});
  return hexadecimal(sha256(std::as_bytes(std::span(digests))));
}

std::vector<std::string> Learner::begin_step(std::int64_t step, const Plan& plan) {
  if (late_.empty()) return {};
  return late_.begin(plan.progress(step), *optimizer_);
}

double Learner::rate_factor(std::int64_t step, const Plan& plan) const {
  return plateau_ * scheduled_factor(options_, step, plan);
}

double Learner::clip_limit() const noexcept {
  return options_.clip > 0 ? options_.clip : std::numeric_limits<double>::max();
}

// False, and the gradients dropped, where they are not finite.
bool Learner::clip() {
  if (std::isfinite(clip_ ? clip_(clip_limit()) : clip_gradient_norm(parameters_, clip_limit()))) return true;
  parameters_.clear_gradients();
  return false;
}

bool Learner::step_at(double rate) {
  if (!clip()) return false;
  std::size_t index = 0;
  for (GroupSettings& group : optimizer_->groups()) group.lr = rate * factors_[index++ % factors_.size()];
  optimizer_->step();
  restore_buffers();
  return true;
}

bool Learner::step(std::int64_t step, const Plan& plan) {
  if (!clip()) return false;
  restore_buffers();
  update(step, plan);
  return true;
}

void Learner::update(std::int64_t step, const Plan& plan) {
  const double rate = options_.lr * rate_factor(step, plan);
  const double warm = schedule::warmed_up(step, options_.warmup);
  std::size_t index = 0;
  for (GroupSettings& group : optimizer_->groups()) {
    group.lr = rate * factors_[index++ % factors_.size()];  // an optimizer of two kinds has each group twice
    if (options_.optimizer == "sgd" && options_.momentum > momentum_at_start)
      group.momentum = schedule::linear(warm, momentum_at_start, options_.momentum);
  }
  if (start_.defined()) pull_to_start(*optimizer_, start_, options_.l2_sp);
  optimizer_->step();
  if (average_) average_->update();
}

Learner::HostState Learner::host_state() const {
  return {.optimizer = optimizer_->host_state(), .updates = average_ ? average_->updates() : 0};
}

void Learner::restore(const HostState& state) {
  optimizer_->restore(state.optimizer);
  if (average_) average_->take_back(state.updates);
}

std::vector<NamedState> Learner::averaged() const {
  if (!average_) return {};
  std::vector<NamedState> states = average_->state();
  for (const Field& field : fields_) {
    if (!field.trainable || field.tensor.requires_grad() || late_.holds(field)) continue;
    states.push_back({field.name, field.tensor.value()});
  }
  return states;
}

void Learner::keep_buffers() {
  kept_buffers_.clear();
  for (const Field& field : frozen_buffers_) kept_buffers_.push_back(copy_of(field.tensor.value()));
  late_.keep_buffers();
}

void Learner::restore_buffers() {
  for (std::size_t i = 0; i < kept_buffers_.size(); ++i)
    kernels(kept_buffers_[i]).elementwise.copy(kept_buffers_[i], {frozen_buffers_[i].tensor.value(), false});
  late_.restore_buffers();
}

}  // namespace joist
