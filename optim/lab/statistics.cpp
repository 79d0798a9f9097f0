#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/optim/lab/statistics.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace joist::lab {
namespace {

constexpr double significant = 0.05;

double count_of(std::span<const double> x) { return static_cast<double>(x.size()); }

double binomial_tail(std::int64_t n, std::int64_t least) {  // P(X ≥ least), p = 1/2
  double total = 0;
  for (std::int64_t k = least; k <= n; ++k)
    total += std::exp(std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
                      std::lgamma(static_cast<double>(n - k + 1)) - static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, total);
}

std::string brief(double number) {
  std::array<char, 32> text{};
  return {text.data(),
          std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 3).ptr};
}

}  // namespace

double mean(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0) / count_of(x); }

double standard_deviation(std::span<const double> x) {
  if (x.size() < 2) return 0;
  const double middle = mean(x);
  double sum = 0;
  for (const double value : x) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / (count_of(x) - 1));
}

double median(std::vector<double> x) { return quantile(std::move(x), 0.5); }

double quantile(std::vector<double> x, double p) {
  if (x.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(x.begin(), x.end());
  const double place = std::clamp(p, 0.0, 1.0) * static_cast<double>(x.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, x.size() - 1);
  const double share = place - static_cast<double>(low);
  return share == 0 || x[low] == x[high] ? x[low] : x[low] + share * (x[high] - x[low]);
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

double normal_quantile(double p) {
  if (!(p > 0)) return -std::numeric_limits<double>::infinity();
  if (!(p < 1)) return std::numeric_limits<double>::infinity();
  constexpr std::array a{-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                         1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr std::array b{-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                         -1.328068155288572e+01};
  constexpr std::array c{-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                         -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr std::array d{7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  double x = 0;
  if (p < 0.02425 || p > 1 - 0.02425) {
    const double q = std::sqrt(-2 * std::log(std::min(p, 1 - p)));
    x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
        ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    if (p > 0.5) x = -x;
  } else {
    const double q = p - 0.5, r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double e = normal_cdf(x) - p, u = e * std::sqrt(2 * 3.14159265358979323846) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

Interval bca_interval(std::span<const double> x, const BootstrapOptions& options) {
  if (x.size() < 2 || !std::all_of(x.begin(), x.end(), [](double v) { return std::isfinite(v); }))
    throw UsageError({.where = "bca_interval",
                      .what = std::to_string(x.size()) + " numbers",
                      .expected = "at least two, all finite"});
  const double middle = mean(x), n = count_of(x);
  if (std::all_of(x.begin(), x.end(), [&](double v) { return v == x[0]; })) return {x[0], x[0]};
  Random random({.seed = options.seed, .stream = Stream::test});
  std::vector<double> means(static_cast<std::size_t>(options.resamples));
  for (double& one : means) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[random.below(x.size())];
    one = sum / n;
  }
  std::sort(means.begin(), means.end());
  const auto below = static_cast<double>(std::lower_bound(means.begin(), means.end(), middle) - means.begin());
  const auto equal = static_cast<double>(std::upper_bound(means.begin(), means.end(), middle) - means.begin()) - below;
  const double total = static_cast<double>(means.size());
  const double bias = normal_quantile(std::clamp((below + equal / 2) / total, 0.5 / total, 1 - 0.5 / total));
  double squares = 0, cubes = 0;
  for (const double value : x) {  // the jackknife: the mean without `value` differs by (mean - value) / (n - 1)
    const double u = (value - middle) / (n - 1);
    squares += u * u;
    cubes += u * u * u;
  }
  const double acceleration = cubes / (6 * std::pow(squares, 1.5));
  const auto end = [&](double p) {
    const double z = bias + normal_quantile(p);
    return quantile(means, normal_cdf(bias + z / (1 - acceleration * z)));
  };
  const double tail = (1 - options.level) / 2;
  return {end(tail), end(1 - tail)};
}

double student_tails(double t, std::int64_t freedom) {
  if (!(std::abs(t) < std::numeric_limits<double>::infinity())) return std::isnan(t) ? 1 : 0;
  const double angle = std::atan(std::abs(t) / std::sqrt(static_cast<double>(freedom)));
  const double c = std::cos(angle), s = std::sin(angle);
  const bool odd = freedom % 2 != 0;
  double term = odd ? c : 1, sum = freedom > 1 ? term : 0;
  for (std::int64_t j = odd ? 3 : 2; j < freedom; j += 2) {
    term *= c * c * static_cast<double>(j - 1) / static_cast<double>(j);
    sum += term;
  }
  const double inside = odd ? 2 / std::numbers::pi * (angle + s * sum) : s * sum;
  return std::clamp(1 - inside, 0.0, 1.0);
}

Interval t_interval(std::span<const double> x, double level) {
  if (x.size() < 2)
    throw UsageError(
        {.where = "t_interval", .what = std::to_string(x.size()) + " numbers", .expected = "at least two"});
  const auto freedom = static_cast<std::int64_t>(x.size()) - 1;
  double low = 0, high = 1;
  while (student_tails(high, freedom) > 1 - level) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_tails(middle, freedom) > 1 - level ? low : high) = middle;
  }
  const double half = high * standard_deviation(x) / std::sqrt(count_of(x));
  return {mean(x) - half, mean(x) + half};
}

double Comparison::p() const {
  if (diverged_a == 0 && diverged_b == 0) return t_test;
  if (std::max(diverged_a, diverged_b) < pairs || std::min(diverged_a, diverged_b) > 0) return sign_test;
  double ways = 1;  // (2 n)! / (n! n!)
  for (std::int64_t i = 1; i <= pairs; ++i) ways *= static_cast<double>(pairs + i) / static_cast<double>(i);
  return std::min(sign_test, 2 / ways);
}

Comparison compare_pairs(std::span<const double> a, std::span<const double> b, const BootstrapOptions& options) {
  if (a.size() != b.size() || a.empty())
    throw UsageError({.where = "compare_pairs",
                      .what = std::to_string(a.size()) + " runs beside " + std::to_string(b.size()),
                      .expected = "the same seeds for both, at least one"});
  Comparison result;
  std::vector<double> differences;
  std::int64_t losses = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++result.pairs;
    const bool fine_a = std::isfinite(a[i]), fine_b = std::isfinite(b[i]);
    const bool lower = fine_a && (!fine_b || a[i] < b[i]), higher = fine_b && (!fine_a || a[i] > b[i]);
    result.wins += lower;
    losses += higher;
    result.ties += !lower && !higher;
    result.diverged_a += !fine_a;
    result.diverged_b += !fine_b;
    if (fine_a && fine_b) differences.push_back(a[i] - b[i]);
  }
  const bool all_finite = result.diverged_a == 0 && result.diverged_b == 0;
  const std::int64_t decided = result.wins + losses;
  if (decided > 0) result.sign_test = std::min(1.0, 2 * binomial_tail(decided, std::max(result.wins, losses)));
  if (!differences.empty()) result.difference = mean(differences);
  if (all_finite && differences.size() >= 2) result.interval = bca_interval(differences, options);
  if (const double spread = standard_deviation(differences); all_finite && spread > 0 && result.difference != 0)
    result.seeds_needed =
        static_cast<std::int64_t>(std::min(1e9, std::ceil(std::pow(2 * spread / std::abs(result.difference), 2))));
  if (const auto n = static_cast<double>(differences.size()); all_finite && n >= 2) {
    const double error = standard_deviation(differences) / std::sqrt(n);
    if (error > 0 || result.difference != 0)
      result.t_test = student_tails(result.difference / error, static_cast<std::int64_t>(n) - 1);
  }
  using enum Comparison::Verdict;
  if (result.pairs < 5) return result;
  const bool apart = !result.interval || result.interval->high < 0 || result.interval->low > 0;
  const bool is_lower = result.interval ? result.difference < 0 : result.wins > losses;
  result.verdict = !apart || result.p() >= significant ? none : is_lower ? lower : higher;
  return result;
}

void correct(std::span<Comparison*> list, std::int64_t among) {
  std::vector<Comparison*> sorted(list.begin(), list.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->p() < b->p(); });
  bool stands = true;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    Comparison& one = *sorted[i];
    one.among = among;
    stands = stands && one.p() * static_cast<double>(among - static_cast<std::int64_t>(i)) < significant;
    if (!stands && one.verdict != Comparison::Verdict::too_few) one.verdict = Comparison::Verdict::none;
  }
}

std::string words(const Comparison& result, const std::string& a, const std::string& b) {
  using enum Comparison::Verdict;
  std::string numbers = " (";
  if (result.interval)
    numbers += "mean difference " + brief(result.difference) + ", 95 % interval " + brief(result.interval->low) +
               " … " + brief(result.interval->high) + ", ";
  else
    numbers += a + " lower in " + std::to_string(result.wins) + ", ";
  numbers +=
      "p = " + brief(result.p()) + ", " + std::to_string(result.pairs) + (result.pairs == 1 ? " seed" : " seeds");
  for (const auto& [count, name] : {std::pair(result.diverged_a, a), std::pair(result.diverged_b, b)})
    if (count > 0) numbers += "; " + name + " diverged in " + std::to_string(count);
  numbers += ")";
  switch (result.verdict) {
    case lower: return a + " ends lower than " + b + numbers;
    case higher: return a + " ends higher than " + b + numbers;
    case too_few: return "too few seeds to tell " + a + " from " + b + numbers;
    case none: break;
  }
  std::string text = "no detectable difference between " + a + " and " + b + numbers;
  if (result.ties == result.pairs && result.interval) return text + ": the same result for every seed";
  if (result.p() < significant && result.among > 1)
    text += "; among " + std::to_string(result.among) + " comparisons such a one comes by chance";
  else if (result.seeds_needed > result.pairs)
    text += "; a difference as small as this mean would need about " + std::to_string(result.seeds_needed) + " seeds";
  return text;
}

std::optional<double> first_at_target(std::span<const double> costs, std::span<const double> values, double target) {
  for (std::size_t i = 0; i < std::min(costs.size(), values.size()); ++i) {
    if (!(values[i] <= target)) continue;
    if (i == 0 || !std::isfinite(values[i - 1])) return costs[i];
    const double share = (values[i - 1] - target) / (values[i - 1] - values[i]);
    return costs[i - 1] + share * (costs[i] - costs[i - 1]);
  }
  return {};
}

TimeToTarget time_to_target(std::span<const std::optional<double>> costs, double budget) {
  TimeToTarget result;
  std::vector<double> all;
  for (const std::optional<double>& cost : costs) {
    ++result.runs;
    result.reached += cost.has_value();
    all.push_back(cost.value_or(std::numeric_limits<double>::infinity()));
    result.at_least += cost.value_or(budget);
  }
  if (all.empty()) return result;
  result.at_least /= static_cast<double>(all.size());
  if (const double middle = median(all); std::isfinite(middle)) result.median = middle;
  return result;
}

double Profile::share(double tau) const {
  const auto solved = std::upper_bound(ratios.begin(), ratios.end(), tau) - ratios.begin();
  return problems == 0 ? 0 : static_cast<double>(solved) / static_cast<double>(problems);
}

double Profile::score(double limit) const {
  double area = 0;
  for (const double ratio : ratios) area += std::max(0.0, limit - ratio);
  return problems == 0 ? 0 : area / (limit - 1) / static_cast<double>(problems);
}

std::vector<Profile> performance_profiles(const std::vector<std::vector<std::optional<double>>>& costs) {
  std::vector<Profile> profiles(costs.size());
  const std::size_t problems = costs.empty() ? 0 : costs[0].size();
  for (std::size_t problem = 0; problem < problems; ++problem) {
    double best = std::numeric_limits<double>::infinity();
    for (const auto& optimizer : costs) best = std::min(best, optimizer[problem].value_or(best));
    for (std::size_t i = 0; i < costs.size(); ++i) {
      ++profiles[i].problems;
      if (const auto& cost = costs[i][problem]; cost && std::isfinite(best))
        profiles[i].ratios.push_back(best > 0 ? *cost / best : *cost > 0 ? 1e300 : 1);
    }
  }
  for (Profile& profile : profiles) std::sort(profile.ratios.begin(), profile.ratios.end());
  return profiles;
}

}  // namespace joist::lab
