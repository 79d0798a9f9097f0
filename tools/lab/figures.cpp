#include <joist/core/formats/store.h>
#include <joist/data/encode.h>
#include <joist/optim/lab/statistics.h>
#include <joist/tools/lab/figures.h>
#include <joist/tools/report/field_plot.h>
#include <joist/tools/report/plot.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

double value_of(const Json& json) { return json.is_number() ? json.get<double>() : missing; }

class Figures {
 public:
  explicit Figures(std::string folder) : folder_(std::move(folder)) { ensure_folder(folder_); }
  template <class Drawn>
  void add(const std::string& name, const Drawn& plot) const {
    std::string file;  // letters and digits of any script; nothing that a file system may take amiss
    for (const char c : name) file += std::isalnum(static_cast<unsigned char>(c)) || (c & 0x80) ? c : '-';
    store_file(folder_ + "/" + file + ".svg", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + svg(plot) + "\n");
    write_png(folder_ + "/" + file + ".png", picture_of(plot));
  }

 private:
  std::string folder_;
};

// Median and range of the runs at each point.
Series curve(const Json& optimizer, const char* key, double above) {
  Series series{.name = optimizer.at("label")};
  std::size_t longest = 0;
  for (std::size_t i = 0; i < optimizer.at("runs").size(); ++i)
    if (optimizer["runs"][i].at("evaluations").size() > optimizer["runs"][longest].at("evaluations").size())
      longest = i;
  const Json& places = optimizer["runs"][longest].at("evaluations");
  for (std::size_t k = 0; k < places.size(); ++k) {
    std::vector<double> values;
    for (const Json& run : optimizer["runs"]) {
      if (!run.contains(key)) continue;
      const Json& list = run[key];
      if (k >= list.size() && run.at("diverged").get<bool>()) continue;
      const double value = value_of(list[std::min(k, list.size() - 1)]);
      if (std::isfinite(value)) values.push_back(value - above);
    }
    if (values.empty()) continue;
    const double x = places[k];
    series.points.emplace_back(x, median(values));
    if (values.size() > 1)
      series.band.push_back(
          {x, *std::min_element(values.begin(), values.end()), *std::max_element(values.begin(), values.end())});
  }
  return series;
}

const Json& instruments_of(const Json& optimizer) {
  static const Json none = Json::array();
  for (const Json& run : optimizer.at("runs"))
    if (run.contains("instruments")) return run["instruments"];
  return none;
}

// Share of ReLU units that are 0 for a whole batch.
double dead_share(const Json& entry) {
  double dead = 0, units = 0;
  for (const Json& layer : entry.value("relu", Json::array())) {
    dead += layer.at("dead").get<double>();
    units += layer.at("units").get<double>();
  }
  return units > 0 ? dead / units : missing;
}

void add_if_drawn(const Figures& figures, const std::string& name, const Plot& plot) {
  for (const Series& series : plot.series)
    for (const auto& [x, y] : series.points)
      if (std::isfinite(y)) return figures.add(name, plot);
}

void instrument_figures(const Figures& figures, const Json& problem) {
  const std::string label = problem.at("label");
  struct Instrument {
    const char *key, *title;
    bool log;
  };
  for (const auto& [key, title, log] : {Instrument{"trace", "trace of the Hessian", false},
                                        {"gradient_norm", "norm of the gradient", true},
                                        {"noise_scale", "noise scale in samples", true},
                                        {"update_ratio", "length of a step over length of the weights", true},
                                        {"cosine_of_steps", "cosine between two steps", false},
                                        {"distance_from_start", "distance from the start", false},
                                        {"dead", "share of ReLU units that are 0 for a whole batch", false}}) {
    Plot plot{.title = label + ": " + title, .x_axis = "gradients", .from_zero = false, .log_y = log};
    for (const Json& one : problem.at("optimizers")) {
      Series series{.name = one.at("label"), .dots = true};
      for (const Json& m : instruments_of(one))
        series.points.emplace_back(m.at("evaluations"),
                                   key == std::string("dead") ? dead_share(m) : value_of(m.value(key, Json())));
      plot.series.push_back(std::move(series));
    }
    add_if_drawn(figures, label + " " + key, plot);
  }
  Plot spectrum{.title = label + ": spectrum of the Hessian at the end",
                .x_axis = "eigenvalue",
                .y_axis = "share",
                .from_zero = false,
                .log_y = true};
  Plot sizes{.title = label + ": sizes of the gradient's elements at the end",
             .x_axis = "magnitude",
             .y_axis = "how many",
             .log_x = true};
  for (const Json& one : problem["optimizers"]) {
    if (instruments_of(one).empty()) continue;
    const Json &last = instruments_of(one).back(), &s = last.at("spectrum"), &histogram = last.at("histogram");
    Series stems{.name = one.at("label"), .dots = true}, bars{.name = one.at("label")};
    for (std::size_t i = 0; i < s.at("eigenvalues").size(); ++i)
      stems.points.emplace_back(value_of(s["eigenvalues"][i]), value_of(s.at("weights")[i]));
    for (std::size_t i = 0; i < histogram.at("counts").size(); ++i)
      bars.points.emplace_back(std::pow(10.0, histogram.at("first_exponent").get<double>() + static_cast<double>(i)),
                               value_of(histogram["counts"][i]));
    spectrum.series.push_back(std::move(stems));
    sizes.series.push_back(std::move(bars));
  }
  add_if_drawn(figures, label + " spectrum", spectrum);
  add_if_drawn(figures, label + " histogram", sizes);
}

