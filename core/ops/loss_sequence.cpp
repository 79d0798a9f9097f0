// ctc: -log Σ over all paths that collapse to the target of Π p      dlog p = -dy · probability of being there
#include <joist/core/kernels/loss.h>
#include <joist/core/ops/arithmetic.h>
#include <joist/core/ops/comparison.h>
#include <joist/core/ops/dtype.h>
#include <joist/core/ops/loss_check.h>
#include <joist/core/ops/reduction.h>
#include <joist/core/ops/reshape.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace joist {
namespace {

constexpr const char* op = "ctc_loss";

// Targets and lengths on the host, targets in rows of equal length.
struct Sequences {
  std::vector<std::int64_t> inputs{}, lengths{}, labels{};
  std::int64_t longest = 0;
};

std::vector<std::int64_t> numbers(const char* name, const Tensor& x) {
  if (is_floating(x.dtype()) || x.dtype() == Dtype::boolean)
    throw DtypeError({.where = op,
                      .what = std::string(name) + " of " + std::string(name_of(x.dtype())),
                      .expected = "integers, int64",
                      .remedy = "to(x, Dtype::int64)"});
  return contiguous(to(to(x.detach(), cpu), Dtype::int64)).value().to_vector<std::int64_t>();
}

[[noreturn]] void refuse_shapes(const Tensor& x, const Tensor& targets, const Tensor& inputs, const Tensor& lengths) {
  throw ShapeError({.where = op,
                    .what = "log_probabilities " + x.shape().text() + ", targets " + targets.shape().text() +
                            ", input_lengths " + inputs.shape().text() + ", target_lengths " + lengths.shape().text(),
                    .expected = "[steps, batch, classes], [batch, longest] or [sum of target_lengths], [batch], "
                                "[batch]; or [steps, classes], [longest], [], []",
                    .remedy = "transpose(x, 0, 1) for [batch, steps, classes]"});
}

Sequences sequences_of(const Tensor& x, const Tensor& targets, const Tensor& input_lengths,
                       const Tensor& target_lengths, std::int64_t blank) {
  const bool batched = x.rank() == 3;
  if (x.rank() != 2 && !batched) refuse_shapes(x, targets, input_lengths, target_lengths);
  const Shape lengths = batched ? Shape{x.shape(1)} : Shape{};
  const bool rows = batched && targets.rank() == 2 && targets.shape(0) == x.shape(1);
  if (input_lengths.shape() != lengths || target_lengths.shape() != lengths || !(rows || targets.rank() == 1))
    refuse_shapes(x, targets, input_lengths, target_lengths);
  Sequences all{numbers("input_lengths", input_lengths), numbers("target_lengths", target_lengths), {}, 0};
  const std::vector<std::int64_t> given = numbers("targets", targets);
  const std::int64_t classes = x.shape(-1), steps = x.shape(0);
  require_option(op, blank >= 0 && blank < classes, "blank", static_cast<double>(blank), "one of the classes");

  const auto count = all.lengths.size();
  std::int64_t total = 0;
  for (std::size_t n = 0; n < count; ++n) {
    if (all.inputs[n] < 0 || all.inputs[n] > steps)
      throw DataError({.where = op,
                       .what = "input length " + std::to_string(all.inputs[n]) + " of sample " + std::to_string(n),
                       .expected = "0 to " + std::to_string(steps) + ", the steps of log_probabilities",
                       .remedy = "the steps before padding"});
    const std::int64_t most = rows ? targets.shape(1) : targets.value().elements() - total;
    if (all.lengths[n] < 0 || all.lengths[n] > most)
      throw DataError({.where = op,
                       .what = "target length " + std::to_string(all.lengths[n]) + " of sample " + std::to_string(n),
                       .expected = "0 to " + std::to_string(most) + " for targets " + targets.shape().text(),
                       .remedy = "the labels before padding"});
    total += all.lengths[n];
    all.longest = std::max(all.longest, all.lengths[n]);
  }
  if (!rows && batched && total != targets.value().elements())
    throw DataError({.where = op,
                     .what = "target_lengths that sum to " + std::to_string(total),
                     .expected = std::to_string(targets.value().elements()) + ", the length of the joined targets",
                     .remedy = "join the targets without padding"});
  all.labels.assign(count * static_cast<std::size_t>(all.longest), 0);
  std::size_t start = 0;
  for (std::size_t n = 0; n < count; ++n) {
    if (rows) start = n * static_cast<std::size_t>(targets.shape(1));
    for (std::size_t k = 0; k < static_cast<std::size_t>(all.lengths[n]); ++k) {
      const std::int64_t label = given[start + k];
      if (label < 0 || label >= classes || label == blank)
        throw DataError(
            {.where = op,
             .what = "label " + std::to_string(label) + " at position " + std::to_string(k) + " of sample " +
                     std::to_string(n),
             .expected = "0 to " + std::to_string(classes - 1) + " but not the blank, " + std::to_string(blank),
             .remedy = "shift the labels, or choose another blank"});
      all.labels[n * static_cast<std::size_t>(all.longest) + k] = label;
    }
    start += static_cast<std::size_t>(all.lengths[n]);
  }
  return all;
}

}  // namespace

Tensor ctc_loss(const Tensor& log_probabilities, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options) {
  require_floating(op, log_probabilities, "log_probabilities");
  const Sequences all = sequences_of(log_probabilities, targets, input_lengths, target_lengths, options.blank);
  const bool batched = log_probabilities.rank() == 3;
  const std::int64_t steps = log_probabilities.shape(0), batch = batched ? log_probabilities.shape(1) : 1;
  const Tensor x = batched ? log_probabilities : reshape(log_probabilities, {steps, 1, log_probabilities.shape(1)});
  const auto placed = [&](const std::vector<std::int64_t>& values, const Shape& shape) {
    return to(Tensor(Array::from(values, shape)), x.device()).value();
  };
  const Array labels = placed(all.labels, {batch, all.longest});
  const Array inputs = placed(all.inputs, {batch}), lengths = placed(all.lengths, {batch});

  const auto& table = kernels_of<LossKernels>(x.value());
  Array loss = Array::empty({batch}, x.dtype(), x.device());
  const Array alpha = Array::empty({batch, steps, 2 * all.longest + 1}, Dtype::float64, x.device());
  const std::int64_t blank = options.blank;
  table.ctc(x.value(), labels, inputs, lengths, blank, {loss, false}, alpha);
  Tensor losses = record({Op::ctc_loss, options}, {x}, std::move(loss),
                         [x = saved(x), labels, inputs, lengths, alpha, blank, zero = options.zero_infinity, &table](
                             const Array& dy, Node& node) {
                           table.ctc_backward(x, labels, inputs, lengths, blank, zero, alpha, dy, node.slot(0));
                         });
  if (options.zero_infinity) losses = masked_fill(losses, isinf(losses), 0);
  if (options.reduction == Reduction::mean) {
    std::vector<double> parts;
    for (const std::int64_t length : all.lengths)
      parts.push_back(1.0 / static_cast<double>(std::max<std::int64_t>(1, length)));
    const Tensor factors = to(to(Tensor(Array::from(parts, {batch})), x.dtype()), x.device());
    return mean(losses * factors);
  }
  return reduced(batched ? losses : reshape(losses, Shape{}), options.reduction);
}

}  // namespace joist
