// Connectionist temporal classification, one sample per task. Sums of probabilities are kept as logarithms in double:
// over a thousand steps they reach -10⁴, where float would leave three digits of a gradient.
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>
#include <joist/core/kernels/log_sum.h>

#include <cmath>
#include <limits>
#include <vector>

namespace joist {
namespace {

constexpr double none = -std::numeric_limits<double>::infinity();

// One sample. Position s of the target with blanks: a blank for even s, label s / 2 for odd s.
template <class T>
struct Sample {
  Sample(const Array& given, const Array& targets, const Array& input_lengths, const Array& target_lengths,
         std::int64_t blank, const Array& kept, std::int64_t number)
      : data(given.data<T>() + number * given.strides()[1]),
        step_stride(given.strides()[0]),
        class_stride(given.strides()[2]),
        steps(input_lengths.data<std::int64_t>()[number * input_lengths.strides()[0]]),
        positions(2 * target_lengths.data<std::int64_t>()[number * target_lengths.strides()[0]] + 1),
        alpha(kept.data<double>() + number * kept.strides()[0]),
        alpha_stride(kept.strides()[1]),
        labels(static_cast<std::size_t>(positions), blank),
        jumps(static_cast<std::size_t>(positions)) {
    const std::int64_t* target = targets.data<std::int64_t>() + number * targets.strides()[0];
    for (std::int64_t s = 1; s < positions; s += 2) {
      const auto at = static_cast<std::size_t>(s);
      labels[at] = target[s / 2 * targets.strides()[1]];
      jumps[at] = s > 1 && labels[at] != labels[at - 2];
    }
  }
  double y(std::int64_t t, std::int64_t s) const {
    return static_cast<double>(data[t * step_stride + labels[static_cast<std::size_t>(s)] * class_stride]);
  }
  // Positions that a path can have reached after step t and from which it can still end.
  std::int64_t first(std::int64_t t) const { return std::max<std::int64_t>(0, positions - 2 * (steps - t)); }
  std::int64_t stop(std::int64_t t) const { return std::min(positions, 2 * (t + 1)); }
  double log_likelihood() const {
    if (steps == 0) return positions == 1 ? 0 : none;
    const double* last = alpha + (steps - 1) * alpha_stride;
    return positions == 1 ? last[0] : log_sum(last[positions - 1], last[positions - 2]);
  }

