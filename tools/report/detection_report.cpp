#include <joist/tools/report/detection_report.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace joist {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string share(double value) { return value < 0 ? "–" : fmt::format("{:.3f}", value); }
std::string confidence(double value) { return fmt::format("{:.{}f}", value, value < 0.1 ? 3 : 2); }
std::string percent(double value) { return value < 0 ? "–" : fmt::format("{:.0f} %", 100 * value); }
std::string between(const Interval& interval) {
  return interval.low < 0 ? "–" : fmt::format("{:.3f} to {:.3f}", interval.low, interval.high);
}

void add_numbers(Page& page, const DetectionAnalysis& analysis) {
  const CocoResult& result = analysis.result;
  page.heading("How good it is");
  page.paragraph(fmt::format(
      "AP50 counts a box as found where it overlaps the object by half; AP is the mean over stricter and stricter "
      "overlaps. The ranges hold 95 of {} draws of the {} pictures: two models whose ranges overlap widely are not "
      "shown to differ.",
      analysis.intervals.draws, analysis.truth.image_ids.size()));
  page.table({{"", "AP", "AP range", "AP50", "AP50 range", "AP75", "small", "medium", "large", "recall (AR100)"},
              {"all classes", share(result.AP), between(analysis.intervals.AP), share(result.AP50),
               between(analysis.intervals.AP50), share(result.AP75), share(result.APsmall), share(result.APmedium),
               share(result.APlarge), share(result.AR100)}});
  Rows rows = {{"class", "objects", "AP", "AP range", "AP50", "small", "medium", "large", "recall (AR100)"}};
  for (std::size_t c = 0; c < result.per_class.size(); ++c) {
    const CocoResult::Category& one = result.per_class[c];
    rows.push_back({one.name, std::to_string(one.truths), share(one.AP), between(analysis.intervals.per_class[c].AP),
                    share(one.AP50), share(one.APsmall), share(one.APmedium), share(one.APlarge), share(one.AR100)});
  }
  page.table(rows);
  page.paragraph("Small: area below 32 × 32 pixels of the picture; large: above 96 × 96. – : no such object here.");
}

const char* meaning(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::localisation: return "right class, box too far off (overlap 0.1 to 0.5)";
    case ErrorKind::classification: return "box right, class wrong";
    case ErrorKind::duplicate: return "an object found twice";
    case ErrorKind::background: return "a box where nothing is";
    case ErrorKind::both: return "class wrong and box off";
    case ErrorKind::missed: return "an object without any box near it";
    case ErrorKind::none: break;
  }
  return "";
}

const char* advice(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::localisation:
      return "look whether boxes are drawn alike everywhere; larger --size; longer training";
    case ErrorKind::classification: return "look for swapped labels; more pictures of the classes that are confused";
    case ErrorKind::duplicate: return "a lower --overlap in joist predict";
    case ErrorKind::background: return "add pictures without objects; look for labels that were forgotten";
    case ErrorKind::both: return "as for class and box";
    case ErrorKind::missed: return "more pictures like those below; a larger --size or --tile for small objects";
    case ErrorKind::none: break;
  }
  return "";
}

void add_errors(Page& page, const DetectionAnalysis& analysis) {
  page.heading("What goes wrong");
  Rows rows = {{"mistake", "what it is", "how often", "AP50 gained", "what may help"}};
  std::vector<ErrorAnalysis::Share> shares = analysis.errors.shares;
  std::stable_sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.gain > b.gain; });
  for (const ErrorAnalysis::Share& one : shares)
    rows.push_back({name_of(one.kind), meaning(one.kind), std::to_string(one.count), fmt::format("{:+.3f}", one.gain),
                    advice(one.kind)});
  page.table(rows);
  page.paragraph(
      "The costliest first: by how much AP50 would rise if only this kind were put right (the error split of TIDE). "
      "How often: at each class's threshold of the best F1, below.");
}

/// Not more lines than can be told apart: the classes with the most objects.
std::vector<std::size_t> drawn_classes(const DetectionAnalysis& analysis) {
  constexpr std::size_t most = 10;
  std::vector<std::size_t> all;
  for (std::size_t c = 0; c < analysis.result.per_class.size(); ++c)
    if (analysis.result.per_class[c].truths > 0) all.push_back(c);
  std::stable_sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) {
    return analysis.result.per_class[a].truths > analysis.result.per_class[b].truths;
  });
  if (all.size() > most) all.resize(most);
  std::sort(all.begin(), all.end());
  return all;
}

