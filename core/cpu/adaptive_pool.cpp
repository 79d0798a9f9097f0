// Windows of adaptive pooling, and values placed at or picked from positions in their plane. Channels-last float32
// pictures average by the loop that average pooling uses; everything else plane by plane, each in one thread.
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>
#include <joist/core/cpu/volumes.h>
#include <joist/core/cpu/windows.h>

#include <cmath>

namespace joist {
namespace {

struct Range {
  std::int64_t begin, end;
};
Range window(std::int64_t i, std::int64_t in, std::int64_t out) {
  return {i * in / out, ((i + 1) * in + out - 1) / out};
}

// visit(i, row-major position of output) with its three ranges.
template <class Visit>
void for_each_window(const Volume& in, const Volume& out, Visit&& visit) {
  for (std::int64_t a = 0; a < out.length[0]; ++a)
    for (std::int64_t b = 0; b < out.length[1]; ++b)
      for (std::int64_t c = 0; c < out.length[2]; ++c)
        visit(out.offset(a, b, c),
              std::array{window(a, in.length[0], out.length[0]), window(b, in.length[1], out.length[1]),
                         window(c, in.length[2], out.length[2])},
              std::array{a, b, c});
}

template <class Visit>
void for_each_inside(const std::array<Range, 3>& ranges, Visit&& visit) {
  for (std::int64_t i = ranges[0].begin; i < ranges[0].end; ++i)
    for (std::int64_t j = ranges[1].begin; j < ranges[1].end; ++j)
      for (std::int64_t k = ranges[2].begin; k < ranges[2].end; ++k) visit(i, j, k);
}

std::int64_t count(const std::array<Range, 3>& r) {
  return (r[0].end - r[0].begin) * (r[1].end - r[1].begin) * (r[2].end - r[2].begin);
}

template <class Body>
void for_each_plane(const Array& array, std::int64_t work, Body&& body) {
  if (array.elements() == 0) return;
  parallel_for(array.shape(0) * array.shape(1), 16384 / std::max<std::int64_t>(1, work) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t plane = begin; plane < end; ++plane) body(plane);
               });
}

WindowAxis forward_axis(std::int64_t in, std::int64_t out) {
  WindowAxis axis(in, out);
  for (std::int64_t i = 0; i < out; ++i) {
    const Range w = window(i, in, out);
    axis.begin[static_cast<std::size_t>(i)] = w.begin;
    axis.end[static_cast<std::size_t>(i)] = w.end;
    axis.result[static_cast<std::size_t>(i)] = 1.0F / static_cast<float>(w.end - w.begin);
  }
  return axis;
}

// Source s receives from the outputs whose windows hold it: neighbours.
WindowAxis backward_axis(std::int64_t in, std::int64_t out) {
  WindowAxis axis(out, in);
  for (std::int64_t i = out - 1; i >= 0; --i) {
    const Range w = window(i, in, out);
    axis.source[static_cast<std::size_t>(i)] = 1.0F / static_cast<float>(w.end - w.begin);
    for (std::int64_t s = w.begin; s < w.end; ++s) {
      auto& end = axis.end[static_cast<std::size_t>(s)];
      if (end == 0) end = i + 1;
      axis.begin[static_cast<std::size_t>(s)] = i;
    }
  }
  return axis;
}

bool is_fast(const Array& a) {
  return a.rank() == 4 && a.dtype() == Dtype::float32 && a.order() == Order::channels_last;
}

void average(const Array& x, const Out& out) {
  const Array& y = out.array;
  if (is_fast(x) && is_fast(y) && y.elements() > 0)
    return sum_windows(x, forward_axis(x.shape(2), y.shape(2)), forward_axis(x.shape(3), y.shape(3)), out);
  with_floating(x.dtype(), "adaptive_avg_pool", [&]<class T>(T) {
    const Volume in = volume_of(x), result = volume_of(y);
    for_each_plane(y, in.elements(), [&](std::int64_t plane) {
      const T* from = x.data<T>() + plane_offset(x, plane);
      T* to = y.data<T>() + plane_offset(y, plane);
      for_each_window(in, result, [&](std::int64_t offset, const auto& ranges, const auto&) {
        T sum{0};
        for_each_inside(ranges,
                        [&](std::int64_t i, std::int64_t j, std::int64_t k) { sum += from[in.offset(i, j, k)]; });
        const T mean = sum / static_cast<T>(count(ranges));
        to[offset] = out.accumulate ? to[offset] + mean : mean;
      });
    });
  });
}

