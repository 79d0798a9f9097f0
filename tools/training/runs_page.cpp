#include <joist/tools/report/page.h>
#include <joist/tools/training/console.h>
#include <joist/tools/training/runs.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace joist {
namespace {

std::string base(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string number(const std::optional<double>& value) { return value ? fmt::format("{:.3f}", *value) : "–"; }

std::vector<std::vector<std::string>> table_of(const std::vector<RunSummary>& runs, const std::string& decides) {
  const bool detectors = decides == "AP";
  std::vector<std::vector<std::string>> rows = {{"run", "model", "data", "size", "epochs", "time", "best epoch"}};
  if (detectors) {
    rows[0].insert(rows[0].end(), {"AP", "AP range", "AP50"});
  } else if (!decides.empty()) {
    rows[0].insert(rows[0].end(), {"top1", "top5"});
  }
  rows[0].emplace_back("");
  for (const RunSummary& run : runs) {
    const auto whole = [&](const char* name) { return fmt::format("{:.0f}", run.metric(name).value_or(0)); };
    std::vector<std::string> row{run.name,           run.option("model"), base(run.option("data")),
                                 run.option("size"), whole("epochs"),     clock_text(run.metric("seconds").value_or(0)),
                                 whole("epoch")};
    if (detectors) {
      row.insert(row.end(),
                 {number(run.metric("AP")),
                  run.AP_range ? fmt::format("{:.3f} to {:.3f}", run.AP_range->first, run.AP_range->second) : "–",
                  number(run.metric("AP50"))});
    } else if (!decides.empty()) {
      row.insert(row.end(), {number(run.metric("top1")), number(run.metric("top5"))});
    }
    row.emplace_back(run.is_finished ? "" : "not finished");
    rows.push_back(std::move(row));
  }
  return rows;
}

Plot curve(const std::vector<RunSummary>& runs, const std::string& column, const std::string& title, bool over_time) {
  Plot plot{.title = title, .x_axis = over_time ? "minutes" : "epoch", .from_zero = false};
  for (const RunSummary& run : runs) {
    const auto values = run.column(column);
    const auto seconds = run.column("seconds");
    Series series{.name = run.name};
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i] || (over_time && (i >= seconds.size() || !seconds[i]))) continue;
      series.points.emplace_back(over_time ? *seconds[i] / 60 : static_cast<double>(i + 1), *values[i]);
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  return plot;
}

}  // namespace

std::string runs_page(const std::vector<RunSummary>& runs) {
  const std::string decides = deciding_metric(runs);
  Page page(runs.size() == 1 ? "One run" : fmt::format("{} runs", runs.size()));
  page.table(table_of(runs, decides));
  if (decides == "AP")
    page.paragraph(
        "The range holds 95 of 100 draws of the evaluation's pictures. Runs on the same pictures whose ranges "
        "overlap widely are not shown to differ; runs on different pictures cannot be compared at all.");
  std::vector<Plot> plots;
  const auto add = [&](const std::string& column, const std::string& title, bool over_time) {
    Plot plot = curve(runs, column, title, over_time);
    if (!plot.series.empty()) plots.push_back(std::move(plot));
  };
  if (!decides.empty()) add(decides, decides + " over epochs", false), add(decides, decides + " over time", true);
  if (decides == "AP") add("AP50", "AP50 over epochs", false);
  for (const char* loss : {"loss", "box_loss", "class_loss", "distance_loss"})
    add(loss, fmt::format("{} of training", loss), false);
  if (!plots.empty()) page.heading("Course").plots(plots);
  const std::vector<std::string> names = differing_options(runs);
  if (runs.size() > 1) page.heading("What was set differently");
  if (names.empty() && runs.size() > 1) page.paragraph("Nothing: the same run several times.");
  if (!names.empty()) {
    std::vector<std::vector<std::string>> rows = {{"option"}};
    for (const RunSummary& run : runs) rows[0].push_back(run.name);
    for (const std::string& name : names) {
      rows.push_back({name});
      for (const RunSummary& run : runs) rows.back().push_back(run.option(name));
    }
    page.table(rows);
  }
  return page.html();
}

}  // namespace joist
