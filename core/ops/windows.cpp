// pad:     y[i] = x[source(i)], a constant outside      dx[s] = Σ dy over the places that repeat s
// unfold:  column of window w = the elements under it    dx = fold(dy)
// fold:    y = Σ columns at their windows' places        dx = unfold(dy)
// The shuffles are permutations of axes.
#include <joist/core/kernels/windows.h>
#include <joist/core/ops/check.h>
#include <joist/core/ops/reshape.h>
#include <joist/core/ops/windows.h>

#include <string>

namespace joist {
namespace {

// Rule of each mode; the padded shape.
Shape padded(const Tensor& x, const PadOptions& options) {
  const auto refuse = [&](const std::string& expected) {
    throw ShapeError(
        {.where = "pad",
         .what = "input " + x.shape().text() + ", before " + options.before.text() + ", after " + options.after.text(),
         .expected = expected,
         .remedy = "smaller amounts, or pad() several times"});
  };
  if (options.before.rank() != x.rank() || options.after.rank() != x.rank()) refuse("one amount per axis");
  Shape shape = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t before = options.before[axis], after = options.after[axis], length = x.shape(axis);
    const std::int64_t most = std::max(before, after);
    shape[axis] = length + before + after;
    if (std::min(before, after) < 0 && options.mode != PadMode::constant)
      throw UnsupportedError({.where = "pad",
                              .what = "negative amounts " + options.before.text() + ", " + options.after.text() +
                                      " with reflect, replicate or circular: unsupported",
                              .expected = "amounts from 0",
                              .remedy = "slice() first, or PadMode::constant"});
    if (std::min<std::int64_t>(0, before) + std::min<std::int64_t>(0, after) + length < 0)
      refuse("to crop at most the length of an axis");
    if (options.mode == PadMode::reflect && most > 0 && most >= length)
      refuse("reflect repeats at most length - 1 elements on each side");
    if (options.mode == PadMode::circular && most > length) refuse("circular repeats at most the length on each side");
    if (options.mode == PadMode::replicate && most > 0 && length == 0) refuse("something to replicate");
  }
  return shape;
}

// Windows along both picture axes.
Shape windows_of(const char* op, const Shape& picture, const UnfoldOptions& o) {
  Shape windows{0, 0};
  for (const Shape* option : {&o.kernel, &o.stride, &o.padding, &o.dilation})
    if (option->rank() != 2)
      throw ShapeError({.where = op,
                        .what = "an option of " + option->text(),
                        .expected = "[height, width]",
                        .remedy = "two lengths for kernel, stride, padding and dilation"});
  for (int i = 0; i < 2; ++i) {
    if (o.kernel[i] < 1 || o.stride[i] < 1 || o.dilation[i] < 1 || o.padding[i] < 0)
      throw ShapeError({.where = op,
                        .what = "kernel " + o.kernel.text() + ", stride " + o.stride.text() + ", dilation " +
                                o.dilation.text() + ", padding " + o.padding.text(),
                        .expected = "kernel, stride and dilation at least 1, padding at least 0",
                        .remedy = "slice() what shall be left out"});
    const std::int64_t room = picture[2 + i] + 2 * o.padding[i] - o.dilation[i] * (o.kernel[i] - 1) - 1;
    if (room < 0)
      throw ShapeError({.where = op,
                        .what = "kernel " + o.kernel.text() + " with dilation " + o.dilation.text() + " does not fit " +
                                picture.text() + " with padding " + o.padding.text(),
                        .expected = "a window of at most the padded length",
                        .remedy = "a larger picture or more padding"});
    windows[i] = room / o.stride[i] + 1;
  }
  return windows;
}

// Pictures keep their physical order.
Tensor ordered(const Tensor& y, const Tensor& like) {
  return like.rank() == 4 && like.value().order() == Order::channels_last ? contiguous(y, Order::channels_last) : y;
}

void require_factor(const char* op, std::int64_t factor, const Tensor& x, bool fits, const char* expected) {
  if (factor < 1 || !fits)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text() + " and factor " + std::to_string(factor),
                      .expected = expected,
                      .remedy = "a convolution in front that makes as many channels, or pad()"});
}

Tensor shuffled(const char* op, const Tensor& x, std::int64_t f, bool up) {
  if (x.rank() < 3)
    throw ShapeError({.where = op,
                      .what = "input " + x.shape().text(),
                      .expected = "[..., channel, height, width]",
                      .remedy = "unsqueeze() what is missing"});
  const std::int64_t c = x.shape(-3), h = x.shape(-2), w = x.shape(-1), batch = x.shape().elements(0, x.rank() - 3);
  Shape shape = x.shape();
  if (up) {
    require_factor(op, f, x, f > 0 && c % (f * f) == 0, "channels divisible by factor²");
    shape[-3] = c / (f * f);
    shape[-2] = h * f;
    shape[-1] = w * f;
    return ordered(reshape(permute(reshape(x, {batch, c / (f * f), f, f, h, w}), {0, 1, 4, 2, 5, 3}), shape), x);
  }
  require_factor(op, f, x, f > 0 && h % f == 0 && w % f == 0, "height and width divisible by the factor");
  shape[-3] = c * f * f;
  shape[-2] = h / f;
  shape[-1] = w / f;
  return ordered(reshape(permute(reshape(x, {batch, c, h / f, f, w / f, f}), {0, 1, 3, 5, 2, 4}), shape), x);
}

}  // namespace