void average_backward(const Array& dy, const Out& out) {
  const Array& dx = out.array;
  if (is_fast(dx) && is_fast(dy) && dx.elements() > 0)
    return sum_windows(dy, backward_axis(dx.shape(2), dy.shape(2)), backward_axis(dx.shape(3), dy.shape(3)), out);
  with_floating(dx.dtype(), "adaptive_avg_pool_backward", [&]<class T>(T) {
    if (!out.accumulate && dx.elements() > 0) fill_array(0, dx);
    const Volume from = volume_of(dy), to = volume_of(dx);
    for_each_plane(dx, to.elements(), [&](std::int64_t plane) {
      const T* dys = dy.data<T>() + plane_offset(dy, plane);
      T* dxs = dx.data<T>() + plane_offset(dx, plane);
      for_each_window(to, from, [&](std::int64_t offset, const auto& ranges, const auto&) {
        const T share = dys[offset] / static_cast<T>(count(ranges));
        for_each_inside(ranges,
                        [&](std::int64_t i, std::int64_t j, std::int64_t k) { dxs[to.offset(i, j, k)] += share; });
      });
    });
  });
}

void maximum(const Array& x, const Out& out, const Array& index) {
  const Array& y = out.array;
  with_floating(x.dtype(), "adaptive_max_pool", [&]<class T>(T) {
    const Volume in = volume_of(x), result = volume_of(y), positions = volume_of(index);
    for_each_plane(y, in.elements(), [&](std::int64_t plane) {
      const T* from = x.data<T>() + plane_offset(x, plane);
      T* to = y.data<T>() + plane_offset(y, plane);
      std::int64_t* where = index.data<std::int64_t>() + plane_offset(index, plane);
      for_each_window(in, result, [&](std::int64_t offset, const auto& ranges, const auto& at) {
        T best{0};
        std::int64_t position = -1;
        for_each_inside(ranges, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
          const T value = from[in.offset(i, j, k)];
          if (position >= 0 && !(value > best || std::isnan(value))) return;
          best = value;
          position = (i * in.length[1] + j) * in.length[2] + k;
        });
        to[offset] = out.accumulate ? to[offset] + best : best;
        where[positions.offset(at[0], at[1], at[2])] = position;
      });
    });
  });
}

void place(const Array& x, const Array& index, bool add, const Out& out) {
  if (out.array.elements() == 0) return;
  write_or_add(out, [&](const Array& y) {
    fill_array(0, y);
    with_floating(x.dtype(), "pool_place", [&]<class T>(T) {
      const Volume from = volume_of(x), positions = volume_of(index), to = volume_of(y);
      for_each_plane(x, from.elements(), [&](std::int64_t plane) {
        const T* xs = x.data<T>() + plane_offset(x, plane);
        const std::int64_t* where = index.data<std::int64_t>() + plane_offset(index, plane);
        T* ys = y.data<T>() + plane_offset(y, plane);
        for (std::int64_t i = 0; i < from.elements(); ++i) {
          T& element = ys[to.offset(where[positions.offset(i)])];
          const T value = xs[from.offset(i)];
          element = add ? element + value : value;
        }
      });
    });
  });
}

void pick(const Array& x, const Array& index, const Out& out) {
  const Array& y = out.array;
  with_floating(x.dtype(), "pool_pick", [&]<class T>(T) {
    const Volume from = volume_of(x), positions = volume_of(index), to = volume_of(y);
    for_each_plane(y, to.elements(), [&](std::int64_t plane) {
      const T* xs = x.data<T>() + plane_offset(x, plane);
      const std::int64_t* where = index.data<std::int64_t>() + plane_offset(index, plane);
      T* ys = y.data<T>() + plane_offset(y, plane);
      for (std::int64_t i = 0; i < to.elements(); ++i) {
        T& element = ys[to.offset(i)];
        const T value = xs[from.offset(where[positions.offset(i)])];
        element = out.accumulate ? element + value : value;
      }
    });
  });
}

}  // namespace

void fill_adaptive_pool(Kernels& table) {
  table.pool.adaptive_average = average;
  table.pool.adaptive_average_backward = average_backward;
  table.pool.adaptive_maximum = maximum;
  table.pool.place = place;
  table.pool.pick = pick;
}

}  // namespace joist
