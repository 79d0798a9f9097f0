#include <algorithm>
#include <cmath>
#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/max_pool.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/max_pool.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

#ifndef JOIST_CORE_CPU_MAX_POOL_LINE
#define JOIST_CORE_CPU_MAX_POOL_LINE
namespace joist {
namespace {

// One picture axis.
struct PoolAxis {
  std::int64_t in, out, kernel, stride, padding;

  // Sources of output i.
  std::int64_t first_source(std::int64_t i) const { return i * stride < padding ? 0 : i * stride - padding; }
  std::int64_t end_source(std::int64_t i) const {
    const std::int64_t end = i * stride - padding + kernel;
    return end < in ? end : in;
  }
  // Outputs whose windows hold source s.
  std::int64_t first_output(std::int64_t s) const {
    return s + padding < kernel ? 0 : (s + padding - kernel) / stride + 1;
  }
  std::int64_t end_output(std::int64_t s) const {
    const std::int64_t end = (s + padding) / stride + 1;
    return end < out ? end : out;
  }
};

template <class T>
struct Picture {  // one of a batch
  T* data;
  std::int64_t channel, row, column;  // strides
  T* at(std::int64_t r, std::int64_t c) const { return data + r * row + c * column; }
};

// One output row of the forward, one input row of the backward, of `channels` neighbouring channels.
struct MaximumLine {
  Picture<const float> x;
  Picture<float> y;
  Picture<std::int32_t> index;
  PoolAxis rows, columns;
  std::int64_t row, channels;
};
struct MaximumBackwardLine {
  Picture<const float> dy;
  Picture<const std::int32_t> index;
  Picture<float> dx;
  PoolAxis rows, columns;
  std::int64_t row, channels;
  bool accumulate;
};

}  // namespace
}  // namespace joist
#endif

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

using IndexTag = hn::RebindToSigned<FloatTag>;
using Indices = hn::Vec<IndexTag>;

HWY_INLINE Indices load_indices(const std::int32_t* p, std::int64_t left) {
  const IndexTag d;
  if (left >= lanes()) return hn::LoadU(d, p);
  HWY_ALIGN std::int32_t lane[hn::MaxLanes(FloatTag())] = {};
  for (std::int64_t i = 0; i < left; ++i) lane[i] = p[i];
  return hn::Load(d, lane);
}
HWY_INLINE void store_indices(Indices x, std::int32_t* p, std::int64_t left) {
  const IndexTag d;
  if (left >= lanes()) return hn::StoreU(x, d, p);
  HWY_ALIGN std::int32_t lane[hn::MaxLanes(FloatTag())];
  hn::Store(x, d, lane);
  for (std::int64_t i = 0; i < left; ++i) p[i] = lane[i];
}

// Channels are neighbours in all arrays.
void maximum_line(const MaximumLine& line) {
  const IndexTag di;
  const std::int64_t top = line.rows.first_source(line.row), bottom = line.rows.end_source(line.row);
  for (std::int64_t column = 0; column < line.columns.out; ++column) {
    const std::int64_t from = line.columns.first_source(column), to = line.columns.end_source(column);
    for (std::int64_t i = 0; i < line.channels; i += lanes()) {
      const std::int64_t left = line.channels - i;
      Lanes best(-std::numeric_limits<float>::infinity());
      Indices index = hn::Set(di, static_cast<std::int32_t>(top * line.columns.in + from));
      for (std::int64_t r = top; r < bottom; ++r)
        for (std::int64_t c = from; c < to; ++c) {
          const Lanes x = load_up_to(line.x.at(r, c) + i, left);
          const FloatMask better = hn::Or(x > best, hn::IsNaN(x.v));
          best = select(better, x, best);
          index = hn::IfThenElse(hn::RebindMask(di, better),
                                 hn::Set(di, static_cast<std::int32_t>(r * line.columns.in + c)), index);
        }
      store_up_to(best, line.y.at(line.row, column) + i, left);
      store_indices(index, line.index.at(line.row, column) + i, left);
    }
  }
}