void add_curves(Page& page, const DetectionAnalysis& analysis) {
  Plot over_recall{.title = "Precision over recall", .x_axis = "recall", .y_axis = "precision"},
      f1{.title = "F1 over confidence", .x_axis = "confidence", .y_axis = "F1"},
      precision{.title = "Precision over confidence", .x_axis = "confidence", .y_axis = "precision"},
      recall{.title = "Recall over confidence", .x_axis = "confidence", .y_axis = "recall"};
  for (const std::size_t c : drawn_classes(analysis)) {
    const CocoResult::Category& one = analysis.result.per_class[c];
    const ClassOperation& operation = analysis.operation[c];
    const auto line = [&](Plot& plot, const std::vector<double>& values) {
      Series series{.name = one.name};
      for (std::size_t i = 0; i < values.size(); ++i)
        series.points.emplace_back(static_cast<double>(i) / 100, values[i] < 0 ? std::nan("") : values[i]);
      plot.series.push_back(std::move(series));
    };
    line(over_recall, one.precision50);
    line(f1, operation.f1);
    line(precision, operation.precision);
    line(recall, operation.recall);
  }
  if (over_recall.series.empty()) return;
  page.heading("Curves");
  page.plots({over_recall, f1, precision, recall});
}

void add_confusion(Page& page, const DetectionAnalysis& analysis) {
  const ConfusionMatrix& matrix = analysis.confusion;
  // Classes that play no part are left out.
  std::vector<std::size_t> kept;
  const std::size_t background = matrix.classes.size();
  for (std::size_t c = 0; c <= background; ++c) {
    std::int64_t sum = c == background ? 1 : 0;
    for (std::size_t other = 0; other <= background; ++other) sum += matrix.at(c, other) + matrix.at(other, c);
    if (sum > 0) kept.push_back(c);
  }
  const auto name = [&](std::size_t c, const char* at_background) {
    return c == background ? std::string(at_background) : matrix.classes[c];
  };
  Rows rows(1, {"predicted ↓   true →"});
  for (const std::size_t c : kept) rows[0].push_back(name(c, "background (nothing there)"));
  std::vector<double> shares;
  for (const std::size_t row : kept) {
    rows.push_back({name(row, "background (missed)")});
    for (const std::size_t column : kept) {
      std::int64_t sum = 0;
      for (std::size_t other = 0; other <= background; ++other) sum += matrix.at(other, column);
      rows.back().push_back(row == background && column == background ? "" : std::to_string(matrix.at(row, column)));
      shares.push_back(sum == 0 ? 0 : static_cast<double>(matrix.at(row, column)) / static_cast<double>(sum));
    }
  }
  page.heading("What is taken for what");
  page.paragraph(
      fmt::format("Boxes with confidence {} and more, that overlap an object by more than 0.45. A column is "
                  "what became of the objects of a class; the last column are boxes where nothing is.",
                  analysis.options.confidence));
  page.shaded_table(rows, shares);
}

void add_thresholds(Page& page, const DetectionAnalysis& analysis) {
  page.heading("Which confidence to ask for");
  page.paragraph(
      "For each class: the threshold of the best F1, and the lowest that keeps false alarms within a budget, with the "
      "share of objects that is still found. False alarms per picture, times pictures per hour that a camera sends, "
      "are "
      "false alarms per hour.");
  Rows rows = {{"class", "best F1", "threshold", "precision", "found", "false alarms per picture"}};
  for (const double budget : analysis.options.budgets) {
    rows[0].push_back(fmt::format("threshold for {} per picture", budget));
    rows[0].push_back("found");
  }
  for (std::size_t c = 0; c < analysis.operation.size(); ++c) {
    const ClassOperation& one = analysis.operation[c];
    if (analysis.result.per_class[c].truths == 0 && one.best.false_alarms_per_picture == 0) continue;
    rows.push_back({analysis.result.per_class[c].name, share(one.best.f1), confidence(one.best.threshold),
                    percent(one.best.precision), percent(one.best.recall),
                    fmt::format("{:.3g}", one.best.false_alarms_per_picture)});
    for (const OperatingPoint& point : one.budgets) {
      rows.back().push_back(confidence(point.threshold));
      rows.back().push_back(percent(point.recall));
    }
  }
  page.table(rows);
}

void add_groups(Page& page, const DetectionAnalysis& analysis) {
  if (analysis.groups.empty()) return;
  page.heading("By camera or video");
  page.paragraph(
      "Each group of pictures by itself, the weakest first. What a new camera will give is nearer to a group that was "
      "left out of the training: joist train --leave-out NAME.");
  std::vector<DetectionAnalysis::Group> groups = analysis.groups;
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.AP50 < b.AP50; });
  Rows rows = {{"group", "pictures", "objects", "AP50", "AP"}};
  constexpr std::size_t most = 40;
  for (std::size_t i = 0; i < std::min(groups.size(), most); ++i)
    rows.push_back({groups[i].name, std::to_string(groups[i].pictures), std::to_string(groups[i].objects),
                    share(groups[i].AP50), share(groups[i].AP)});
  page.table(rows);
  if (groups.size() > most) page.paragraph(fmt::format("… and {} more, in the JSON.", groups.size() - most));
}

}  // namespace

void add_detection_report(Page& page, const DetectionAnalysis& analysis, const Dataset& dataset) {
  add_numbers(page, analysis);
  add_errors(page, analysis);
  add_curves(page, analysis);
  add_confusion(page, analysis);
  add_thresholds(page, analysis);
  add_groups(page, analysis);
  add_worst_pictures(page, analysis, dataset);
  add_doubtful_labels(page, analysis, dataset);
}

}  // namespace joist
