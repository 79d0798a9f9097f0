// What may be said of several runs: intervals, paired differences, how soon a target was reached, performance profiles.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace joist::lab {

double mean(std::span<const double> x);
/// Of the sample (n - 1); 0 for fewer than two.
double standard_deviation(std::span<const double> x);
double median(std::vector<double> x);
/// Linear between order statistics, p in [0, 1] (numpy's default).
double quantile(std::vector<double> x, double p);

/// The standard normal distribution and its inverse (Acklam's approximation with one step of Halley's, error below
/// 1e-14).
double normal_cdf(double x);
double normal_quantile(double p);

struct Interval {
  double low = 0, high = 0;
};
struct BootstrapOptions {
  double level = 0.95;
  std::int64_t resamples = 10000;
  std::uint64_t seed = 0;
};
/// The BCa bootstrap interval of the mean (Efron 1987): bias from the share of resamples below the mean, acceleration
/// from the jackknife. Same numbers, same seed, same interval. Throws UsageError for fewer than two numbers or one that
/// is not finite.
Interval bca_interval(std::span<const double> x, const BootstrapOptions& options = {});

/// P(|T| ≥ t) of Student's distribution with a whole number of degrees of freedom (Abramowitz and Stegun 26.7.3-4).
double student_tails(double t, std::int64_t freedom);

/// Student's interval of the mean. Throws UsageError for fewer than two numbers.
Interval t_interval(std::span<const double> x, double level = 0.95);

/// Runs of two optimizers with the same seeds: same initial weights, same batches.
struct Comparison {
  std::int64_t pairs = 0;
  std::int64_t diverged_a = 0, diverged_b = 0;  ///< results that are not finite
  double difference = 0;                        ///< mean of a - b over pairs of finite results
  std::optional<Interval> interval{};  ///< of that; none where a run diverged: runs that did not would be flattered
  double sign_test = 1;                ///< two-sided p of as many wins
  double t_test = 1;                   ///< two-sided p of the paired t-test; 1 where a run diverged
  std::int64_t among = 1;              ///< comparisons that p was corrected for, see correct()
  std::int64_t wins = 0, ties = 0;     ///< pairs in which a is lower; the same
  /// Seeds after which an interval would be about as wide as `difference`, from the spread of the differences; 0 where
  /// nothing can be said.
  std::int64_t seeds_needed = 0;
  enum class Verdict { lower, higher, none, too_few } verdict = Verdict::too_few;
  /// What the verdict goes by: the t-test, or where runs diverged the sign test; where all of one side and none of the
  /// other did, Fisher's exact test.
  double p() const;
};
/// Lower is better. At least 5 usable pairs, or there is no verdict. A run that is not finite is higher than every
/// other. A difference has an interval without 0 and p() < 0.05: bootstrap intervals of 5 equal runs miss 0 in 15 % of
/// all cases, of 10 in 11 % (measured with normal numbers), so that the interval alone would see too much.
Comparison compare_pairs(std::span<const double> a, std::span<const double> b, const BootstrapOptions& options = {});
/// Of several comparisons some come out different by chance. Takes back the verdicts that do not stand among `among` of
/// them by Holm's rule. After a look at which optimizer is best, `among` is the number of all pairs.
void correct(std::span<Comparison*> list, std::int64_t among);
/// "A ends lower than B by 0.12 (95 % interval 0.08 … 0.17, 5 seeds)", "no detectable difference between …".
std::string words(const Comparison& result, const std::string& a, const std::string& b);

/// When a curve of (cost, value) first is at or below the target, between points along a straight line; none: censored.
std::optional<double> first_at_target(std::span<const double> costs, std::span<const double> values, double target);

/// Costs to a target of runs, some of which never got there.
struct TimeToTarget {
  std::int64_t runs = 0, reached = 0;
  /// Half of the runs were there by then; none where fewer than half ever were.
  std::optional<double> median{};
  /// Mean of what each run took, those that never got there counted with the whole budget: at least this much.
  double at_least = 0;
};
TimeToTarget time_to_target(std::span<const std::optional<double>> costs, double budget);

/// AlgoPerf's performance profile (Dolan and Moré 2002; Dahl et al. 2023): share of the problems that an optimizer
/// solves within τ times what the fastest one took, and its score B = 1/(limit - 1) ∫₁^limit ρ(τ) dτ.
struct Profile {
  std::vector<double> ratios{};  ///< per problem, ascending; those never solved are left out
  std::int64_t problems = 0;
  double share(double tau) const;
  double score(double limit = 4) const;
};
/// costs[optimizer][problem]; none: not solved. A problem that nobody solves counts against all.
std::vector<Profile> performance_profiles(const std::vector<std::vector<std::optional<double>>>& costs);

}  // namespace joist::lab
