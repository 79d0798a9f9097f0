// Windows as columns and back. Every plane belongs to one thread.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/pad.h>
#include <joist/core/cpu/roi_align.h>
#include <joist/core/cpu/typed.h>

namespace joist {
namespace {

// The windows of one picture axis.
struct Windows {
  std::int64_t length, count, stride, padding, dilation;

  std::int64_t source(std::int64_t window, std::int64_t k) const { return window * stride - padding + k * dilation; }
  // The windows whose element k lies inside.
  std::int64_t first(std::int64_t k) const {
    const std::int64_t missing = padding - k * dilation;
    return missing <= 0 ? 0 : std::min(count, (missing + stride - 1) / stride);
  }
  std::int64_t end(std::int64_t k) const {
    const std::int64_t room = length - 1 + padding - k * dilation;
    return room < 0 ? 0 : std::min(count, room / stride + 1);
  }
};

Windows windows(std::int64_t length, const UnfoldOptions& o, int axis) {
  const std::int64_t room = length + 2 * o.padding[axis] - o.dilation[axis] * (o.kernel[axis] - 1) - 1;
  return {length, room / o.stride[axis] + 1, o.stride[axis], o.padding[axis], o.dilation[axis]};
}

void unfold(const Array& x, const UnfoldOptions& o, const Out& out) {
  if (out.array.elements() == 0) return;
  with_floating(x.dtype(), "unfold", [&]<class T>(T) {
    const Windows rows = windows(x.shape(2), o, 0), columns = windows(x.shape(3), o, 1);
    const Strides &xs = x.strides(), &ys = out.array.strides();
    const T* from = x.data<T>();
    T* to = out.array.data<T>();
    const std::int64_t area = o.kernel[0] * o.kernel[1], count = rows.count * columns.count;
    parallel_for(x.shape(0) * x.shape(1) * area, 16384 / count + 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t k = line % area, plane = line / area;
        const std::int64_t batch = plane / x.shape(1), channel = plane % x.shape(1);
        const T* picture = from + batch * xs[0] + channel * xs[1];
        T* y = to + batch * ys[0] + (channel * area + k) * ys[1];
        const auto put = [&](T& place, T value) { place = out.accumulate ? place + value : value; };
        for (std::int64_t i = 0; i < rows.count; ++i) {
          const std::int64_t row = rows.source(i, k / o.kernel[1]);
          const bool inside = row >= 0 && row < rows.length;
          const std::int64_t first = columns.first(k % o.kernel[1]);
          const std::int64_t last = std::max(first, columns.end(k % o.kernel[1]));
          T* place = y + i * columns.count * ys[2];
          for (std::int64_t j = 0; j < columns.count; ++j, place += ys[2])
            put(*place, inside && j >= first && j < last
                            ? picture[row * xs[2] + columns.source(j, k % o.kernel[1]) * xs[3]]
                            : T{0});
        }
      }
    });
  });
}

void fold(const Array& x, const UnfoldOptions& o, const Out& out) {
  const Array& y = out.array;
  if (y.elements() == 0) return;
  with_floating(x.dtype(), "fold", [&]<class T>(T) {
    const Windows rows = windows(y.shape(2), o, 0), columns = windows(y.shape(3), o, 1);
    const Strides &xs = x.strides(), &ys = y.strides();
    if (!out.accumulate) fill_array(0, y);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const std::int64_t area = o.kernel[0] * o.kernel[1], work = area * rows.count * columns.count;
    parallel_for(y.shape(0) * y.shape(1), 16384 / work + 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t plane = begin; plane < end; ++plane) {
        const std::int64_t batch = plane / y.shape(1), channel = plane % y.shape(1);
        T* picture = to + batch * ys[0] + channel * ys[1];
        for (std::int64_t k = 0; k < area; ++k) {
          const std::int64_t down = k / o.kernel[1], right = k % o.kernel[1];
          const T* source = from + batch * xs[0] + (channel * area + k) * xs[1];
          for (std::int64_t i = rows.first(down); i < rows.end(down); ++i)
            for (std::int64_t j = columns.first(right); j < columns.end(right); ++j)
              picture[rows.source(i, down) * ys[2] + columns.source(j, right) * ys[3]] +=
                  source[(i * columns.count + j) * xs[2]];
        }
      }
    });
  });
}

}  // namespace

void fill_windows(Kernels& table) {
  table.windows.pad = pad;
  table.windows.pad_backward = pad_backward;
  table.windows.unfold = unfold;
  table.windows.fold = fold;
  table.windows.roi_align = roi_align;
  table.windows.roi_align_backward = roi_align_backward;
}

}  // namespace joist
