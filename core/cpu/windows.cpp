#include <algorithm>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/simd.h>
#include <joist/core/cpu/windows.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/windows.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

#ifndef JOIST_CORE_CPU_WINDOWS_LINE
#define JOIST_CORE_CPU_WINDOWS_LINE
namespace joist {
namespace {

// One output row of all channels.
struct WindowLine {
  const float* x;  // batch's first element
  std::int64_t x_channel, x_row, x_column;
  float* y;  // row's first element
  std::int64_t y_channel, y_column;
  std::int64_t channels;
  std::int64_t row;  // of the output
  const WindowAxis* rows;
  const WindowAxis* columns;
  bool accumulate;
};

}  // namespace
}  // namespace joist
#endif

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

// Channels are neighbours in x and y.
void interleaved_line(const WindowLine& line) {
  const auto row = static_cast<std::size_t>(line.row);
  const WindowAxis &rows = *line.rows, &columns = *line.columns;
  const auto results = static_cast<std::int64_t>(columns.begin.size());
  for (std::int64_t column = 0; column < results; ++column) {
    const std::int64_t from = columns.begin[static_cast<std::size_t>(column)],
                       to = columns.end[static_cast<std::size_t>(column)];
    const Lanes weight(rows.result[row] * columns.result[static_cast<std::size_t>(column)]);
    float* y = line.y + column * line.y_column;
    for (std::int64_t i = 0; i < line.channels; i += lanes()) {
      const std::int64_t left = line.channels - i;
      Lanes sum(0.0F);
      for (std::int64_t r = rows.begin[row]; r < rows.end[row]; ++r)
        for (std::int64_t c = from; c < to; ++c)
          sum = multiply_add(
              Lanes(rows.source[static_cast<std::size_t>(r)] * columns.source[static_cast<std::size_t>(c)]),
              load_up_to(line.x + r * line.x_row + c * line.x_column + i, left), sum);
      sum = sum * weight;
      if (line.accumulate) sum = sum + load_up_to(y + i, left);
      store_up_to(sum, y + i, left);
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
HWY_EXPORT(interleaved_line);

void planar_line(const WindowLine& line) {
  const auto row = static_cast<std::size_t>(line.row);
  const WindowAxis &rows = *line.rows, &columns = *line.columns;
  for (std::int64_t channel = 0; channel < line.channels; ++channel) {
    const float* x = line.x + channel * line.x_channel;
    float* y = line.y + channel * line.y_channel;
    for (std::size_t column = 0; column < columns.begin.size(); ++column, y += line.y_column) {
      float sum = 0;
      for (std::int64_t r = rows.begin[row]; r < rows.end[row]; ++r)
        for (std::int64_t c = columns.begin[column]; c < columns.end[column]; ++c)
          sum += rows.source[static_cast<std::size_t>(r)] * columns.source[static_cast<std::size_t>(c)] *
                 x[r * line.x_row + c * line.x_column];
      sum *= rows.result[row] * columns.result[column];
      *y = line.accumulate ? *y + sum : sum;
    }
  }
}

}  // namespace

WindowAxis::WindowAxis(std::int64_t sources, std::int64_t results)
    : begin(static_cast<std::size_t>(results)),
      end(static_cast<std::size_t>(results)),
      source(static_cast<std::size_t>(sources), 1.0F),
      result(static_cast<std::size_t>(results), 1.0F) {}

void sum_windows(const Array& x, const WindowAxis& rows, const WindowAxis& columns, const Out& out) {
  const Array& y = out.array;
  const Strides &xs = x.strides(), &ys = y.strides();
  const bool interleaved = y.shape(1) == 1 || (xs[1] == 1 && ys[1] == 1);
  const auto line_of = interleaved ? HWY_DYNAMIC_DISPATCH(interleaved_line) : planar_line;
  const std::int64_t height = y.shape(2);
  const std::int64_t work = std::max<std::int64_t>(1, y.shape(1) * std::max(y.shape(3), x.shape(3)));
  const float* from = x.data<float>();
  float* to = y.data<float>();
  parallel_for(y.elements() == 0 ? 0 : y.shape(0) * height, 8192 / work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t batch = line / height, row = line % height;
      line_of({.x = from + batch * xs[0],
               .x_channel = xs[1],
               .x_row = xs[2],
               .x_column = xs[3],
               .y = to + batch * ys[0] + row * ys[2],
               .y_channel = ys[1],
               .y_column = ys[3],
               .channels = y.shape(1),
               .row = row,
               .rows = &rows,
               .columns = &columns,
               .accumulate = out.accumulate});
    }
  });
}

}  // namespace joist
#endif
