// Maximum pooling in 32-bit arithmetic: a plane has fewer than 2³¹ positions. Threads that are neighbours take elements
// that are; where channels lie innermost, four of them each. Gradients are gathered: every element of dx asks the
// windows that saw it whether it was their maximum.
#include <joist/cuda/divisor.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/maximum_pool.h>
#include <joist/cuda/volume.h>

#include <limits>

namespace joist::cuda {
namespace {

constexpr std::int64_t most_counted = 0x7FFFFFFF;

/// The first of `channels` neighbours, and where it is in its plane.
struct Spot {
  int batch, channel, at[3];
};

/// The elements of a volume by number, `channels` of them at once, in the order of memory.
class Spots {
 public:
  Spots(const Volume& volume, int channels, bool inside) : channels_(channels), inside_(inside) {
    groups_ = Divisor(volume.channels / channels);
    for (int i = 0; i < 3; ++i) length_[i] = Divisor(volume.length[i]);
    count_ = volume.count() / channels;
  }
  std::int64_t count() const { return count_; }
  JOIST_DEVICE Spot operator()(std::int64_t i) const {
    auto left = static_cast<std::uint32_t>(i);
    Spot spot{};
    if (inside_) spot.channel = split(left, groups_) * channels_;
    for (int axis = 2; axis >= 0; --axis) spot.at[axis] = split(left, length_[axis]);
    if (!inside_) spot.channel = split(left, groups_) * channels_;
    spot.batch = static_cast<int>(left);
    return spot;
  }

 private:
  JOIST_DEVICE static int split(std::uint32_t& left, const Divisor& length) {
    const std::uint32_t number = left;
    left = length.divide(number);
    return static_cast<int>(number - left * length.value());
  }
  int channels_;
  bool inside_;
  Divisor groups_{}, length_[3] = {};
  std::int64_t count_ = 0;
};

/// Floating elements of n neighbouring channels.
template <int n>
class Group {
 public:
  explicit Group(const Array& array) : each_(array), memory_(region_of(array)), dtype_(array.dtype()) {}
  JOIST_DEVICE void read(std::int64_t i, float (&values)[n]) const {
    if constexpr (n == 1)
      values[0] = each_[i];
    else if (dtype_ == Dtype::float32)
      read_as<float>(i, values);
    else if (dtype_ == Dtype::bfloat16)
      read_as<BFloat16>(i, values);
    else
      read_as<Float16>(i, values);
  }
  JOIST_DEVICE void write(std::int64_t i, const float (&values)[n]) const {
    if constexpr (n == 1)
      each_.set(i, values[0]);
    else if (dtype_ == Dtype::float32)
      write_as<float>(i, values);
    else if (dtype_ == Dtype::bfloat16)
      write_as<BFloat16>(i, values);
    else
      write_as<Float16>(i, values);
  }

