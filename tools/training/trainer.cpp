#include <joist/core/formats/store.h>
#include <joist/core/mode.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/trainer.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace joist {
namespace {

constexpr std::int64_t replan_every = 10;  // steps
constexpr std::int64_t profile_from = 3, profile_steps = 3;

double seconds_since(Trainer::Clock::time_point start) {
  return std::chrono::duration<double>(Trainer::Clock::now() - start).count();
}

std::vector<std::string> columns_of(const TrainingTask& task) {
  std::vector<std::string> columns{"epoch", "step", "lr"};
  for (const std::string& name : task.loss_names()) columns.push_back(name);
  for (const std::string& name : task.metric_names()) columns.push_back(name);
  columns.insert(columns.end(), {"skipped", "seconds", "samples_per_second"});
  return columns;
}

Plan first_plan(const TrainOptions& options, std::int64_t batches_per_epoch) {
  if (!options.plan.empty()) return Plan(options.plan);
  if (options.epochs == 0) return Plan();
  return Plan({{0, std::max<std::int64_t>(options.epochs * batches_per_epoch / accumulated_batches(options), 1)}});
}

}  // namespace

Trainer::Trainer(const TrainOptions& options, TrainingTask& task, RunWriter& writer, Console& console,
                 Clock::time_point began, Team* team, const std::vector<std::string>& anew)
    : options_(options),
      task_(task),
      writer_(writer),
      console_(console),
      began_(began),
      team_(team ? *team : alone_),
      learner_(task.model().fields(), options, &team_.world(), anew),
      plan_(first_plan(options, task.batches_per_epoch())),
      budget_(options.time.seconds, 0, began),
      accumulated_(accumulated_batches(options)),
      replayed_(options.time.seconds == 0 && options.epochs == 0) {
  state_.data_digest = task.data_digest();
  state_.loss_sums.assign(task.loss_names().size(), 0);
  state_.log = TrainingLog(columns_of(task));
  if (team_.size() > 1 || micro_shards(options) > 0) parallel_.emplace(team_, task_, learner_, options_);
  if (wants_capture()) {
    if (const std::string why = why_no_capture(); !why.empty())
      console_.warn("JOIST_CAPTURE: steps are not recorded: " + why);
    else
      captured_.emplace(task_, learner_, console_);
  }
  state_.start_digest = learner_.keep_start();  // after rank 0's weights have come
  if (!team_.leads()) options_.profile.clear();
  if (options.schedule == "plateau" && !task.can_evaluate())
    throw UsageError({.where = "--schedule plateau",
                      .what = "the rate falls by results, and there are none",
                      .expected = "--val PATH",
                      .remedy = "another --schedule, such as cosine"});
}

void Trainer::resume(const Checkpoint& checkpoint) {
  if (checkpoint.training->start_digest != state_.start_digest)
    throw DataError({.where = options_.from,
                     .what = "not the weights that this run began with, and that --l2-sp pulls towards",
                     .expected = "the same file",
                     .remedy = "put it back, or begin another run with another --out"});
  load_weights(learner_.fields(), checkpoint.model, writer_.folder().last().string());
  state_ = *checkpoint.training;
  learner_.optimizer().load(state_.optimizer);
  learner_.late_parts().load(state_.late_parts, learner_.optimizer());
  if (learner_.average()) learner_.average()->load(checkpoint.average, state_.average_updates);
  budget_ = TimeBudget(options_.time.seconds, state_.elapsed, began_);
  resumed_ = true;
  check_patience();
  follow_results();
}

TrainingState Trainer::state() const {
  TrainingState state = state_;
  state.options = options_;
  if (budget_.limited()) state.options.plan = plan_.points();
  state.optimizer = learner_.optimizer().state();
  state.late_parts = learner_.late_parts().state();
  state.average_updates = learner_.average() ? learner_.average()->updates() : 0;
  state.elapsed = budget_.elapsed();
  return state;
}

