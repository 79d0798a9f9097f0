// Copies of whole slices: x into the middle of y, then axis by axis each padded slice from the one that it repeats
// (which the axes before have already widened). Backward adds the slices back in the opposite order.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/pad.h>

#include <algorithm>

namespace joist {
namespace {

// The part of y that x covers, and the part of x that is not cropped.
struct Middle {
  Array y, x;
};
Middle middle(Array y, Array x, const PadOptions& options) {
  for (int axis = 0; axis < y.rank(); ++axis) {
    const std::int64_t before = options.before[axis], after = options.after[axis], length = x.shape(axis);
    const std::int64_t start = std::max<std::int64_t>(0, -before);
    const std::int64_t stop = std::max(start, length - std::max<std::int64_t>(0, -after));
    x = x.sliced(axis, start, stop);
    const std::int64_t to = std::max<std::int64_t>(0, before);
    y = y.sliced(axis, to, to + stop - start);
  }
  return {y, x};
}

// visit(slice, slice that it repeats), each [.., 1, ..] of y with the axes after `axis` limited to the middle.
template <class Visit>
void for_each_repeat(const Array& y, int axis, const Shape& x, const PadOptions& options, const Visit& visit) {
  Array part = y;
  for (int later = axis + 1; later < y.rank(); ++later)
    part = part.sliced(later, options.before[later], options.before[later] + x[later]);
  const std::int64_t before = options.before[axis], length = x[axis], after = options.after[axis];
  const auto repeat = [&](std::int64_t position) {
    const std::int64_t s = position - before;  // in x
    const std::int64_t source = options.mode == PadMode::replicate  ? std::clamp<std::int64_t>(s, 0, length - 1)
                                : options.mode == PadMode::circular ? (s < 0 ? s + length : s - length)
                                                                    : (s < 0 ? -s : 2 * (length - 1) - s);
    visit(part.sliced(axis, position, position + 1), part.sliced(axis, before + source, before + source + 1));
  };
  for (std::int64_t i = 0; i < before; ++i) repeat(i);
  for (std::int64_t i = 0; i < after; ++i) repeat(before + length + i);
}

}  // namespace

void pad(const Array& x, const PadOptions& options, const Out& out) {
  if (out.array.elements() == 0) return;
  write_or_add(out, [&](const Array& y) {
    const bool constant = options.mode == PadMode::constant;
    if (constant) fill_array(options.value, y);
    const Middle parts = middle(y, x, options);
    copy_array(parts.x, {parts.y});
    if (constant) return;
    for (int axis = 0; axis < y.rank(); ++axis)
      for_each_repeat(y, axis, x.shape(), options,
                      [](const Array& slice, const Array& source) { copy_array(source, {slice}); });
  });
}

void pad_backward(const Array& dy, const PadOptions& options, const Out& dx) {
  if (dx.array.elements() == 0) return;
  if (options.mode == PadMode::constant) {
    const Middle parts = middle(dy, dx.array, options);
    if (!dx.accumulate && parts.x.elements() < dx.array.elements()) fill_array(0, dx.array);
    return copy_array(parts.y, {parts.x, dx.accumulate});
  }
  const Array sums = Array::like(dy);
  copy_array(dy, {sums});
  for (int axis = dy.rank() - 1; axis >= 0; --axis)
    for_each_repeat(sums, axis, dx.array.shape(), options, [](const Array& slice, const Array& source) {
      copy_array(slice, {source, true});
    });
  copy_array(middle(sums, dx.array, options).y, dx);
}

}  // namespace joist
