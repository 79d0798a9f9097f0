#include <joist/core/error.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/optim/adam.h>
#include <joist/optim/muon.h>
#include <joist/optim/vectors.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

double adjusted(const MuonOptions& o, std::int64_t rows, std::int64_t columns) {
  const auto m = static_cast<double>(rows), n = static_cast<double>(columns);
  if (o.adjust_lr_fn == "match_rms_adamw") return o.lr * 0.2 * std::sqrt(std::max(m, n));
  const double ratio = m / n;
  return o.lr * std::sqrt(o.adjust_lr_fn == "original" ? std::max(1.0, ratio) : ratio);
}

}  // namespace

OptionTable MuonOptions::table() {
  return {{"lr", lr, not_negative},
          {"weight_decay", weight_decay, not_negative},
          {"momentum", momentum, zero_to_one},
          {"nesterov", nesterov},
          {"eps", eps, not_negative},
          {"ns_steps", ns_steps, {.low = 1, .high = 100}},
          {"adjust_lr_fn", adjust_lr_fn, {"original", "match_rms_adamw", "spectral_unclamped"}},
          {"other_lr", other_lr, not_negative},
          {"other_weight_decay", other_weight_decay, not_negative},
          {"maximize", maximize},
          {"clear_gradients", clear_gradients}};
}

Tensor orthogonalized(const Tensor& matrix, std::int64_t steps, double eps) {
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;  // Jordan 2024: the steepest at 0 that still stays bounded
  const NoGradient quiet;
  const bool tall = matrix.shape(0) > matrix.shape(1);
  Tensor x = tall ? transpose(matrix, 0, 1) : matrix;
  x = x / std::max(std::sqrt(sum(square(x)).item()), eps);
  for (std::int64_t i = 0; i < steps; ++i) {
    const Tensor gram = matmul(x, transpose(x, 0, 1));
    x = a * x + matmul(b * gram + c * matmul(gram, gram), x);
  }
  return tall ? transpose(x, 0, 1) : x;
}

Muon::Muon(FlatParameters& parameters, const MuonOptions& options, GroupOptions<MuonOptions> own)
    : Groupwise(parameters, options, std::move(own)), momentum_(add_buffer("momentum")) {
  for (const GroupSettings& group : own_groups()) first_lr_.push_back(group.lr);
  for (const FlatParameters::Slice& slice : parameters.slices())
    if (slice.tensor.rank() < 2) second_moment_[slice.name] = add_array("second_moment", slice, {slice.elements});
}

void Muon::update(std::size_t group, const MuonOptions& options) {
  for (const FlatParameters::Slice& slice : slices_of(parameters(), group))
    if (slice.tensor.rank() < 2)
      update_other(slice, options, first_lr_[group] > 0 ? options.lr / first_lr_[group] : 0);
    else
      update_matrix(slice, options);
}

void Muon::update_matrix(const FlatParameters::Slice& slice, const MuonOptions& o) {
  const NoGradient quiet;
  const Array momentum = vector_of(momentum_, slice), living = vector_of(parameters().gradients(), slice);
  const Array gradient = Array::like(living);
  scale(o.maximize ? -1 : 1, living, gradient);
  kernels(momentum).optimizer.interpolate(gradient, 1 - o.momentum, momentum);
  const Tensor mean(parameters().part(momentum_, slice));
  const Tensor slope(gradient.strided(mean.shape(), mean.value().strides()));
  const Tensor wanted = o.nesterov ? lerp(slope, mean, o.momentum) : mean;
  const Shape& shape = slice.tensor.shape();
  const std::int64_t rows = shape[0], columns = rows == 0 ? 0 : slice.elements / rows;
  if (slice.elements == 0) return;
  const Tensor update = reshape(orthogonalized(reshape(wanted, {rows, columns}), o.ns_steps, o.eps), shape);
  const Array values = parameters().part(parameters().values(), slice);
  scale(1 - o.lr * o.weight_decay, values, values);
  add(-adjusted(o, rows, columns), update.value(), values);
}

void Muon::update_other(const FlatParameters::Slice& slice, const MuonOptions& o, double factor) {
  const AdamWOptions adamw{.lr = o.other_lr * factor, .weight_decay = o.other_weight_decay, .maximize = o.maximize};
  kernels(momentum_).optimizer.step(adamw.step(steps(), nullptr), vector_of(parameters().values(), slice),
                                    vector_of(parameters().gradients(), slice),
                                    {vector_of(momentum_, slice), second_moment_.at(slice.name)});
}

}  // namespace joist
