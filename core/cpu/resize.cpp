#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/windows.h>

namespace joist {
namespace {

// Output i of `out` lies on source floor(i * in / out); source s is the one of outputs ceil(s * out / in) up to,
// without, ceil((s + 1) * out / in).
WindowAxis forward_axis(std::int64_t in, std::int64_t out) {
  WindowAxis axis(in, out);
  for (std::int64_t i = 0; i < out; ++i) {
    axis.begin[static_cast<std::size_t>(i)] = i * in / out;
    axis.end[static_cast<std::size_t>(i)] = i * in / out + 1;
  }
  return axis;
}
WindowAxis backward_axis(std::int64_t in, std::int64_t out) {
  WindowAxis axis(out, in);
  for (std::int64_t s = 0; s < in; ++s) {
    axis.begin[static_cast<std::size_t>(s)] = (s * out + in - 1) / in;
    axis.end[static_cast<std::size_t>(s)] = ((s + 1) * out + in - 1) / in;
  }
  return axis;
}

void nearest(const Array& x, const Out& y) {
  sum_windows(x, forward_axis(x.shape(2), y.array.shape(2)), forward_axis(x.shape(3), y.array.shape(3)), y);
}
void nearest_backward(const Array& dy, const Out& dx) {
  sum_windows(dy, backward_axis(dx.array.shape(2), dy.shape(2)), backward_axis(dx.array.shape(3), dy.shape(3)), dx);
}

}  // namespace

void fill_resize(Kernels& table) {
  table.resize.nearest = nearest;
  table.resize.nearest_backward = nearest_backward;
}

}  // namespace joist
