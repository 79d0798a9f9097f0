#include <joist/core/cpu/gradient_rows.h>

#include <algorithm>
#include <cstring>

namespace joist {

using batch_norm::Matrices;
using batch_norm::most_columns;
using batch_norm::Parameters;

Parameters parameters_of(const NormalizedInput& input) {
  Parameters parameters(input.x.shape(1));
  batch_norm::set_normalization(parameters, input.mean, input.inverse_deviation, input.gamma, input.beta);
  return parameters;
}

Parameters parameters_of(const LateNormalization& late) {
  Parameters parameters = parameters_of(late.input);
  for (std::int64_t i = 0; i < parameters.channels(); ++i) {
    parameters(batch_norm::constant, i) = late.constant[static_cast<std::size_t>(i)];
    parameters(batch_norm::linear, i) = late.linear[static_cast<std::size_t>(i)];
  }
  return parameters;
}

GradientRows::GradientRows(const ResultGradient& dy)
    : rows_(pointwise::rows_of(dy.late ? dy.late->values : dy.array)),
      late_(dy.late),
      parameters_(dy.late ? parameters_of(*dy.late) : Parameters(0)) {
  if (!late_) return;
  fused_ = batch_norm::fused_with(late_->input.options.activation);
  picture_ = late_->input.x.shape().elements(2, 4);
}

pointwise::Rows GradientRows::block(std::int64_t first, std::int64_t pixels, float* scratch) const {
  if (!late_) return {rows_.at(first), rows_.row, channels()};
  copy(first, pixels, 0, channels(), scratch, channels());
  return {scratch, channels(), channels()};
}

void GradientRows::add_to(ReadAhead& ahead, std::int64_t first, std::int64_t pixels) const {
  ahead.add(rows_.at(first), pixels * rows_.row);
  if (late_) ahead.add(late_->input.x.data<float>() + first * channels(), pixels * channels());
}

void GradientRows::copy(std::int64_t first, std::int64_t pixels, std::int64_t channel, std::int64_t count, float* to,
                        std::int64_t to_row) const {
  if (!late_) {
    for (std::int64_t i = 0; i < pixels; ++i)
      std::memcpy(to + i * to_row, rows_.at(first + i) + channel, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  const Array& added = late_->added;
  for (std::int64_t pixel = 0, now; pixel < pixels; pixel += now) {
    const std::int64_t picture = (first + pixel) / picture_;
    now = added.defined() ? std::min(pixels - pixel, (picture + 1) * picture_ - (first + pixel)) : pixels;
    const float* const x = late_->input.x.data<float>() + (first + pixel) * channels();
    for (std::int64_t done = 0; done < count; done += most_columns) {
      const std::int64_t at = channel + done;
      Matrices tile;
      tile.x = {x + at, channels()};
      tile.dy = {rows_.at(first + pixel) + at, rows_.row};
      tile.out = to + pixel * to_row + done;
      tile.out_row = to_row;
      tile.rows = now;
      tile.columns = std::min(most_columns, count - done);
      batch_norm::point_at(parameters_, at, tile);
      if (added.defined()) tile.parameter[batch_norm::added] = added.data<float>() + picture * channels() + at;
      fused_.gradient(fused_.activation, tile);
    }
  }
}

}  // namespace joist
