#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/roi_align.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

/// Where a place of a padded array comes from.
struct Padding {
  int rank = 0;
  PadMode mode = PadMode::constant;
  std::int64_t inside[Shape::max_rank] = {}, outside[Shape::max_rank] = {}, before[Shape::max_rank] = {};
  std::int64_t inside_stride[Shape::max_rank] = {}, outside_stride[Shape::max_rank] = {};

  Padding(const Array& x, const Array& y, const PadOptions& options) : rank(x.rank()), mode(options.mode) {
    for (int axis = 0; axis < rank; ++axis) {
      inside[axis] = x.shape(axis);
      outside[axis] = y.shape(axis);
      before[axis] = options.before[axis];
      inside_stride[axis] = x.strides()[axis];
      outside_stride[axis] = y.strides()[axis];
    }
  }
  JOIST_DEVICE std::int64_t source(int axis, std::int64_t i) const {
    const std::int64_t s = i - before[axis], length = inside[axis];
    if (s >= 0 && s < length) return s;
    switch (mode) {
      case PadMode::constant: return -1;
      case PadMode::reflect: return s < 0 ? -s : 2 * (length - 1) - s;
      case PadMode::replicate: return s < 0 ? 0 : length - 1;
      case PadMode::circular: return s < 0 ? s + length : s - length;
    }
    return -1;
  }
};

void pad(const Array& x, const PadOptions& options, const Out& y) {
  const Padding padding(x, y.array, options);
  const Floats from(x);
  const Result to(y);
  const auto constant = static_cast<float>(options.value);
  each("pad", y.array.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    std::int64_t place = 0, target = 0;
    bool outside = false;
    for (int axis = padding.rank - 1; axis >= 0; --axis) {
      const std::int64_t here = i % padding.outside[axis], s = padding.source(axis, here);
      i /= padding.outside[axis];
      outside = outside || s < 0;
      place += s * padding.inside_stride[axis];
      target += here * padding.outside_stride[axis];
    }
    to.put(target, outside ? constant : from[place]);
  });
}

// Every element of dx looks at the padded places that show it: on each axis its own, and those of the padding.
void pad_backward(const Array& dy, const PadOptions& options, const Out& dx) {
  const Padding padding(dx.array, dy, options);
  const Floats slope(dy);
  const Result to(dx);
  each("pad_backward", dx.array.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    std::int64_t at[Shape::max_rank] = {}, now[Shape::max_rank] = {};
    std::int64_t target = 0;
    for (int axis = padding.rank - 1; axis >= 0; --axis) {
      at[axis] = i % padding.inside[axis];
      i /= padding.inside[axis];
      target += at[axis] * padding.inside_stride[axis];
    }
    // Counts through the candidates of all axes; next() finds the one at or after a place.
    const auto next = [&](int axis, std::int64_t from) {
      const std::int64_t before = padding.before[axis], length = padding.inside[axis];
      for (std::int64_t j = from; j < padding.outside[axis]; ++j) {
        if (j >= before && j < before + length && j < before + at[axis]) j = before + at[axis];  // between: others'
        if (j >= padding.outside[axis]) break;
        if (padding.source(axis, j) == at[axis]) return j;
        if (j == before + at[axis] && j + 1 < before + length) j = before + length - 1;
      }
      return std::int64_t{-1};
    };
    Total total;
    bool some = true;
    for (int axis = 0; axis < padding.rank; ++axis) {
      now[axis] = next(axis, 0);
      some = some && now[axis] >= 0;
    }
    while (some) {
      std::int64_t place = 0;
      for (int axis = 0; axis < padding.rank; ++axis) place += now[axis] * padding.outside_stride[axis];
      total.add(slope[place]);
      int axis = padding.rank - 1;
      for (; axis >= 0; --axis) {
        now[axis] = next(axis, now[axis] + 1);
        if (now[axis] >= 0) break;
        now[axis] = next(axis, 0);
      }
      some = axis >= 0;
    }
    to.put(target, total.value());
  });
}

/// Windows of pictures and their columns [batch, channel · kernel area, windows].
struct Columns {
  std::int64_t kernel[2], stride[2], padding[2], dilation[2], windows[2];
  Columns(const Array& picture, const UnfoldOptions& o) {
    for (int i = 0; i < 2; ++i) {
      kernel[i] = o.kernel[i];
      stride[i] = o.stride[i];
      padding[i] = o.padding[i];
      dilation[i] = o.dilation[i];
      windows[i] = (picture.shape(2 + i) + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
    }
  }
};

void unfold(const Array& x, const UnfoldOptions& options, const Out& y) {
  const Columns columns(x, options);
  const Volume in(x);
  const Strides strides = y.array.strides();
  const std::int64_t s0 = strides[0], s1 = strides[1], s2 = strides[2], rows = y.array.shape(1),
                     count = y.array.shape(2);
  const Floats from(x);
  const Result to(y);
  each("unfold", y.array.elements(), [=] JOIST_DEVICE(std::int64_t i) {
    const std::int64_t window = i % count, row = i / count % rows, batch = i / count / rows;
    const std::int64_t kernel_column = row % columns.kernel[1],
                       kernel_row = row / columns.kernel[1] % columns.kernel[0];
    Place p{batch, row / columns.kernel[1] / columns.kernel[0], {0, 0, 0}};
    p.at[1] = window / columns.windows[1] * columns.stride[0] - columns.padding[0] + kernel_row * columns.dilation[0];
    p.at[2] =
        window % columns.windows[1] * columns.stride[1] - columns.padding[1] + kernel_column * columns.dilation[1];
    const bool inside = p.at[1] >= 0 && p.at[1] < in.length[1] && p.at[2] >= 0 && p.at[2] < in.length[2];
    to.put(batch * s0 + row * s1 + window * s2, inside ? from[in.offset(p)] : 0.0F);
  });
}

void fold_columns(const Array& x, const UnfoldOptions& options, const Out& y) {
  const Columns columns(y.array, options);
  const Volume out(y.array);
  const std::int64_t s0 = x.strides()[0], s1 = x.strides()[1], s2 = x.strides()[2];
  const Floats from(x);
  const Result to(y);
  each("fold", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = out.place(i);
    Total total;
    for (std::int64_t a = 0; a < columns.kernel[0]; ++a) {
      const std::int64_t top = p.at[1] + columns.padding[0] - a * columns.dilation[0];
      if (top < 0 || top % columns.stride[0] != 0 || top / columns.stride[0] >= columns.windows[0]) continue;
      for (std::int64_t b = 0; b < columns.kernel[1]; ++b) {
        const std::int64_t left = p.at[2] + columns.padding[1] - b * columns.dilation[1];
        if (left < 0 || left % columns.stride[1] != 0 || left / columns.stride[1] >= columns.windows[1]) continue;
        const std::int64_t row = (p.channel * columns.kernel[0] + a) * columns.kernel[1] + b;
        const std::int64_t window = top / columns.stride[0] * columns.windows[1] + left / columns.stride[1];
        total.add(from[p.batch * s0 + row * s1 + window * s2]);
      }
    }
    to.put(out.offset(p), total.value());
  });
}

}  // namespace

void fill_windows(Kernels& table) {
  table.windows.pad = pad;
  table.windows.pad_backward = pad_backward;
  table.windows.unfold = unfold;
  table.windows.fold = fold_columns;
  table.windows.roi_align = roi_align;
  table.windows.roi_align_backward = roi_align_backward;
}

}  // namespace joist::cuda
