#include <joist/core/formats/store.h>
#include <joist/tools/training/run_writer.h>

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {

SaveEvery SaveEvery::parse(const std::string& text) {
  const bool steps = !text.empty() && text.size() < 16 &&
                     std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (steps) return {.steps = std::stoll(text)};
  return {.seconds = Duration::parse(text, "--save-every").seconds};
}

RunWriter::RunWriter(RunFolder folder, Console& console, const SaveEvery& every, bool writes)
    : folder_(std::move(folder)), console_(console), every_(every), writes_(writes) {}

void RunWriter::begin(const Checkpoint& first, bool resumed) {
  if (!writes_) return;
  const std::filesystem::path earlier = folder_.begin(resumed);
  if (!earlier.empty()) console_.line("an earlier run is kept in " + earlier.string());
  saved_at_ = Clock::now();
  saved_step_ = first.training->step;
  if (resumed) return;
  try {
    last(first, true);
    tables(*first.training);
    if (!label_check_.empty()) store_file(folder_.labels(), label_check_);
  } catch (...) {
    folder_.undo();
    throw;
  }
}

void RunWriter::last(const Checkpoint& checkpoint, bool required) {
  const Clock::time_point start = Clock::now();
  try {
    store_checkpoint(folder_.last(), checkpoint);
    saved_step_ = checkpoint.training->step;
  } catch (const EnvironmentError& error) {
    if (required) throw;
    console_.warn(fmt::format("not saved, training goes on: {}", error.what()));
  }
  saved_at_ = Clock::now();
  save_seconds_ = std::chrono::duration<double>(saved_at_ - start).count();
}

bool RunWriter::best(const Checkpoint& checkpoint) {
  try {
    store_checkpoint(folder_.best(), checkpoint);
    return true;
  } catch (const EnvironmentError& error) {
    console_.warn(fmt::format("not saved, training goes on: {}", error.what()));
    return false;
  }
}

void RunWriter::tables(const TrainingState& state) {
  if (!writes_) return;
  auto metrics = nlohmann::ordered_json::parse(state.best_metrics.empty() ? "{}" : state.best_metrics);
  metrics["epoch"] = state.best_epoch;
  metrics["epochs"] = state.log.rows();
  metrics["steps"] = state.step;
  metrics["seconds"] = state.elapsed;
  store_file(folder_.log(), state.log.csv());
  store_file(folder_.metrics(), metrics.dump(1) + "\n");
  store_file(folder_.configuration(), to_toml(state.options));
}

bool RunWriter::is_due(std::int64_t step) const {
  if (every_.steps > 0) return step - saved_step_ >= every_.steps;
  return every_.seconds > 0 && std::chrono::duration<double>(Clock::now() - saved_at_).count() >= every_.seconds;
}

}  // namespace joist