std::vector<NamedState> Trainer::kept_arrays() const {
  std::vector<NamedState> kept = learner_.optimizer().flat_buffers();
  for (NamedState& one : kept) one.name = "optimizer's " + one.name;
  if (learner_.average()) kept.push_back({"average of all weights", learner_.average()->values()});
  return kept;
}

Checkpoint Trainer::whole_checkpoint() const {
  return {.description = task_.description(),
          .model = weights_of(learner_.fields()),
          .average = learner_.averaged(),
          .training = state()};
}

std::int64_t Trainer::rows_due() const {
  const std::int64_t batches = state_.step * accumulated_, whole = task_.batches_per_epoch();
  return is_over() ? (batches + whole - 1) / whole : batches / whole;  // the last row may stand for part of an epoch
}

bool Trainer::is_finished() const { return is_over() && rows() >= rows_due(); }

int Trainer::run() {
  learner_.keep_buffers();
  writer_.begin(whole_checkpoint(), resumed_);
  budget_.note_save(writer_.save_seconds());
  closing_ = is_closing();
  task_.seek(state_.step * accumulated_, closing_);
  row_began_ = Clock::now();
  row_began_step_ = state_.step;
  while (!is_finished()) {
    if (const int signal = team_.signal()) return stop(signal);
    if (rows() < rows_due()) {
      if (!finish_epoch()) return stop(team_.signal());
      replan();
      if (!is_finished()) save(false);
      continue;
    }
    const Clock::time_point start = Clock::now();
    train_step();
    budget_.note_step(seconds_since(start));
    replan();
    show_progress();
    if (team_.decided("save", writer_.is_due(state_.step)) != 0) save(false);
  }
  profile(true);
  save(true);
  writer_.tables(state());
  return 0;
}

void Trainer::train_step() {
  if (closing_ != is_closing()) task_.seek(state_.step * accumulated_, closing_ = !closing_);
  profile(false);
  has_rolled_back_ = false;
  for (const std::string& line : learner_.begin_step(state_.step, plan_))
    console_.line(fmt::format("step {:>5}: {}", state_.step + 1, line));
  if (accumulate_gradients()) {
    const Profiler::Phase phase(profiler_ ? &*profiler_ : nullptr, "optimizer");
    if (taken_ ? *taken_ : learner_.step(state_.step, plan_)) {
      skipped_in_a_row_ = 0;
    } else {
      skip_step("the gradient is not finite");
    }
  }
  ++state_.step;
  ++steps_run_;
  row_lacks_evaluation_ = false;
}

void Trainer::profile(bool last) {
  if (options_.profile.empty()) return;
  if (profiler_ && (last || steps_run_ >= profile_from + profile_steps)) {
    store_file(options_.profile, profiler_->chrome_trace());
    console_.line("profile: " + options_.profile + " (open it at https://ui.perfetto.dev)");
    profiler_.reset();
    options_.profile.clear();
  } else if (!profiler_ && (last || steps_run_ >= profile_from)) {
    if (last)
      console_.warn(fmt::format("no profile was written: it begins after {} steps", profile_from));
    else
      profiler_.emplace(task_.model().fields());
  }
}

std::string Trainer::why_no_capture() const {
  if (task_.model().device().on_host()) return "the CPU does its work at once";
  if (parallel_) return "several processes, or parts of a batch, share a step";
  if (accumulated_ > 1) return "a step is of several batches";
  const TaskKind task = task_.description().task;
  if (task != TaskKind::classify && task != TaskKind::detect) return "only pictures' batches have one shape";
  if (options_.multi_scale > 0) return "pictures change their size";
  return "";
}