  const T* data;
  std::int64_t step_stride, class_stride, steps, positions;
  double* alpha;
  std::int64_t alpha_stride;
  std::vector<std::int64_t> labels;
  std::vector<char> jumps;  // whether the blank before a position may be left out
};

template <class T>
void forward(const Sample<T>& sample) {
  for (std::int64_t t = 0; t < sample.steps; ++t) {
    double* now = sample.alpha + t * sample.alpha_stride;
    const double* before = now - sample.alpha_stride;
    std::fill_n(now, sample.positions, none);
    for (std::int64_t s = sample.first(t); s < sample.stop(t); ++s) {
      double sum = t == 0 ? 0 : before[s];
      if (t > 0 && s > 0) {
        sum = sample.jumps[static_cast<std::size_t>(s)] ? log_sum(before[s], before[s - 1], before[s - 2])
                                                        : log_sum(before[s], before[s - 1]);
      }
      now[s] = sum + sample.y(t, s);
    }
  }
}

// to_class(t, class, probability) for each position that a path can hold after step t; end_of_step(t) afterwards.
template <class T, class ToClass, class EndOfStep>
void backward(const Sample<T>& sample, double likelihood, const ToClass& to_class, const EndOfStep& end_of_step) {
  const auto positions = static_cast<std::size_t>(sample.positions);
  std::vector<double> after(positions, none), now(positions);  // what lies behind a position, its own step excluded
  for (std::int64_t t = sample.steps - 1; t >= 0; --t) {
    std::fill(now.begin(), now.end(), none);
    const double* alpha = sample.alpha + t * sample.alpha_stride;
    for (std::int64_t s = sample.first(t); s < sample.positions; ++s) {
      const auto at = static_cast<std::size_t>(s);
      if (t == sample.steps - 1) {
        now[at] = s >= sample.positions - 2 ? 0 : none;
      } else {
        const double next = at + 1 < positions ? after[at + 1] : none;
        now[at] = at + 2 < positions && sample.jumps[at + 2] ? log_sum(after[at], next, after[at + 2])
                                                             : log_sum(after[at], next);
      }
      if (alpha[s] != none && now[at] != none) to_class(sample.labels[at], std::exp(alpha[s] + now[at] - likelihood));
    }
    end_of_step(t);
    for (std::int64_t s = 0; s < sample.positions; ++s)
      after[static_cast<std::size_t>(s)] = now[static_cast<std::size_t>(s)] + sample.y(t, s);
  }
}

void ctc(const Array& log_probabilities, const Array& targets, const Array& input_lengths, const Array& target_lengths,
         std::int64_t blank, const Out& loss, const Array& alpha) {
  with_floating(log_probabilities.dtype(), "ctc_loss", [&]<class T>(T) {
    T* result = loss.array.data<T>();
    parallel_for(loss.array.elements(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const Sample<T> sample(log_probabilities, targets, input_lengths, target_lengths, blank, alpha, n);
        forward(sample);
        T& element = result[n * loss.array.strides()[0]];
        const T value = static_cast<T>(-sample.log_likelihood());
        element = loss.accumulate ? element + value : value;
      }
    });
  });
}

void ctc_backward(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
                  const Array& target_lengths, std::int64_t blank, bool zero_infinity, const Array& alpha,
                  const Array& dloss, const Out& dlog_probabilities) {
  with_floating(log_probabilities.dtype(), "ctc_loss", [&]<class T>(T) {
    const std::int64_t steps = log_probabilities.shape(0), classes = log_probabilities.shape(2);
    const Strides& to = dlog_probabilities.array.strides();
    const bool add = dlog_probabilities.accumulate;
    parallel_for(log_probabilities.shape(1), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> shares(static_cast<std::size_t>(classes));
      for (std::int64_t n = begin; n < end; ++n) {
        const Sample<T> sample(log_probabilities, targets, input_lengths, target_lengths, blank, alpha, n);
        T* dx = dlog_probabilities.array.data<T>() + n * to[1];
        const double dy = static_cast<double>(dloss.data<T>()[n * dloss.strides()[0]]);
        const double likelihood = sample.log_likelihood();
        const auto write = [&](std::int64_t t, const auto& value) {
          for (std::int64_t k = 0; k < classes; ++k) {
            T& element = dx[t * to[0] + k * to[2]];
            const T given = static_cast<T>(value(k));
            element = add ? element + given : given;
          }
        };
        const auto write_all = [&](std::int64_t from, std::int64_t upto, double value) {
          for (std::int64_t t = from; t < upto; ++t) write(t, [value](std::int64_t) { return value; });
        };
        write_all(sample.steps, steps, 0);
        if (likelihood == none) {
          write_all(0, sample.steps, zero_infinity ? 0 : std::numeric_limits<double>::quiet_NaN());
          continue;
        }
        std::fill(shares.begin(), shares.end(), 0.0);
        backward(
            sample, likelihood,
            [&](std::int64_t label, double probability) { shares[static_cast<std::size_t>(label)] += probability; },
            [&](std::int64_t t) {
              write(t, [&](std::int64_t k) { return -dy * shares[static_cast<std::size_t>(k)]; });
              std::fill(shares.begin(), shares.end(), 0.0);
            });
      }
    });
  });
}

}  // namespace

void fill_ctc(Kernels& table) {
  table.loss.ctc = ctc;
  table.loss.ctc_backward = ctc_backward;
}

}  // namespace joist
