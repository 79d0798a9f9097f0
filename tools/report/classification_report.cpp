#include <joist/core/error.h>
#include <joist/data/augment/resize.h>
#include <joist/data/decode.h>
#include <joist/data/metrics/bootstrap.h>
#include <joist/tools/report/classification_report.h>

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using One = ClassificationResults::One;

struct Counts {
  std::vector<std::int64_t> table{};  // [predicted, label]
  std::vector<std::int64_t> truths{}, predicted{};
  std::int64_t right = 0, top5 = 0;
};

Counts counts_of(const ClassificationResults& results) {
  const std::size_t classes = results.classes.size();
  Counts counts{.table = std::vector<std::int64_t>(classes * classes),
                .truths = std::vector<std::int64_t>(classes),
                .predicted = std::vector<std::int64_t>(classes)};
  for (const One& one : results.pictures) {
    const auto label = static_cast<std::size_t>(one.label), predicted = static_cast<std::size_t>(one.predicted);
    ++counts.table[predicted * classes + label];
    ++counts.truths[label];
    ++counts.predicted[predicted];
    counts.right += results.is_right(one) ? 1 : 0;
    counts.top5 += one.in_top5 ? 1 : 0;
  }
  return counts;
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? -1 : static_cast<double>(part) / static_cast<double>(whole);
}

Interval range_of(const ClassificationResults& results) {
  std::vector<char> hits;
  for (const One& one : results.pictures) hits.push_back(results.is_right(one) ? 1 : 0);
  constexpr int draws = 400;
  return bootstrap_share(hits, draws);
}

std::string name_of(const ClassificationResults& results, const One& one) {
  return results.paths.empty() ? "#" + std::to_string(one.picture) : results.paths[one.picture];
}

std::string text(double value) { return value < 0 ? "–" : fmt::format("{:.3f}", value); }

void add_confusion(Page& page, const ClassificationResults& results, const Counts& counts) {
  constexpr std::size_t most = 60;
  const std::size_t classes = results.classes.size();
  page.heading("What is taken for what");
  if (classes > most) {
    std::vector<std::pair<std::int64_t, std::size_t>> pairs;
    for (std::size_t at = 0; at < counts.table.size(); ++at)
      if (at / classes != at % classes && counts.table[at] > 0) pairs.emplace_back(counts.table[at], at);
    std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::vector<std::string>> rows = {{"is", "was taken for", "times"}};
    for (std::size_t i = 0; i < std::min(most, pairs.size()); ++i)
      rows.push_back({results.classes[pairs[i].second % classes], results.classes[pairs[i].second / classes],
                      std::to_string(pairs[i].first)});
    page.table(rows);
    return;
  }
  std::vector<std::vector<std::string>> rows(1, {"predicted ↓   true →"});
  for (const std::string& name : results.classes) rows[0].push_back(name);
  std::vector<double> shares;
  for (std::size_t predicted = 0; predicted < classes; ++predicted) {
    rows.push_back({results.classes[predicted]});
    for (std::size_t label = 0; label < classes; ++label) {
      const std::int64_t count = counts.table[predicted * classes + label];
      rows.back().push_back(std::to_string(count));
      shares.push_back(std::max(0.0, joist::share(count, counts.truths[label])));
    }
  }
  page.shaded_table(rows, shares);
}

Picture picture_of(const ClassificationResults& results, const One& one, int side) {
  Picture picture =
      results.paths.empty() ? results.kept.at(one.picture) : decode(results.paths[one.picture], {.at_least = side});
  const double factor = static_cast<double>(side) / std::max(picture.width, picture.height);
  return resized(picture, std::max(1, static_cast<int>(picture.width * factor)),
                 std::max(1, static_cast<int>(picture.height * factor)));
}