bool Trainer::accumulate_gradients() {
  const Autocast autocast(options_.bf16);
  taken_.reset();
  if (parallel_) return accumulate_with_others();
  for (std::int64_t i = 0; i < accumulated_; ++i) {
    set_random_step(static_cast<std::uint32_t>(state_.step), static_cast<std::uint32_t>(i));
    Profiler* const profiler = profiler_ ? &*profiler_ : nullptr;
    std::optional<Profiler::Phase> phase(std::in_place, profiler, "data, forward and loss");
    std::optional<CapturedStep::Result> replayed;
    if (captured_ && !profiler) {
      task_.load();
      replayed = captured_->run(state_.step, plan_);
      if (replayed) taken_ = replayed->taken;
    }
    const BatchLoss loss = replayed ? replayed->loss : captured_ && !profiler ? task_.repeat() : task_.next();
    phase.reset();
    last_loss_ = loss.loss.item();
    if (!std::isfinite(last_loss_)) {
      skip_step("the loss is not finite");
      // So that the next step begins where it would have begun.
      for (++i; i < accumulated_ && !has_rolled_back_; ++i) task_.next();
      return false;
    }
    phase.emplace(profiler, "backward");
    if (!replayed) {
      loss.loss.backward();
      task_.prefetch();
    }
    phase.reset();
    for (std::size_t part = 0; part < loss.parts.size(); ++part) state_.loss_sums[part] += loss.parts[part];
    objects_ += loss.objects;
    positives_ += loss.positives;
    overlaps_ += loss.overlap;
    ++object_batches_;
    ++state_.epoch_batches;
  }
  return true;
}

void Trainer::replan() {
  if (!budget_.limited()) return;
  const std::int64_t total = plan_.total(), left = total - state_.step;
  if (total > 0 && (left <= 0 || (left > replan_every && state_.step % replan_every != 0))) return;
  // A run ends with an evaluation: after a row without one there is another step.
  const std::int64_t least = state_.step + (row_lacks_evaluation_ ? 1 : 0);
  const bool plans = budget_.knows_speed() && (left <= replan_every || budget_.may_plan());
  const double own = plans ? static_cast<double>(std::max(budget_.total_from(state_.step), least)) : -1;
  const auto better = static_cast<std::int64_t>(team_.decided("plan", own));
  if (better < 0) return;
  if (total > 0 && std::abs(better - total) <= std::max<std::int64_t>(left / 50, 1)) return;
  plan_.replan(state_.step, better);
  if (total == 0) console_.line(fmt::format("{} steps fit into {}", better, options_.time.text()));
}

bool Trainer::wants_evaluation(std::int64_t epoch) const {
  if (!task_.can_evaluate()) return false;
  if (is_over() && epoch == rows_due()) return true;
  if (replayed_)
    return std::find(options_.evaluated.begin(), options_.evaluated.end(), epoch) != options_.evaluated.end();
  const std::int64_t every = std::max<std::int64_t>(options_.evaluate_every, 1);
  return epoch % every == 0 &&
         (options_.evaluate_every > 0 || team_.decided("evaluate", budget_.affords_evaluation()) != 0);
}

bool Trainer::finish_epoch() {
  const std::int64_t epoch = rows() + 1;
  std::optional<Evaluation> evaluation;
  if (wants_evaluation(epoch)) {
    console_.progress("evaluating", state_.step, plan_.total(), std::nan(""), "");
    const Clock::time_point start = Clock::now();
    evaluation = evaluated();
    if (!evaluation) return false;
    budget_.note_evaluation(seconds_since(start));
    if (budget_.limited()) options_.evaluated.push_back(epoch);
  }
  row_lacks_evaluation_ = task_.can_evaluate() && !evaluation;
  if (evaluation && team_.leads()) {
    const parallel::LongSection section(team_.world(), "looking for what is wrong");
    diagnose(*evaluation);
  }
  for (const std::string& warning : task_.warnings()) console_.warn(warning);
  add_row(epoch, evaluation);
  keep_best(epoch, evaluation);
  check_patience();
  follow_results();
  if (exhausted_)
    console_.line(fmt::format("{} evaluations without a better one than epoch {}'s: the run ends here",
                              options_.patience, state_.best_epoch));
  writer_.tables(state());
  return true;
}

