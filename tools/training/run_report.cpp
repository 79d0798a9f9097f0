#include <joist/tools/report/training_report.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/run_report.h>

#include <fmt/format.h>

namespace joist {

RunReport run_report(const TrainingState& state, TrainingTask& task) {
  const ModelDescription& description = task.description();
  TrainingReport report{.title = fmt::format("{} · {}", description.model, fmt::join(description.classes, ", ")),
                        .summary = fmt::format("{} steps in {}; trained on {}.", state.step, clock_text(state.elapsed),
                                               state.options.data),
                        .log_csv = state.log.csv(),
                        .metrics_json = state.best_metrics,
                        .config_toml = to_toml(state.options)};
  for (TaskExample& example : task.examples())
    report.examples.push_back({std::move(example.picture), std::move(example.caption)});
  RunReport result;
  if (std::optional<TaskReport> evaluation = task.report(state.best_value)) {
    report.evaluation = std::move(evaluation->add);
    result.evaluation_json = std::move(evaluation->json);
  }
  result.html = training_report(report);
  return result;
}

}  // namespace joist