void add_mistakes(Page& page, const ClassificationResults& results) {
  const std::vector<One> wrong = surest_mistakes(results, shown_mistakes);
  if (wrong.empty()) return;
  page.heading("The surest mistakes");
  page.paragraph("Either the model is wrong here, or the label.");
  constexpr int side = 180;
  std::vector<std::pair<Picture, std::string>> shown;
  for (const One& one : wrong) try {
      shown.emplace_back(
          picture_of(results, one, side),
          fmt::format("{} {:.2f}; labelled {} — {}", results.classes[static_cast<std::size_t>(one.predicted)], one.sure,
                      results.classes[static_cast<std::size_t>(one.label)], name_of(results, one)));
    } catch (const DataError&) {
      page.paragraph(name_of(results, one) + " cannot be decoded");
    }
  if (!shown.empty()) page.gallery(shown, side + 20);
}

}  // namespace

std::vector<One> surest_mistakes(const ClassificationResults& results, std::size_t most) {
  std::vector<One> wrong;
  for (const One& one : results.pictures)
    if (!results.is_right(one)) wrong.push_back(one);
  std::stable_sort(wrong.begin(), wrong.end(), [](const One& a, const One& b) { return a.sure > b.sure; });
  wrong.resize(std::min(most, wrong.size()));
  return wrong;
}

std::string to_json(const ClassificationResults& results) {
  const Counts counts = counts_of(results);
  const std::size_t classes = results.classes.size();
  const auto all = std::ssize(results.pictures);
  nlohmann::ordered_json json{{"top1", share(counts.right, all)}, {"top5", share(counts.top5, all)}};
  json["per_class"] = nlohmann::ordered_json::array();
  for (std::size_t c = 0; c < classes; ++c) {
    const std::int64_t hits = counts.table[c * classes + c];
    json["per_class"].push_back({{"name", results.classes[c]},
                                 {"top1", share(hits, counts.truths[c])},
                                 {"precision", share(hits, counts.predicted[c])},
                                 {"F1", share(2 * hits, counts.truths[c] + counts.predicted[c])},
                                 {"truths", counts.truths[c]}});
  }
  const Interval range = range_of(results);
  if (range.low >= 0) json["intervals"] = {{"top1", {range.low, range.high}}};
  json["confusion"] = {{"rows", "predicted"}, {"columns", "true"}, {"classes", results.classes}};
  for (std::size_t row = 0; row < classes; ++row)
    json["confusion"]["counts"].push_back(
        std::vector<std::int64_t>(counts.table.begin() + static_cast<std::ptrdiff_t>(row * classes),
                                  counts.table.begin() + static_cast<std::ptrdiff_t>((row + 1) * classes)));
  json["worst_pictures"] = nlohmann::ordered_json::array();
  for (const One& one : surest_mistakes(results, results.pictures.size()))
    json["worst_pictures"].push_back({{"file_name", name_of(results, one)},
                                      {"label", results.classes[static_cast<std::size_t>(one.label)]},
                                      {"predicted", results.classes[static_cast<std::size_t>(one.predicted)]},
                                      {"sure", one.sure},
                                      {"probability_of_label", one.truth}});
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void add_classification_report(Page& page, const ClassificationResults& results) {
  const Counts counts = counts_of(results);
  const std::size_t classes = results.classes.size();
  const auto all = std::ssize(results.pictures);
  const Interval range = range_of(results);
  page.heading("How good it is");
  page.paragraph(fmt::format(
      "{} of {} pictures are right: top-1 {} (95 of 100 draws of the pictures give {} to {}); top-5 {}.", counts.right,
      all, text(share(counts.right, all)), text(range.low), text(range.high), text(share(counts.top5, all))));
  std::vector<std::vector<std::string>> rows = {{"class", "pictures", "found", "of those called so, right", "F1"}};
  for (std::size_t c = 0; c < classes; ++c) {
    const std::int64_t hits = counts.table[c * classes + c];
    rows.push_back({results.classes[c], std::to_string(counts.truths[c]), text(share(hits, counts.truths[c])),
                    text(share(hits, counts.predicted[c])),
                    text(share(2 * hits, counts.truths[c] + counts.predicted[c]))});
  }
  page.table(rows);
  add_confusion(page, results, counts);
  add_mistakes(page, results);
}

}  // namespace joist
