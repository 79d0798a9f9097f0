#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/schedule.h>

#include <algorithm>
#include <cmath>

namespace joist::schedule {
namespace {

using Shape = double (*)(double progress, double final);

double above_zero(double final) { return final > 0 ? final : 0.01; }

// Three periods, each twice as long as the one before (SGDR's T_mult = 2).
double cosine_restarts(double p, double final) {
  const double at = 7 * p;
  if (at < 1) return cosine(at, 1, final);
  return at < 3 ? cosine((at - 1) / 2, 1, final) : cosine((at - 3) / 4, 1, final);
}

// OneCycleLR's share and first rate.
double one_cycle(double p, double final) {
  constexpr double rising = 0.3, first = 1.0 / 25;
  return p < rising ? cosine(p / rising, first, 1) : cosine((p - rising) / (1 - rising), 1, final);
}

// CyclicLR's triangles, four of them.
double cyclic(double p, double final) {
  const double at = 4 * p - std::floor(4 * p);
  return p >= 1 ? final : final + (1 - final) * (1 - std::abs(2 * at - 1));
}

double wsd(double p, double final) { return linear((p - 0.8) / 0.2, 1, final); }

double steps(double final, int passed) { return std::pow(above_zero(final), passed / 2.0); }

struct Entry {
  ShapeInfo info;
  Shape shape;
};
const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{"constant", "stays"}, [](double, double) { return 1.0; }},
      {{"linear", "falls in a straight line"}, [](double p, double final) { return linear(p, 1, final); }},
      {{"polynomial", "falls with the square of what is left"},
       [](double p, double final) { return final + (1 - final) * (1 - p) * (1 - p); }},
      {{"cosine", "falls as half a cosine wave"}, [](double p, double final) { return cosine(p, 1, final); }},
      {{"cosine_restarts", "three such waves, each twice as long as the one before"}, cosine_restarts},
      {{"one_cycle", "rises from 1/25 over the first 30 %, then falls, both as cosine waves"}, one_cycle},
      {{"cyclic", "four triangles"}, cyclic},
      {{"wsd", "stays for 80 %, then falls in a straight line (with a warm-up: warm-up, stable, decay)"}, wsd},
      {{"step", "falls in two jumps, after 1/3 and 2/3"},
       [](double p, double final) {
         return steps(final, p < 1.0 / 3 ? 0 : p < 2.0 / 3 ? 1 : 2);
       }},
      {{"multi_step", "falls in two jumps, after 1/2 and 3/4"},
       [](double p, double final) {
         return steps(final, p < 0.5 ? 0 : p < 0.75 ? 1 : 2);
       }},
      {{"exponential", "falls by the same factor at each step"},
       [](double p, double final) { return std::pow(above_zero(final), p); }},
      {{"plateau", "falls to a tenth where results stop getting better"}, [](double, double) { return 1.0; }},
  };
  return all;
}

}  // namespace

const std::vector<ShapeInfo>& shapes() {
  static const std::vector<ShapeInfo> all = [] {
    std::vector<ShapeInfo> list;
    for (const Entry& entry : entries()) list.push_back(entry.info);
    return list;
  }();
  return all;
}

std::string shape_named(const std::string& text, const std::string& where) {
  std::string name = text, listed;
  std::replace(name.begin(), name.end(), '-', '_');
  std::vector<std::string> names;
  for (const ShapeInfo& one : shapes()) {
    if (one.name == name) return name;
    names.push_back(one.name);
    listed += (listed.empty() ? "" : ", ") + one.name;
  }
  const std::string near = nearest_name(name, names);
  throw UsageError({.where = where,
                    .what = "\"" + printable(text) + "\"",
                    .expected = listed,
                    .remedy = near.empty() ? "" : "did you mean \"" + near + "\"?"});
}

double shape(const std::string& name, double progress, double final) {
  const std::string known = shape_named(name, "schedule");
  for (const Entry& entry : entries())
    if (entry.info.name == known) return entry.shape(std::clamp(progress, 0.0, 1.0), final);
  return 1;
}

bool begins_low(const std::string& name) { return name == "one_cycle" || name == "cyclic"; }

}  // namespace joist::schedule
