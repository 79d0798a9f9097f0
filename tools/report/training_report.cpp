#include <joist/tools/report/training_report.h>

#include <cstdlib>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> result;
  std::string cell;
  std::istringstream stream(line);
  while (std::getline(stream, cell, ',')) result.push_back(cell);
  return result;
}

Table table_of(const std::string& csv) {  // the log's cells are names and numbers: no quoting
  Table table;
  std::istringstream stream(csv);
  std::string line;
  while (std::getline(stream, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (table.columns.empty()) {
      table.columns = cells(line);
    } else {
      table.rows.push_back(cells(line));
    }
  }
  return table;
}

Series series_of(const Table& table, std::size_t column) {
  Series series{.name = table.columns[column]};
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const bool there = column < table.rows[row].size() && !table.rows[row][column].empty();
    series.points.emplace_back(static_cast<double>(row + 1), there
                                                                 ? std::strtod(table.rows[row][column].c_str(), nullptr)
                                                                 : std::numeric_limits<double>::quiet_NaN());
  }
  // Epochs that were not evaluated have no point; the line goes on to the next one.
  std::erase_if(series.points, [](const auto& point) { return point.second != point.second; });
  return series;
}

std::vector<Plot> curves(const Table& table) {
  Plot losses{.title = "Training loss", .x_axis = "epoch"}, metrics{.title = "Evaluation", .x_axis = "epoch"},
      rate{.title = "Learning rate", .x_axis = "epoch"};
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    const std::string& name = table.columns[column];
    if (name.ends_with("loss")) losses.series.push_back(series_of(table, column));
    if (name.starts_with("AP") || name.starts_with("AR") || name.starts_with("top"))
      metrics.series.push_back(series_of(table, column));
    if (name == "lr") rate.series.push_back(series_of(table, column));
  }
  std::vector<Plot> plots;
  for (Plot& plot : std::vector{losses, metrics, rate})
    if (!plot.series.empty()) plots.push_back(plot);
  return plots;
}

void add_metrics(Page& page, const std::string& text) {
  const auto metrics = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!metrics.is_object()) return;
  page.heading("Result");
  std::vector<std::string> names, values;
  for (const auto& [name, value] : metrics.items())
    if (value.is_number()) {
      names.push_back(name);
      values.push_back(value.is_number_float() ? fmt::format("{:.3f}", value.get<double>()) : value.dump());
    }
  page.table({names, values});
  const auto classes = metrics.find("per_class");
  if (classes == metrics.end() || !classes->is_array() || classes->empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : *classes) {
    std::vector<std::string> header, row;
    for (const auto& [name, value] : one.items()) {
      header.push_back(name);
      row.push_back(value.is_string()         ? value.get<std::string>()
                    : value.is_number_float() ? fmt::format("{:.3f}", value.get<double>())
                                              : value.dump());
    }
    if (rows.empty()) rows.push_back(header);
    rows.push_back(row);
  }
  page.table(rows);
}

}  // namespace

std::string training_report(const TrainingReport& run) {
  Page page(run.title);
  if (!run.summary.empty()) page.paragraph(run.summary);
  if (!run.metrics_json.empty()) add_metrics(page, run.metrics_json);
  if (run.evaluation) run.evaluation(page);
  const std::vector<Plot> plots = curves(table_of(run.log_csv));
  if (!plots.empty()) page.heading("Course").plots(plots);
  if (!run.examples.empty()) {
    page.heading("Predictions");
    page.paragraph("Solid: what the model found, with its score. Dashed: the labels.");
    for (const TrainingReport::Example& example : run.examples) page.picture(example.picture, example.caption);
  }
  page.heading("Configuration").preformatted(run.config_toml);
  return page.html();
}

}  // namespace joist