void problem_figures(const Figures& figures, const Json& problem) {
  const std::string label = problem.at("label"), measure = problem.at("measure");
  const bool surface = problem.contains("surface");
  const double lowest = problem.at("lowest").is_null() ? 0 : problem["lowest"].get<double>();
  Plot test{.title = label, .x_axis = "gradients", .y_axis = measure, .from_zero = false, .log_y = surface};
  Plot accuracy{.title = label, .x_axis = "gradients", .y_axis = "test accuracy", .from_zero = false};
  Plot rates{.title = label + ": what the rate does",
             .x_axis = "learning rate",
             .y_axis = measure,
             .from_zero = false,
             .log_x = true,
             .log_y = true};
  for (const Json& one : problem.at("optimizers")) {
    test.series.push_back(curve(one, "test", surface ? lowest : 0));
    if (one["runs"][0].contains("accuracy")) accuracy.series.push_back(curve(one, "accuracy", 0));
    Series trials{.name = one.at("label"), .dots = true};
    if (one.contains("tuning"))
      for (const Json& trial : one["tuning"]["trials"])
        trials.points.emplace_back(value_of(trial[0]), value_of(trial[1]));
    std::sort(trials.points.begin(), trials.points.end());
    rates.series.push_back(std::move(trials));
  }
  figures.add(label + " curves", test);
  if (!accuracy.series.empty()) figures.add(label + " accuracy", accuracy);
  if (std::any_of(rates.series.begin(), rates.series.end(), [](const Series& s) { return !s.points.empty(); }))
    figures.add(label + " rates", rates);
  if (surface) {
    const Json& s = problem["surface"];
    FieldPlot plot{.title = label, .domain = s.at("domain"), .side = s.at("side")};
    for (const Json& v : s.at("values")) plot.values.push_back(value_of(v));
    for (const Json& m : s.at("minima")) plot.marks.push_back({m[0], m[1]});
    for (const Json& one : problem["optimizers"]) {
      Series path{.name = one.at("label")};
      for (const Json& place : one["runs"][0].value("path", Json::array()))
        path.points.emplace_back(value_of(place[0]), value_of(place[1]));
      plot.paths.push_back(std::move(path));
    }
    figures.add(label + " paths", plot);
  }
  Plot sharpness{.title = label + ": largest eigenvalue, dashed 2/η", .x_axis = "gradients", .log_y = true};
  for (const Json& one : problem["optimizers"]) {
    const Json& run = one["runs"][0];
    if (run.contains("landscape")) {
      const Json& map = run["landscape"];
      const double r = map.at("radius");
      FieldPlot plot{
          .title = label + ", " + one["label"].get<std::string>(), .domain = {-r, r, -r, r}, .side = map.at("side")};
      for (const Json& v : map.at("values")) plot.values.push_back(value_of(v));
      plot.marks.push_back({0, 0});
      figures.add(label + " landscape " + one["label"].get<std::string>(), plot);
    }
    if (!run.contains("instruments") || run["instruments"].empty()) continue;
    Series top{.name = one["label"], .dots = true},
        limit{.name = one["label"].get<std::string>() + ": 2/η", .dashed = true};
    for (const Json& m : run["instruments"]) {
      const double at = m.at("evaluations");
      if (!m.at("top_eigenvalues").empty()) top.points.emplace_back(at, value_of(m["top_eigenvalues"][0]));
      limit.points.emplace_back(at, 2 / value_of(m.at("rate")));
    }
    sharpness.series.push_back(std::move(top));
    sharpness.series.push_back(std::move(limit));
  }
  if (!sharpness.series.empty()) figures.add(label + " sharpness", sharpness);
}

}  // namespace

void write_figures(const std::string& results, const std::string& folder) {
  const Json json = Json::parse(results);
  const Figures figures(folder);
  for (const Json& problem : json.at("problems")) {
    problem_figures(figures, problem);
    instrument_figures(figures, problem);
  }
  for (const Json& figure : json.value("figures", Json::array())) {
    Plot plot{.title = figure.at("title"),
              .x_axis = figure.at("x"),
              .y_axis = figure.at("y"),
              .from_zero = false,
              .log_x = figure.value("logx", false),
              .log_y = figure.value("logy", false)};
    for (const Json& one : figure.at("series")) {
      Series series{.name = one.at("name"), .dots = one.value("dots", false)};
      for (const Json& point : one.at("points")) series.points.emplace_back(value_of(point[0]), value_of(point[1]));
      plot.series.push_back(std::move(series));
    }
    figures.add(plot.title, plot);
  }
  if (json.at("problems").size() < 2 || json.at("profile").size() < 2) return;
  Plot profile{.title = "Performance profile", .x_axis = "τ", .y_axis = "share of problems"};
  for (const Json& one : json["profile"]) {
    Series series{.name = one.at("label")};
    double share = 0;
    series.points.emplace_back(1, 0);
    for (const Json& ratio : one.at("ratios")) {
      if (ratio.get<double>() > 10) break;
      series.points.emplace_back(ratio.get<double>(), share);
      series.points.emplace_back(ratio.get<double>(), share += 1 / one.at("problems").get<double>());
    }
    series.points.emplace_back(10, share);
    profile.series.push_back(std::move(series));
  }
  figures.add("profile", profile);
}

}  // namespace joist::lab