void Trainer::add_row(std::int64_t epoch, const std::optional<Evaluation>& evaluation) {
  const double rate = options_.lr * learner_.rate_factor(std::max<std::int64_t>(state_.step - 1, 0), plan_);
  std::vector<std::optional<double>> row{static_cast<double>(epoch), static_cast<double>(state_.step), rate};
  std::string text = fmt::format("epoch {:>3}  step {:>5}", epoch, state_.step);
  const auto add = [&](const std::string& name, std::optional<double> value) {
    row.push_back(value);
    if (value) text += fmt::format("  {} {:.3f}", name, *value);
  };
  const auto batches = static_cast<double>(state_.epoch_batches);
  for (std::size_t i = 0; i < state_.loss_sums.size(); ++i)
    add(task_.loss_names()[i], batches > 0 ? std::optional(state_.loss_sums[i] / batches) : std::nullopt);
  for (std::size_t i = 0; i < task_.metric_names().size(); ++i)
    add(task_.metric_names()[i], evaluation ? std::optional(evaluation->values[i]) : std::nullopt);
  const auto pictures = static_cast<double>((state_.step - row_began_step_) * accumulated_ * options_.batch);
  row.insert(row.end(), {static_cast<double>(state_.skipped), budget_.elapsed(), pictures / seconds_since(row_began_)});
  state_.log.add(row);
  console_.line(text + "  " + clock_text(budget_.elapsed()));

  state_.loss_sums.assign(state_.loss_sums.size(), 0);
  state_.epoch_batches = 0;
  objects_ = positives_ = object_batches_ = 0;
  overlaps_ = 0;
  row_began_ = Clock::now();
  row_began_step_ = state_.step;
}

void Trainer::keep_best(std::int64_t epoch, const std::optional<Evaluation>& evaluation) {
  // Without data to evaluate on, the last weights are taken to be the best.
  if (task_.can_evaluate() && !(evaluation && (state_.best_epoch == 0 || evaluation->values[0] > state_.best_value)))
    return;
  const Evaluated weights(learner_.optimizer());
  const Checkpoint best{.description = task_.description(),
                        .model = learner_.average() ? learner_.averaged() : weights_of(learner_.fields())};
  if (team_.lead("saving the best weights", [&] { return writer_.best(best); }) == 0)
    return;  // the next one that is better than what stands there tries again
  state_.best_epoch = epoch;
  state_.best_value = evaluation ? evaluation->values[0] : 0;
  state_.best_metrics = evaluation ? evaluation->json : "{}";
}

void Trainer::save(bool required) {
  if (!required && skipped_in_a_row_ > 0) return;  // the last checkpoint is from before the trouble
  const Checkpoint checkpoint = whole_checkpoint();
  team_.lead("saving", [&] {
    writer_.last(checkpoint, required);
    return 1;
  });
  budget_.note_save(writer_.save_seconds());
}

int Trainer::stop(int signal) {
  save(true);
  writer_.tables(state());
  console_.line(fmt::format("stopped after step {}, everything is saved; go on with: joist train --resume --out {}",
                            state_.step, writer_.folder().path().string()));
  return signal;
}

void Trainer::show_progress() {
  const std::int64_t total = plan_.total();
  const auto done = static_cast<double>(state_.step - row_began_step_);
  const double seconds = seconds_since(row_began_);
  const double left = total > 0 && done > 0 ? seconds / done * static_cast<double>(total - state_.step) : std::nan("");
  const double speed = done * static_cast<double>(accumulated_ * options_.batch) / seconds;
  console_.progress("training", state_.step, total, left,
                    fmt::format("loss {:.3f}  {:.1f} pictures/s", last_loss_, speed));
}

}  // namespace joist
