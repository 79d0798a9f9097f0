#include <joist/cuda/columns.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

/// Windows for bodies, with three spatial axes.
struct Frame {
  std::int64_t kernel[3], windows[3], stride[3], padding[3], dilation[3];
  explicit Frame(const Windows& w) {
    const Three k(w.kernel, 1), n(w.windows, 1), s(w.options.stride, 1), p(w.options.padding, 0),
        d(w.options.dilation, 1);
    for (int axis = 0; axis < 3; ++axis) {
      kernel[axis] = k.at[axis];
      windows[axis] = n.at[axis];
      stride[axis] = s.at[axis];
      padding[axis] = p.at[axis];
      dilation[axis] = d.at[axis];
    }
  }
};

/// [batch, group, channel, spatial...]
struct Pictures {
  std::int64_t batches, groups, channels, length[3] = {1, 1, 1};
  std::int64_t batch_stride, group_stride, channel_stride, stride[3] = {0, 0, 0};
  explicit Pictures(const Array& x)
      : batches(x.shape(0)),
        groups(x.shape(1)),
        channels(x.shape(2)),
        batch_stride(x.strides()[0]),
        group_stride(x.strides()[1]),
        channel_stride(x.strides()[2]) {
    for (int axis = 3; axis < x.rank(); ++axis) {
      length[axis + 3 - x.rank()] = x.shape(axis);
      stride[axis + 3 - x.rank()] = x.strides()[axis];
    }
  }
};

/// Takes the last part of a number that counts through several axes.
JOIST_DEVICE std::int64_t part(std::int64_t& i, std::int64_t length) {
  const std::int64_t here = i % length;
  i /= length;
  return here;
}

}  // namespace

std::int64_t& most_column_bytes() {
  static std::int64_t bytes = std::int64_t{256} << 20;
  return bytes;
}

void write_columns(const Array& x, const Windows& windows, std::int64_t first, const Array& columns) {
  const Frame frame(windows);
  const Pictures in(x);
  const std::int64_t s0 = columns.strides()[0], s1 = columns.strides()[1], s2 = columns.strides()[2],
                     s3 = columns.strides()[3], s4 = columns.strides()[4];
  const std::int64_t area = columns.shape(3), count = columns.shape(4);
  // Neighbouring threads write neighbouring places.
  const bool channels_inside = s2 == 1;
  const Floats from(x), to(columns);
  each("columns", columns.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    std::int64_t batch, group, channel, place, window;
    if (channels_inside) {
      channel = part(i, in.channels), place = part(i, area), group = part(i, in.groups), window = part(i, count);
      batch = i;
    } else {
      window = part(i, count), batch = part(i, in.batches), place = part(i, area), channel = part(i, in.channels);
      group = i;
    }
    const std::int64_t target = batch * s0 + group * s1 + channel * s2 + place * s3 + window * s4;
    std::int64_t source = batch * in.batch_stride + group * in.group_stride + channel * in.channel_stride;
    bool inside = true;
    window += first;
    for (int axis = 2; axis >= 0; --axis) {
      const std::int64_t at = part(window, frame.windows[axis]) * frame.stride[axis] - frame.padding[axis] +
                              part(place, frame.kernel[axis]) * frame.dilation[axis];
      inside = inside && at >= 0 && at < in.length[axis];
      source += at * in.stride[axis];
    }
    to.set(target, inside ? from[source] : 0.0F);
  });
}

void add_columns(const Array& columns, const Windows& windows, const Out& x) {
  const Frame frame(windows);
  const Pictures out(x.array);
  const std::int64_t s0 = columns.strides()[0], s1 = columns.strides()[1], s2 = columns.strides()[2],
                     s3 = columns.strides()[3], s4 = columns.strides()[4];
  const bool channels_inside = out.channel_stride == 1;
  const Floats from(columns);
  const Result to(x);
  each("columns_added", x.array.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    std::int64_t batch, group, channel, at[3];
    if (channels_inside) {
      channel = part(i, out.channels), group = part(i, out.groups);
      for (int axis = 2; axis >= 0; --axis) at[axis] = part(i, out.length[axis]);
    } else {
      for (int axis = 2; axis >= 0; --axis) at[axis] = part(i, out.length[axis]);
      channel = part(i, out.channels), group = part(i, out.groups);
    }
    batch = i;
    const std::int64_t base = batch * s0 + group * s1 + channel * s2;
    Total total;
    std::int64_t place = 0;
    for (std::int64_t a = 0; a < frame.kernel[0]; ++a)
      for (std::int64_t b = 0; b < frame.kernel[1]; ++b)
        for (std::int64_t c = 0; c < frame.kernel[2]; ++c, ++place) {
          const std::int64_t k[3] = {a, b, c};
          std::int64_t window = 0;
          bool seen = true;
          for (int axis = 0; axis < 3; ++axis) {
            const std::int64_t begin = at[axis] + frame.padding[axis] - k[axis] * frame.dilation[axis];
            const std::int64_t number = begin / frame.stride[axis];
            seen = seen && begin >= 0 && begin % frame.stride[axis] == 0 && number < frame.windows[axis];
            window = window * frame.windows[axis] + number;
          }
          if (seen) total.add(from[base + place * s3 + window * s4]);
        }
    std::int64_t target = batch * out.batch_stride + group * out.group_stride + channel * out.channel_stride;
    for (int axis = 0; axis < 3; ++axis) target += at[axis] * out.stride[axis];
    to.put(target, total.value());
  });
}

}  // namespace joist::cuda
