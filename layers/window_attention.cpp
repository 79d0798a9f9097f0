#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/window_attention.h>

#include <algorithm>
#include <string>
#include <vector>

namespace joist {
namespace {

Array distances(std::int64_t window) {
  std::vector<std::int64_t> rows;
  const std::int64_t pixels = window * window, span = 2 * window - 1;
  for (std::int64_t from = 0; from < pixels; ++from)
    for (std::int64_t to = 0; to < pixels; ++to)
      rows.push_back((from / window - to / window + window - 1) * span + from % window - to % window + window - 1);
  return Array::from(rows, {pixels * pixels});
}

// Which part of the picture a row or column of the shifted picture came from: 0 or 1 in the last window, where the end
// and what came in on the other side meet.
std::int64_t side_of(std::int64_t at, std::int64_t length, std::int64_t shift) { return at >= length - shift ? 1 : 0; }

// [windows, 1, pixels, pixels], where and of the dtype that `like` is: -100 between pixels that were not neighbours
// before the shift, as the original has it.
Tensor separation(std::int64_t height, std::int64_t width, std::int64_t window, std::int64_t down, std::int64_t right,
                  const Tensor& like) {
  const std::int64_t pixels = window * window;
  std::vector<float> values;
  for (std::int64_t top = 0; top < height; top += window)
    for (std::int64_t left = 0; left < width; left += window) {
      const auto part = [&](std::int64_t pixel) {
        return 2 * side_of(top + pixel / window, height, down) + side_of(left + pixel % window, width, right);
      };
      for (std::int64_t from = 0; from < pixels; ++from)
        for (std::int64_t to = 0; to < pixels; ++to) values.push_back(part(from) == part(to) ? 0.0F : -100.0F);
    }
  const Tensor here(Array::from(values, {height / window * (width / window), 1, pixels, pixels}));
  return to(to(here, like.device()), like.dtype());
}

// The smallest multiple of the window from `length` on.
std::int64_t padded(std::int64_t length, std::int64_t window) { return (length + window - 1) / window * window; }

}  // namespace

WindowAttention::WindowAttention(const WindowAttentionOptions& given)
    : heads(given.heads),
      window(require_positive("WindowAttention", "window", given.window)),
      shift(given.shift),
      relative_position_bias_table(init::trunc_normal(
          {(2 * window - 1) * (2 * window - 1), require_positive("WindowAttention", "heads", heads)}, 0, 0.02)),
      relative_position_index(distances(window)),
      qkv({.in = require_positive("WindowAttention", "width", given.width), .out = 3 * given.width}),
      proj({.in = given.width, .out = given.width}) {
  require_heads("WindowAttention", "width", given.width, "heads", heads);
  if (shift < 0 || shift >= window)
    throw UsageError({.where = "WindowAttention",
                      .what = "shift " + std::to_string(shift) + " of windows of " + std::to_string(window),
                      .expected = "0 or more, below the window",
                      .remedy = "half a window in every second block, else 0"});
  for (Linear* linear : {&qkv, &proj}) {
    linear->weight = init::trunc_normal(linear->weight.shape(), 0, 0.02);
    linear->bias = init::zeros(linear->bias.shape());
  }
}

Tensor WindowAttention::operator()(const Tensor& x) const {
  const std::int64_t channels = proj.weight.shape(0);
  if (x.rank() != 4 || x.shape(3) != channels)
    throw ShapeError({.where = "WindowAttention",
                      .what = "input of shape " + x.shape().text(),
                      .expected = "[batch, height, width, " + std::to_string(channels) + "]",
                      .remedy = "permute(x, {0, 2, 3, 1}) where the channels stand second"});
  const std::int64_t batch = x.shape(0), height = padded(x.shape(1), window), width = padded(x.shape(2), window);
  const std::int64_t windows = height / window * (width / window), pixels = window * window;
  const std::int64_t down = height > window ? shift : 0, right = width > window ? shift : 0;
  Tensor y = x;
  if (height != x.shape(1) || width != x.shape(2))
    y = pad(y, std::vector<std::int64_t>{0, 0, 0, width - x.shape(2), 0, height - x.shape(1)}, PadMode::constant);
  const std::vector<int> axes{1, 2};
  if (down + right > 0) y = roll(y, std::vector<std::int64_t>{-down, -right}, axes);
  y = reshape(y, {batch, height / window, window, width / window, window, channels});
  y = reshape(permute(y, {0, 1, 3, 2, 4, 5}), {batch * windows, pixels, channels});

  // [3, batch · windows, heads, pixels, channels / heads]
  const Tensor parts = permute(reshape(qkv(y), {batch * windows, pixels, 3, heads, channels / heads}), {2, 0, 3, 1, 4});
  Tensor bias =
      index_select(relative_position_bias_table, 0, to(relative_position_index, relative_position_bias_table.device()));
  bias = unsqueeze(permute(reshape(bias, {pixels, pixels, heads}), {2, 0, 1}), 0);
  if (down + right > 0) {
    bias = bias + separation(height, width, window, down, right, bias);
    bias = reshape(expand(unsqueeze(bias, 0), {batch, windows, heads, pixels, pixels}),
                   {batch * windows, heads, pixels, pixels});
  }
  y = scaled_dot_product_attention(select(parts, 0, 0), select(parts, 0, 1), select(parts, 0, 2), {}, bias);
  y = proj(reshape(transpose(y, 1, 2), {batch * windows, pixels, channels}));

  y = reshape(y, {batch, height / window, width / window, window, window, channels});
  y = reshape(permute(y, {0, 1, 3, 2, 4, 5}), {batch, height, width, channels});
  if (down + right > 0) y = roll(y, std::vector<std::int64_t>{down, right}, axes);
  return slice(slice(y, 1, 0, x.shape(1)), 2, 0, x.shape(2));
}

}  // namespace joist