// Gathers: every source looks which of the windows around it chose it. No two threads write the same element.
void maximum_backward_line(const MaximumBackwardLine& line) {
  const FloatTag d;
  const IndexTag di;
  const std::int64_t top = line.rows.first_output(line.row), bottom = line.rows.end_output(line.row);
  for (std::int64_t column = 0; column < line.columns.in; ++column) {
    const std::int64_t from = line.columns.first_output(column), to = line.columns.end_output(column);
    const Indices own = hn::Set(di, static_cast<std::int32_t>(line.row * line.columns.in + column));
    float* dx = line.dx.at(line.row, column);
    for (std::int64_t i = 0; i < line.channels; i += lanes()) {
      const std::int64_t left = line.channels - i;
      Lanes sum(0.0F);
      for (std::int64_t r = top; r < bottom; ++r)
        for (std::int64_t c = from; c < to; ++c) {
          const FloatMask chosen = hn::RebindMask(d, hn::Eq(load_indices(line.index.at(r, c) + i, left), own));
          sum = sum + hn::IfThenElseZero(chosen, load_up_to(line.dy.at(r, c) + i, left).v);
        }
      if (line.accumulate) sum = sum + load_up_to(dx + i, left);
      store_up_to(sum, dx + i, left);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(maximum_line);
HWY_EXPORT(maximum_backward_line);

PoolAxis axis_of(const PoolOptions& options, int axis, std::int64_t in, std::int64_t out) {
  return {in, out, options.kernel[axis], options.stride[axis], options.padding[axis]};
}

template <class T>
Picture<T> picture(const Array& array, std::int64_t batch) {
  const Strides& s = array.strides();
  return {array.data<std::remove_const_t<T>>() + batch * s[0], s[1], s[2], s[3]};
}

bool interleaved(std::initializer_list<const Array*> arrays) {
  return std::all_of(arrays.begin(), arrays.end(),
                     [](const Array* a) { return a->shape(1) == 1 || a->strides()[1] == 1; });
}

void planar_maximum_line(const MaximumLine& line) {
  const std::int64_t top = line.rows.first_source(line.row), bottom = line.rows.end_source(line.row);
  for (std::int64_t channel = 0; channel < line.channels; ++channel)
    for (std::int64_t column = 0; column < line.columns.out; ++column) {
      const std::int64_t from = line.columns.first_source(column), to = line.columns.end_source(column);
      float best = -std::numeric_limits<float>::infinity();
      std::int64_t index = top * line.columns.in + from;
      for (std::int64_t r = top; r < bottom; ++r)
        for (std::int64_t c = from; c < to; ++c) {
          const float x = line.x.at(r, c)[channel * line.x.channel];
          if (x > best || std::isnan(x)) {
            best = x;
            index = r * line.columns.in + c;
          }
        }
      line.y.at(line.row, column)[channel * line.y.channel] = best;
      line.index.at(line.row, column)[channel * line.index.channel] = static_cast<std::int32_t>(index);
    }
}

// One plane of zeros or old values: every output adds to the source that it chose.
void scatter_plane(const Picture<const float>& dy, const Picture<const std::int32_t>& index, const Picture<float>& dx,
                   const PoolAxis& rows, const PoolAxis& columns) {
  for (std::int64_t r = 0; r < rows.out; ++r)
    for (std::int64_t c = 0; c < columns.out; ++c) {
      const std::int64_t at = *index.at(r, c);
      *dx.at(at / columns.in, at % columns.in) += *dy.at(r, c);
    }
}

}  // namespace

void max_pool(const Array& x, const PoolOptions& options, const Out& out, const Array& index) {
  if (index.elements() == 0) return;
  write_or_add(out, [&](const Array& y) {
    const PoolAxis rows = axis_of(options, 0, x.shape(2), y.shape(2)),
                   columns = axis_of(options, 1, x.shape(3), y.shape(3));
    const auto line_of = interleaved({&x, &y, &index}) ? HWY_DYNAMIC_DISPATCH(maximum_line) : planar_maximum_line;
    const std::int64_t work = y.shape(1) * y.shape(3) * rows.kernel * columns.kernel;
    parallel_for(y.shape(0) * rows.out, 16384 / work, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line)
        line_of({.x = picture<const float>(x, line / rows.out),
                 .y = picture<float>(y, line / rows.out),
                 .index = picture<std::int32_t>(index, line / rows.out),
                 .rows = rows,
                 .columns = columns,
                 .row = line % rows.out,
                 .channels = y.shape(1)});
    });
  });
}

void max_pool_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& out) {
  const Array& dx = out.array;
  if (dx.elements() == 0) return;
  const PoolAxis rows = axis_of(options, 0, dx.shape(2), dy.shape(2)),
                 columns = axis_of(options, 1, dx.shape(3), dy.shape(3));
  const std::int64_t channels = dx.shape(1);
  if (interleaved({&dy, &index, &dx})) {
    const auto line_of = HWY_DYNAMIC_DISPATCH(maximum_backward_line);
    const std::int64_t work =
        channels * columns.in * (rows.kernel / rows.stride + 1) * (columns.kernel / columns.stride + 1);
    parallel_for(dx.shape(0) * rows.in, 16384 / work, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line)
        line_of({.dy = picture<const float>(dy, line / rows.in),
                 .index = picture<const std::int32_t>(index, line / rows.in),
                 .dx = picture<float>(dx, line / rows.in),
                 .rows = rows,
                 .columns = columns,
                 .row = line % rows.in,
                 .channels = channels,
                 .accumulate = out.accumulate});
    });
    return;
  }
  if (!out.accumulate) fill_array(0, dx);
  parallel_for(dx.shape(0) * channels, 16384 / (rows.in * columns.in), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const auto of_channel = [&]<class T>(Picture<T> p) {
        p.data += plane % channels * p.channel;
        return p;
      };
      scatter_plane(of_channel(picture<const float>(dy, plane / channels)),
                    of_channel(picture<const std::int32_t>(index, plane / channels)),
                    of_channel(picture<float>(dx, plane / channels)), rows, columns);
    }
  });
}

}  // namespace joist
#endif
