#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/indexing.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>

#include <algorithm>

namespace joist {
namespace {

// Row-major behind the first axis?
bool gapless_rows_of(const Array& x) { return x.shape(0) == 0 || x.selected(0, 0).is_row_major(); }

void take_rows(const Array& x, const Array& index, const Out& out) {
  const Array& y = out.array;
  const std::int64_t rows = y.shape(0);
  if (y.elements() == 0) return;
  const std::int64_t length = y.elements() / rows;
  const auto* wanted = index.data<std::int64_t>();
  const std::int64_t step = index.strides()[0];
  if (!out.accumulate && x.dtype() == y.dtype() && gapless_rows_of(x) && gapless_rows_of(y)) {
    const std::size_t size = size_of(x.dtype());
    const auto* from = static_cast<const char*>(x.raw());
    auto* to = static_cast<char*>(y.raw());
    const auto row_bytes = [size](const Array& array) { return array.strides()[0] * static_cast<std::int64_t>(size); };
    parallel_for(rows, 16384 / length, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::copy_n(from + wanted[i * step] * row_bytes(x), static_cast<std::size_t>(length) * size,
                    to + i * row_bytes(y));
    });
    return;
  }
  for (std::int64_t i = 0; i < rows; ++i)
    copy_array(x.selected(0, wanted[i * step]), {.array = y.selected(0, i), .accumulate = out.accumulate});
}

void take_rows_backward(const Array& dy, const Array& index, const Out& out) {
  const Array& dx = out.array;
  if (!out.accumulate) fill_array(0, dx);
  if (dy.elements() == 0) return;
  const std::int64_t rows = dy.shape(0), length = dy.elements() / rows;
  const auto* wanted = index.data<std::int64_t>();
  const std::int64_t step = index.strides()[0];
  if (gapless_rows_of(dy) && gapless_rows_of(dx)) {
    const auto* from = dy.data<float>();
    auto* to = dx.data<float>();
    // Each thread owns a range of target rows and takes what belongs there, in ascending order.
    parallel_for(dx.shape(0), std::max<std::int64_t>(1, dx.shape(0) * 16384 / dy.elements()),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = 0; i < rows; ++i) {
                     const std::int64_t row = wanted[i * step];
                     if (row < begin || row >= end) continue;
                     const float* source = from + i * dy.strides()[0];
                     float* target = to + row * dx.strides()[0];
                     for (std::int64_t k = 0; k < length; ++k) target[k] += source[k];
                   }
                 });
    return;
  }
  for (std::int64_t i = 0; i < rows; ++i)
    copy_array(dy.selected(0, i), {.array = dx.selected(0, wanted[i * step]), .accumulate = true});
}

}  // namespace

void fill_indexing(Kernels& table) {
  table.indexing.take_rows = take_rows;
  table.indexing.take_rows_backward = take_rows_backward;
  table.indexing.gather = gather;
  table.indexing.scatter = scatter;
}

}  // namespace joist