Tensor pad(const Tensor& x, const PadOptions& options) {
  const Shape shape = padded(x, options);
  const auto& table = kernels_of<WindowKernels>(x.value());
  Array y = Array::like(x.value(), shape);
  table.pad(x.value(), options, {y, false});
  return record({Op::pad, options}, {x}, std::move(y),
                [options, &table](const Array& dy, Node& node) { table.pad_backward(dy, options, node.slot(0)); });
}

Tensor pad(const Tensor& x, std::span<const std::int64_t> amounts, PadMode mode, double value) {
  const auto axes = static_cast<int>(amounts.size() / 2);
  if (amounts.size() % 2 != 0 || axes > x.rank())
    throw ShapeError({.where = "pad",
                      .what = std::to_string(amounts.size()) + " amounts for input " + x.shape().text(),
                      .expected = "pairs (before, after) for the last axes",
                      .remedy = "two amounts for each axis, the last axis first"});
  PadOptions options{Shape::filled(x.rank(), 0), Shape::filled(x.rank(), 0), mode, value};
  for (int i = 0; i < axes; ++i) {
    options.before[-1 - i] = amounts[static_cast<std::size_t>(2 * i)];
    options.after[-1 - i] = amounts[static_cast<std::size_t>(2 * i + 1)];
  }
  return pad(x, options);
}

Tensor unfold(const Tensor& x, const UnfoldOptions& options) {
  require_rank("unfold", x, 4, "[batch, channel, height, width]");
  require_floating("unfold", x);
  const Shape windows = windows_of("unfold", x.shape(), options);
  const auto& table = kernels_of<WindowKernels>(x.value());
  Array y =
      Array::empty({x.shape(0), x.shape(1) * options.kernel.elements(), windows.elements()}, x.dtype(), x.device());
  table.unfold(x.value(), options, {y, false});
  return record({Op::unfold, options}, {x}, std::move(y),
                [options, &table](const Array& dy, Node& node) { table.fold(dy, options, node.slot(0)); });
}

Tensor fold(const Tensor& x, std::int64_t height, std::int64_t width, const UnfoldOptions& options) {
  require_rank("fold", x, 3, "[batch, channel · kernel area, windows]");
  require_floating("fold", x);
  const Shape windows = windows_of("fold", {x.shape(0), 1, height, width}, options);
  const std::int64_t area = options.kernel.elements();
  if (x.shape(1) % area != 0 || x.shape(2) != windows.elements())
    throw ShapeError(
        {.where = "fold",
         .what = "columns " + x.shape().text() + ", kernel " + options.kernel.text() + ", picture " +
                 Shape{height, width}.text(),
         .expected = "[batch, a multiple of " + std::to_string(area) + ", " + std::to_string(windows.elements()) + "]",
         .remedy = "the options that unfold() was given"});
  const auto& table = kernels_of<WindowKernels>(x.value());
  Array y = Array::empty({x.shape(0), x.shape(1) / area, height, width}, x.dtype(), x.device());
  table.fold(x.value(), options, {y, false});
  return record({Op::fold, options}, {x}, std::move(y),
                [options, &table](const Array& dy, Node& node) { table.unfold(dy, options, node.slot(0)); });
}

Tensor pixel_shuffle(const Tensor& x, std::int64_t factor) { return shuffled("pixel_shuffle", x, factor, true); }
Tensor pixel_unshuffle(const Tensor& x, std::int64_t factor) { return shuffled("pixel_unshuffle", x, factor, false); }

Tensor channel_shuffle(const Tensor& x, std::int64_t groups) {
  if (x.rank() < 2 || groups < 1 || x.shape(1) % groups != 0)
    throw ShapeError({.where = "channel_shuffle",
                      .what = "input " + x.shape().text() + " and groups " + std::to_string(groups),
                      .expected = "[batch, channel, ...] with channels divisible by groups",
                      .remedy = "the groups of the convolution in front"});
  const std::int64_t channels = x.shape(1), batch = x.shape(0);
  const std::int64_t rest = x.shape().elements(2, x.rank());
  return ordered(reshape(permute(reshape(x, {batch, groups, channels / groups, rest}), {0, 2, 1, 3}), x.shape()), x);
}

}  // namespace joist
