// A block per sample, a thread per position of the target with blanks, step after step. Sums of probabilities are kept
// as logarithms in double, as on the CPU.
#include <joist/core/kernels/log_sum.h>
#include <joist/cuda/ctc.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>

#include <limits>

namespace joist::cuda {
namespace {

/// All samples' numbers; `loss` and `alpha` of one at a time. Position s of a target with blanks: a blank for even s,
/// label s / 2 for odd s.
struct Samples {
  Floats given;  // log_probabilities [steps, batch, classes]
  Typed<std::int64_t> targets, input_lengths, target_lengths;
  Typed<double> alpha;
  std::int64_t count, classes, longest, blank;
  std::int64_t step, sample, of_class, target, label, input_length, target_length, alpha_sample, alpha_step;

  Samples(const Array& log_probabilities, const Array& labels, const Array& inputs, const Array& lengths,
          std::int64_t blank_class, const Array& kept)
      : given(log_probabilities),
        targets(labels),
        input_lengths(inputs),
        target_lengths(lengths),
        alpha(kept),
        count(log_probabilities.shape(1)),
        classes(log_probabilities.shape(2)),
        longest(labels.shape(1)),
        blank(blank_class),
        step(log_probabilities.strides()[0]),
        sample(log_probabilities.strides()[1]),
        of_class(log_probabilities.strides()[2]),
        target(labels.strides()[0]),
        label(labels.strides()[1]),
        input_length(inputs.strides()[0]),
        target_length(lengths.strides()[0]),
        alpha_sample(kept.strides()[0]),
        alpha_step(kept.strides()[1]) {}
  Grid grid(std::int64_t shared_bytes) const {
    return {.blocks = std::min(count, most_blocks),
            .threads = longest > 32 ? threads_per_block : 32,
            .shared_bytes = shared_bytes};
  }
};

/// One of them.
struct Sample {
  const Samples& all;
  std::int64_t number, steps, positions;
  JOIST_DEVICE Sample(const Samples& samples, std::int64_t n)
      : all(samples),
        number(n),
        steps(samples.input_lengths[n * samples.input_length]),
        positions(2 * samples.target_lengths[n * samples.target_length] + 1) {}
  JOIST_DEVICE std::int64_t label(std::int64_t k) const { return all.targets[number * all.target + k * all.label]; }
  JOIST_DEVICE std::int64_t class_of(std::int64_t s) const { return s % 2 == 0 ? all.blank : label(s / 2); }
  JOIST_DEVICE double y(std::int64_t t, std::int64_t s) const {
    return static_cast<double>(all.given[t * all.step + number * all.sample + class_of(s) * all.of_class]);
  }
  JOIST_DEVICE std::int64_t place(std::int64_t t, std::int64_t s) const {
    return number * all.alpha_sample + t * all.alpha_step + s;
  }
  JOIST_DEVICE double alpha(std::int64_t t, std::int64_t s) const { return all.alpha[place(t, s)]; }
  /// Whether the blank before a position may be left out.
  JOIST_DEVICE bool jumps(std::int64_t s) const { return s > 1 && s % 2 == 1 && label(s / 2) != label(s / 2 - 1); }
  /// Positions that a path can have reached after step t and from which it can still end.
  JOIST_DEVICE std::int64_t first(std::int64_t t) const {
    const std::int64_t least = positions - 2 * (steps - t);
    return least > 0 ? least : 0;
  }
  JOIST_DEVICE std::int64_t stop(std::int64_t t) const { return positions < 2 * (t + 1) ? positions : 2 * (t + 1); }
  JOIST_DEVICE double log_likelihood() const {
    if (steps == 0) return positions == 1 ? 0 : -std::numeric_limits<double>::infinity();
    const double last = alpha(steps - 1, positions - 1);
    return positions == 1 ? last : log_sum(last, alpha(steps - 1, positions - 2));
  }
};

struct CtcLoss {
  Samples samples;
  Result loss;
  std::int64_t loss_step;
  JOIST_DEVICE void operator()(Block& block) const {
    for (std::int64_t n = block.index(); n < samples.count; n += block.count()) {
      const Sample sample(samples, n);
      for (std::int64_t t = 0; t < sample.steps; ++t) {
        for (std::int64_t s = block.thread(); s < sample.positions; s += block.threads()) {
          double sum = -std::numeric_limits<double>::infinity();
          if (s >= sample.first(t) && s < sample.stop(t)) {
            sum = 0;
            if (t > 0) {
              sum = sample.alpha(t - 1, s);
              if (sample.jumps(s))
                sum = log_sum(sum, sample.alpha(t - 1, s - 1), sample.alpha(t - 1, s - 2));
              else if (s > 0)
                sum = log_sum(sum, sample.alpha(t - 1, s - 1));
            }
            sum += sample.y(t, s);
          }
          samples.alpha.set(sample.place(t, s), sum);
        }
        block.sync();
      }
      if (block.thread() == 0) loss.put(n * loss_step, static_cast<float>(-sample.log_likelihood()));
    }
  }
};

// What lies behind each position, step after step from the last, and from both sides how probable it is that a path
// stands there. Blanks are added by the whole block, those of an equal label by the thread of its first.
struct CtcBackward {
  Samples samples;
  Floats dloss;
  Result to;  // adds: to zeros or to what was there
  std::int64_t dloss_step, step, sample_step, of_class;
  bool zero_infinity;
  Typed<double> behind;  // [batch, 2, positions]: of this step and the one after it
  Typed<double> share;   // [batch, positions]
  Typed<std::int64_t> next,
      earlier;  // [batch, longest]: the next equal label, or `longest`; whether there is one before