 private:
  template <class T>
  JOIST_DEVICE void read_as(std::int64_t i, float (&values)[n]) const {
    const auto pack = memory_.load_pack<T, n>(i);
    JOIST_UNROLL for (int u = 0; u < n; ++u) values[u] = static_cast<float>(pack.at[u]);
  }
  template <class T>
  JOIST_DEVICE void write_as(std::int64_t i, const float (&values)[n]) const {
    Pack<T, n> pack;
    JOIST_UNROLL for (int u = 0; u < n; ++u) pack.at[u] = T(values[u]);
    memory_.store_pack<T, n>(i, pack);
  }
  Floats each_;
  Region memory_;
  Dtype dtype_;
};

/// Windows over an input, and where their outputs and places lie.
struct MaximumWindows {
  Volume in, out, index;
  Divisor stride_divisor[3];
  int kernel[3], stride[3], padding[3], dilation[3], in_length[3], out_length[3];
  MaximumWindows(const PoolOptions& o, const Array& x, const Array& y, const Array& places)
      : in(x), out(y), index(places) {
    const Three k(o.kernel, 1), s(o.stride, 1), p(o.padding, 0), d(o.dilation, 1);
    for (int i = 0; i < 3; ++i) {
      stride_divisor[i] = Divisor(s.at[i]);
      kernel[i] = static_cast<int>(k.at[i]), stride[i] = static_cast<int>(s.at[i]);
      padding[i] = static_cast<int>(p.at[i]), dilation[i] = static_cast<int>(d.at[i]);
      in_length[i] = static_cast<int>(in.length[i]), out_length[i] = static_cast<int>(out.length[i]);
    }
  }
  JOIST_DEVICE static std::int64_t offset(const Volume& volume, const Spot& spot) {
    return spot.batch * volume.batch_stride + spot.channel * volume.channel_stride + spot.at[0] * volume.stride[0] +
           spot.at[1] * volume.stride[1] + spot.at[2] * volume.stride[2];
  }
  /// The first and last output on an axis whose window may hold a place of the input; with dilation some do not.
  JOIST_DEVICE void outputs(int axis, int place, int& first, int& last) const {
    const int end = place + padding[axis], start = end - (kernel[axis] - 1) * dilation[axis];
    first = start <= 0 ? 0 : static_cast<int>(stride_divisor[axis].divide(start + stride[axis] - 1));
    last = static_cast<int>(stride_divisor[axis].divide(end));
    if (last >= out_length[axis]) last = out_length[axis] - 1;
  }
};

template <int n>
struct Maximum {
  Spots spots;  // of y
  MaximumWindows windows;
  Group<n> x, y;
  Region index;
  bool accumulate;
  JOIST_DEVICE void operator()(std::int64_t i) const {
    const Spot o = spots(i);
    const Volume& in = windows.in;
    float best[n];
    int place[n];
    JOIST_UNROLL for (int u = 0; u < n; ++u) best[u] = -std::numeric_limits<float>::infinity(), place[u] = -1;
    int start[3];
    for (int k = 0; k < 3; ++k) start[k] = o.at[k] * windows.stride[k] - windows.padding[k];
    const std::int64_t plane = o.batch * in.batch_stride + o.channel * in.channel_stride;
    for (int a = 0; a < windows.kernel[0]; ++a) {
      const int z = start[0] + a * windows.dilation[0];
      if (z < 0 || z >= windows.in_length[0]) continue;
      for (int b = 0; b < windows.kernel[1]; ++b) {
        const int row = start[1] + b * windows.dilation[1];
        if (row < 0 || row >= windows.in_length[1]) continue;
        const std::int64_t line = plane + z * in.stride[0] + row * in.stride[1];
        const int numbered = (z * windows.in_length[1] + row) * windows.in_length[2];
        for (int c = 0; c < windows.kernel[2]; ++c) {
          const int column = start[2] + c * windows.dilation[2];
          if (column < 0 || column >= windows.in_length[2]) continue;
          float values[n];
          x.read(line + column * in.stride[2], values);
          // The first of equals stays, the last NaN wins.
          JOIST_UNROLL for (int u = 0; u < n; ++u) {
            if (place[u] >= 0 && !(values[u] > best[u] || values[u] != values[u])) continue;
            best[u] = values[u];
            place[u] = numbered + column;
          }
        }
      }
    }
    const std::int64_t to = MaximumWindows::offset(windows.out, o), to_index = MaximumWindows::offset(windows.index, o);
    if (accumulate) {
      float old[n];
      y.read(to, old);
      JOIST_UNROLL for (int u = 0; u < n; ++u) best[u] = old[u] + best[u];
    }
    y.write(to, best);
    Pack<std::int32_t, n> pack;
    JOIST_UNROLL for (int u = 0; u < n; ++u) pack.at[u] = place[u];
    index.store_pack<std::int32_t, n>(to_index, pack);
  }
};

template <int n>
struct MaximumBackward {
  Spots spots;  // of dx
  MaximumWindows windows;
  Group<n> dy, dx;
  Region index;
  bool accumulate;
  JOIST_DEVICE void operator()(std::int64_t i) const {
    const Spot p = spots(i);
    const int wanted = (p.at[0] * windows.in_length[1] + p.at[1]) * windows.in_length[2] + p.at[2];
    int first[3], last[3];
    for (int k = 0; k < 3; ++k) windows.outputs(k, p.at[k], first[k], last[k]);
    float totals[n];
    JOIST_UNROLL for (int u = 0; u < n; ++u) totals[u] = 0;
    Spot o = p;
    for (o.at[0] = last[0]; o.at[0] >= first[0]; --o.at[0])
      for (o.at[1] = last[1]; o.at[1] >= first[1]; --o.at[1])
        for (o.at[2] = last[2]; o.at[2] >= first[2]; --o.at[2]) {
          const auto places = index.load_pack<std::int32_t, n>(MaximumWindows::offset(windows.index, o));
          bool any = false;
          JOIST_UNROLL for (int u = 0; u < n; ++u) any = any || places.at[u] == wanted;
          if (!any) continue;
          float slopes[n];
          dy.read(MaximumWindows::offset(windows.out, o), slopes);
          JOIST_UNROLL for (int u = 0; u < n; ++u) {
            if (places.at[u] == wanted) totals[u] += slopes[u];
          }
        }
    const std::int64_t to = MaximumWindows::offset(windows.in, p);
    if (accumulate) {
      float old[n];
      dx.read(to, old);
      JOIST_UNROLL for (int u = 0; u < n; ++u) totals[u] = old[u] + totals[u];
    }
    dx.write(to, totals);
  }
};

/// Whether groups of n channels are one access in an array.
bool in_groups(const Array& array, int n) {
  if (array.strides()[1] != 1 || array.shape(1) % n != 0) return false;
  if (reinterpret_cast<std::uintptr_t>(array.raw()) % (size_of(array.dtype()) * static_cast<std::size_t>(n)) != 0)
    return false;
  for (int axis = 0; axis < array.rank(); ++axis)
    if (axis != 1 && array.shape(axis) > 1 && array.strides()[axis] % n != 0) return false;
  return true;
}
bool channels_inside(const Array& array) { return array.strides()[1] == 1 && array.strides()[-1] != 1; }

/// The halves of arrays with more elements than are counted in 32 bits: along the batch, or else the channels.
template <class Work>
void by_halves(const Array& larger, const Work& work) {
  const int axis = larger.shape(0) > 1 ? 0 : 1;
  const std::int64_t length = larger.shape(axis), half = length / 2;
  work([=](const Array& array) { return array.sliced(axis, 0, half); });
  work([=](const Array& array) { return array.sliced(axis, half, length); });
}

}  // namespace

void maximum_pool(const Array& x, const PoolOptions& options, const Out& y, const Array& index) {
  if (y.array.elements() == 0) return;
  if (y.array.elements() > most_counted)
    return by_halves(y.array, [&](const auto& half) {
      maximum_pool(half(x), options, {half(y.array), y.accumulate}, half(index));
    });
  const MaximumWindows windows(options, x, y.array, index);
  const Volume out(y.array);
  const auto run = [&]<int n>(std::integral_constant<int, n>, bool inside) {
    const Spots spots(out, n, inside);
    each("max_pool", spots.count(),
         Maximum<n>{spots, windows, Group<n>(x), Group<n>(y.array), region_of(index), y.accumulate});
  };
  if (in_groups(x, 4) && in_groups(y.array, 4) && in_groups(index, 4))
    return run(std::integral_constant<int, 4>{}, true);
  run(std::integral_constant<int, 1>{}, channels_inside(y.array));
}

void maximum_pool_backward(const Array& dy, const Array& index, const PoolOptions& options, const Out& dx) {
  if (dx.array.elements() == 0) return;
  if (dx.array.elements() > most_counted)
    return by_halves(dx.array, [&](const auto& half) {
      maximum_pool_backward(half(dy), half(index), options, {half(dx.array), dx.accumulate});
    });
  const MaximumWindows windows(options, dx.array, dy, index);
  const Volume in(dx.array);
  const auto run = [&]<int n>(std::integral_constant<int, n>, bool inside) {
    const Spots spots(in, n, inside);
    each("max_pool_backward", spots.count(),
         MaximumBackward<n>{spots, windows, Group<n>(dy), Group<n>(dx.array), region_of(index), dx.accumulate});
  };
  if (in_groups(dy, 4) && in_groups(index, 4) && in_groups(dx.array, 4))
    return run(std::integral_constant<int, 4>{}, true);
  run(std::integral_constant<int, 1>{}, channels_inside(dx.array));
}

}  // namespace joist::cuda
