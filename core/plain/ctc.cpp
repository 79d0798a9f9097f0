#include <joist/core/plain/plain.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace joist::plain {
namespace {

constexpr double none = -std::numeric_limits<double>::infinity();

double log_sum(const std::vector<double>& logarithms) {
  double largest = none, sum = 0;
  for (const double value : logarithms) largest = std::max(largest, value);
  if (largest == none) return none;
  for (const double value : logarithms) sum += std::exp(value - largest);
  return largest + std::log(sum);
}

// One sample: its target with blanks around every label, and the transitions that are allowed between positions.
struct Sample {
  Sample(const Array& given, const Array& targets, const Array& input_lengths, const Array& target_lengths,
         std::int64_t blank, std::int64_t number)
      : log_probabilities(given),
        sample(number),
        steps(at<std::int64_t>(input_lengths, {number})),
        positions(2 * at<std::int64_t>(target_lengths, {number}) + 1) {
    for (std::int64_t s = 0; s < positions; ++s)
      labels.push_back(s % 2 == 0 ? blank : at<std::int64_t>(targets, {number, s / 2}));
  }
  std::int64_t label(std::int64_t s) const { return labels[static_cast<std::size_t>(s)]; }
  double y(std::int64_t t, std::int64_t s) const { return at(log_probabilities, {t, sample, label(s)}); }
  // Stay, go on by one, or leave out a blank between two labels that differ.
  bool allowed(std::int64_t from, std::int64_t to) const {
    return to == from || to == from + 1 || (to == from + 2 && to % 2 == 1 && label(to) != label(from));
  }
  // Everything up to a step, the step included; everything from a step on, the step included (Graves 2006, eq. 6, 10).
  std::vector<std::vector<double>> forward() const {
    std::vector<std::vector<double>> alpha(static_cast<std::size_t>(steps));
    for (std::int64_t t = 0; t < steps; ++t)
      for (std::int64_t s = 0; s < positions; ++s) {
        std::vector<double> before;
        if (t == 0 && s < 2) before.push_back(0);
        for (std::int64_t from = std::max<std::int64_t>(0, s - 2); t > 0 && from <= s; ++from)
          if (allowed(from, s))
            before.push_back(alpha[static_cast<std::size_t>(t - 1)][static_cast<std::size_t>(from)]);
        alpha[static_cast<std::size_t>(t)].push_back(log_sum(before) + y(t, s));
      }
    return alpha;
  }
  std::vector<std::vector<double>> backward() const {
    std::vector<std::vector<double>> beta(static_cast<std::size_t>(steps));
    for (std::int64_t t = steps - 1; t >= 0; --t)
      for (std::int64_t s = 0; s < positions; ++s) {
        std::vector<double> after;
        if (t == steps - 1 && s >= positions - 2) after.push_back(0);
        for (std::int64_t to = s; t < steps - 1 && to <= std::min(positions - 1, s + 2); ++to)
          if (allowed(s, to)) after.push_back(beta[static_cast<std::size_t>(t + 1)][static_cast<std::size_t>(to)]);
        beta[static_cast<std::size_t>(t)].push_back(log_sum(after) + y(t, s));
      }
    return beta;
  }
  double log_likelihood(const std::vector<std::vector<double>>& alpha) const {
    if (steps == 0) return positions == 1 ? 0 : none;
    std::vector<double> ends{alpha.back().back()};
    if (positions > 1) ends.push_back(alpha.back()[alpha.back().size() - 2]);
    return log_sum(ends);
  }

  const Array& log_probabilities;
  std::int64_t sample, steps, positions;
  std::vector<std::int64_t> labels{};
};

void ctc(const Array& log_probabilities, const Array& targets, const Array& input_lengths, const Array& target_lengths,
         std::int64_t blank, const Out& loss, const Array& alpha) {
  for (std::int64_t n = 0; n < loss.array.elements(); ++n) {
    const Sample sample(log_probabilities, targets, input_lengths, target_lengths, blank, n);
    const auto forward = sample.forward();
    for (std::int64_t t = 0; t < sample.steps; ++t)
      for (std::int64_t s = 0; s < sample.positions; ++s)
        at(alpha, {n, t, s}) = forward[static_cast<std::size_t>(t)][static_cast<std::size_t>(s)];
    put(loss, {n}, -sample.log_likelihood(forward));
  }
}

// Gathered anew from both sides; alpha is not needed.
void ctc_backward(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
                  const Array& target_lengths, std::int64_t blank, bool zero_infinity, const Array&, const Array& dloss,
                  const Out& dlog_probabilities) {
  const Array result = zeros(log_probabilities.shape());
  for (std::int64_t n = 0; n < dloss.elements(); ++n) {
    const Sample sample(log_probabilities, targets, input_lengths, target_lengths, blank, n);
    const auto alpha = sample.forward(), beta = sample.backward();
    const double likelihood = sample.log_likelihood(alpha);
    if (likelihood == none && zero_infinity) continue;
    for (std::int64_t t = 0; t < sample.steps; ++t)
      for (std::int64_t k = 0; k < log_probabilities.shape(2); ++k) {
        double probability = 0;
        for (std::int64_t s = 0; s < sample.positions; ++s)
          if (sample.label(s) == k && sample.y(t, s) != none)
            probability +=
                std::exp(alpha[static_cast<std::size_t>(t)][static_cast<std::size_t>(s)] +
                         beta[static_cast<std::size_t>(t)][static_cast<std::size_t>(s)] - sample.y(t, s) - likelihood);
        if (likelihood == none) probability = std::numeric_limits<double>::quiet_NaN();
        at(result, {t, n, k}) = -at(dloss, {n}) * probability;
      }
  }
  put(dlog_probabilities, result);
}

}  // namespace

void fill_ctc(LossKernels& kernels) {
  kernels.ctc = ctc;
  kernels.ctc_backward = ctc_backward;
}

}  // namespace joist::plain