  JOIST_DEVICE void chain(Block& block, const Sample& sample) const {
    const std::int64_t labels = sample.positions / 2, row = sample.number * samples.longest;
    for (std::int64_t k = block.thread(); k < labels; k += block.threads()) {
      const std::int64_t own = sample.label(k);
      std::int64_t before = 0, after = k + 1;
      while (before < k && sample.label(before) != own) ++before;
      while (after < labels && sample.label(after) != own) ++after;
      earlier.set(row + k, before < k ? 1 : 0);
      next.set(row + k, after < labels ? after : samples.longest);
    }
  }
  JOIST_DEVICE std::int64_t place(const Sample& sample, std::int64_t t, std::int64_t k) const {
    return t * step + sample.number * sample_step + k * of_class;
  }
  JOIST_DEVICE void operator()(Block& block) const {
    constexpr double none = -std::numeric_limits<double>::infinity();
    const auto room = block.shared<double>(32);
    for (std::int64_t n = block.index(); n < samples.count; n += block.count()) {
      const Sample sample(samples, n);
      const double likelihood = sample.log_likelihood();
      if (likelihood == none) {  // the same for all threads of the block
        if (!zero_infinity)
          for (std::int64_t i = block.thread(); i < sample.steps * samples.classes; i += block.threads())
            to.put(place(sample, i / samples.classes, i % samples.classes), std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      chain(block, sample);
      const std::int64_t room_of_sample = 2 * samples.longest + 1;
      const double dy = static_cast<double>(dloss[n * dloss_step]);
      for (std::int64_t t = sample.steps - 1; t >= 0; --t) {
        const std::int64_t now = (2 * n + t % 2) * room_of_sample, after = (2 * n + (t + 1) % 2) * room_of_sample;
        double blanks = 0;
        for (std::int64_t s = block.thread(); s < sample.positions; s += block.threads()) {
          double sum = none;
          if (s >= sample.first(t)) {
            if (t == sample.steps - 1) {
              sum = s >= sample.positions - 2 ? 0 : none;
            } else {
              sum = behind[after + s];
              if (s + 2 < sample.positions && sample.jumps(s + 2))
                sum = log_sum(sum, behind[after + s + 1], behind[after + s + 2]);
              else if (s + 1 < sample.positions)
                sum = log_sum(sum, behind[after + s + 1]);
            }
          }
          const double alpha = sample.alpha(t, s),
                       probability = alpha != none && sum != none ? std::exp(alpha + sum - likelihood) : 0.0;
          if (s % 2 == 0) blanks += probability;
          share.set(n * room_of_sample + s, probability);
          behind.set(now + s, sum + sample.y(t, s));
        }
        const double all_blanks = joist::cuda::sum(block, room, blanks);  // and all shares are written
        if (block.thread() == 0) to.put(place(sample, t, samples.blank), static_cast<float>(-dy * all_blanks));
        for (std::int64_t k = block.thread(); k < sample.positions / 2; k += block.threads()) {
          const std::int64_t row = n * samples.longest;
          if (earlier[row + k] != 0) continue;
          double total = 0;
          for (std::int64_t j = k; j < samples.longest; j = next[row + j])
            total += share[n * room_of_sample + 2 * j + 1];
          to.put(place(sample, t, sample.label(k)), static_cast<float>(-dy * total));
        }
        block.sync();
      }
    }
  }
};

}  // namespace

void ctc_loss(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
              const Array& target_lengths, std::int64_t blank, const Out& loss, const Array& alpha) {
  const Samples samples(log_probabilities, targets, input_lengths, target_lengths, blank, alpha);
  launch("ctc_loss", samples.grid(0), CtcLoss{samples, Result(loss), loss.array.strides()[0]});
}

void ctc_loss_backward(const Array& log_probabilities, const Array& targets, const Array& input_lengths,
                       const Array& target_lengths, std::int64_t blank, bool zero_infinity, const Array& alpha,
                       const Array& dloss, const Out& dlog_probabilities) {
  const Array& dx = dlog_probabilities.array;
  if (!dlog_probabilities.accumulate) cuda_kernels().elementwise.fill(0, dx);
  const Samples samples(log_probabilities, targets, input_lengths, target_lengths, blank, alpha);
  const std::int64_t room = 2 * samples.longest + 1;
  const auto scratch = [&](const Shape& shape, Dtype dtype) { return Array::empty(shape, dtype, dx.device()); };
  const Array behind = scratch({samples.count, 2, room}, Dtype::float64),
              share = scratch({samples.count, room}, Dtype::float64),
              next = scratch({samples.count, samples.longest}, Dtype::int64), earlier = Array::like(next);
  launch("ctc_loss_backward", samples.grid(fold_bytes<double>),
         CtcBackward{samples, Floats(dloss), Result({dx, true}), dloss.strides()[0], dx.strides()[0], dx.strides()[1],
                     dx.strides()[2], zero_infinity, Typed<double>(behind), Typed<double>(share),
                     Typed<std::int64_t>(next), Typed<std::int64_t>(earlier)});
}

}  // namespace joist::cuda
