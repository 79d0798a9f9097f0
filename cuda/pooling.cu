// Gradients are gathered: every element of dx looks for the windows that saw it, so that nobody adds to a place that
// another thread adds to.
#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/maximum_pool.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

struct Windows {
  Three kernel, stride, padding;
  bool count_padding;
  std::int64_t divisor;
  explicit Windows(const PoolOptions& o)
      : kernel(o.kernel, 1),
        stride(o.stride, 1),
        padding(o.padding, 0),
        count_padding(o.count_padding),
        divisor(o.divisor) {}

  /// Where tap k of the window of an output lies; false where that is outside x.
  JOIST_DEVICE bool tap(const Volume& x, const Place& out, const std::int64_t (&k)[3], Place& from) const {
    from.batch = out.batch;
    from.channel = out.channel;
    for (int i = 0; i < 3; ++i) {
      from.at[i] = out.at[i] * stride.at[i] - padding.at[i] + k[i];
      if (from.at[i] < 0 || from.at[i] >= x.length[i]) return false;
    }
    return true;
  }
  /// Visits the outputs whose window has a tap on a place of x.
  template <class Visit>
  JOIST_DEVICE void over(const Volume& y, const Place& x, const Visit& visit) const {
    Place out{x.batch, x.channel, {0, 0, 0}};
    for (std::int64_t a = 0; a < kernel.at[0]; ++a) {
      if (!reached(y, x, 0, a, out)) continue;
      for (std::int64_t b = 0; b < kernel.at[1]; ++b) {
        if (!reached(y, x, 1, b, out)) continue;
        for (std::int64_t c = 0; c < kernel.at[2]; ++c)
          if (reached(y, x, 2, c, out)) visit(out);
      }
    }
  }
  JOIST_DEVICE float size(const Volume& x, const Place& out) const {
    if (divisor != 0) return static_cast<float>(divisor);
    float product = 1;
    for (int i = 0; i < 3; ++i) {
      const std::int64_t edge = count_padding ? padding.at[i] : 0;
      const std::int64_t start = out.at[i] * stride.at[i] - padding.at[i], end = start + kernel.at[i];
      const std::int64_t last = x.length[i] + edge;
      product *= static_cast<float>((end < last ? end : last) - (start > -edge ? start : -edge));
    }
    return product;
  }

 private:
  JOIST_DEVICE bool reached(const Volume& y, const Place& x, int axis, std::int64_t k, Place& out) const {
    const std::int64_t from = x.at[axis] + padding.at[axis] - k;
    if (from < 0 || from % stride.at[axis] != 0) return false;
    out.at[axis] = from / stride.at[axis];
    return out.at[axis] < y.length[axis];
  }
};

// The first of equals stays, the last NaN wins.
JOIST_DEVICE bool wins(float challenger, float best) { return challenger > best || challenger != challenger; }

void average(const Array& x, const PoolOptions& options, const Out& y) {
  const Windows windows(options);
  const Volume in(x), out(y.array);
  const Floats from(x);
  const Result to(y);
  each("average_pool", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place_in_memory(i);
    Total total;
    std::int64_t k[3];
    Place p{};
    for (k[0] = 0; k[0] < windows.kernel.at[0]; ++k[0])
      for (k[1] = 0; k[1] < windows.kernel.at[1]; ++k[1])
        for (k[2] = 0; k[2] < windows.kernel.at[2]; ++k[2])
          if (windows.tap(in, o, k, p)) total.add(from[in.offset(p)]);
    to.put(out.offset(o), total.value() / windows.size(in, o));
  });
}
void average_backward(const Array& dy, const PoolOptions& options, const Out& dx) {
  const Windows windows(options);
  const Volume in(dx.array), out(dy);
  const Floats slope(dy);
  const Result to(dx);
  each("average_pool_backward", in.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = in.place_in_memory(i);
    Total total;
    windows.over(out, p, [&](const Place& o) { total.add(slope[out.offset(o)] / windows.size(in, o)); });
    to.put(in.offset(p), total.value());
  });
}

/// Window o of adaptive pooling on an axis: [⌊o n / m⌋, ⌈(o + 1) n / m⌉).
JOIST_DEVICE std::int64_t part_start(std::int64_t o, std::int64_t n, std::int64_t m) { return o * n / m; }
JOIST_DEVICE std::int64_t part_end(std::int64_t o, std::int64_t n, std::int64_t m) { return ((o + 1) * n + m - 1) / m; }
/// visit(place in x) for every element that an output sees; returns how many.
template <class Visit>
JOIST_DEVICE std::int64_t over_part(const Volume& in, const Volume& out, const Place& o, const Visit& visit) {
  std::int64_t start[3], end[3];
  for (int i = 0; i < 3; ++i) {
    start[i] = part_start(o.at[i], in.length[i], out.length[i]);
    end[i] = part_end(o.at[i], in.length[i], out.length[i]);
  }
  Place p = o;
  for (p.at[0] = start[0]; p.at[0] < end[0]; ++p.at[0])
    for (p.at[1] = start[1]; p.at[1] < end[1]; ++p.at[1])
      for (p.at[2] = start[2]; p.at[2] < end[2]; ++p.at[2]) visit(p);
  return (end[0] - start[0]) * (end[1] - start[1]) * (end[2] - start[2]);
}

void adaptive_average(const Array& x, const Out& y) {
  const Volume in(x), out(y.array);
  const Floats from(x);
  const Result to(y);
  each("adaptive_average_pool", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place_in_memory(i);
    Total total;
    const std::int64_t seen = over_part(in, out, o, [&](const Place& p) { total.add(from[in.offset(p)]); });
    to.put(out.offset(o), total.value() / static_cast<float>(seen));
  });
}
void adaptive_average_backward(const Array& dy, const Out& dx) {
  const Volume in(dx.array), out(dy);
  const Floats slope(dy);
  const Result to(dx);
  each("adaptive_average_pool_backward", in.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = in.place_in_memory(i);
    // Outputs whose part may hold the place: from p m / n, rounded down, while their start is not beyond it.
    std::int64_t first[3];
    for (int k = 0; k < 3; ++k) {
      first[k] = p.at[k] * out.length[k] / in.length[k];
      while (first[k] > 0 && part_end(first[k] - 1, in.length[k], out.length[k]) > p.at[k]) --first[k];
    }
    Total total;
    Place o = p;
    const auto sees = [&](int k) {
      return o.at[k] < out.length[k] && part_start(o.at[k], in.length[k], out.length[k]) <= p.at[k];
    };
    for (o.at[0] = first[0]; sees(0); ++o.at[0])
      for (o.at[1] = first[1]; sees(1); ++o.at[1])
        for (o.at[2] = first[2]; sees(2); ++o.at[2]) {
          float size = 1;
          for (int k = 0; k < 3; ++k)
            size *= static_cast<float>(part_end(o.at[k], in.length[k], out.length[k]) -
                                       part_start(o.at[k], in.length[k], out.length[k]));
          total.add(slope[out.offset(o)] / size);
        }
    to.put(in.offset(p), total.value());
  });
}
void adaptive_maximum(const Array& x, const Out& y, const Array& index) {
  const Volume in(x), out(y.array), at(index);
  const Floats from(x);
  const Result to(y);
  const Typed<std::int64_t> where(index);
  each("adaptive_max_pool", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place_in_memory(i);
    float best = 0;
    std::int64_t position = -1;
    over_part(in, out, o, [&](const Place& p) {
      const float value = from[in.offset(p)];
      if (position >= 0 && !wins(value, best)) return;
      best = value;
      position = in.position(p);
    });
    to.put(out.offset(o), best);
    where.set(at.offset(o), position);
  });
}

// A thread per plane, since several may go to one place and the last or all of them count.
void place_at(const Array& x, const Array& index, bool add, const Out& y) {
  const Array fresh = y.accumulate ? Array::like(y.array) : y.array;
  cuda_kernels().elementwise.fill(0, fresh);
  const Volume in(x), out(fresh), at(index);
  const Floats from(x), to(fresh);
  const Typed<std::int64_t> where(index);
  each("pool_place", in.batches * in.channels, [=] JOIST_DEVICE(std::int64_t plane) {
    for (std::int64_t i = plane * in.plane(); i < (plane + 1) * in.plane(); ++i) {
      const Place p = in.place(i);
      const std::int64_t target = out.offset(out.at_position(p, where[at.offset(p)]));
      const float value = from[in.offset(p)];
      to.set(target, add ? to[target] + value : value);
    }
  });
  if (y.accumulate) cuda_kernels().elementwise.copy(fresh, y);
}
void pick(const Array& x, const Array& index, const Out& y) {
  const Volume in(x), out(y.array), at(index);
  const Floats from(x);
  const Result to(y);
  const Typed<std::int64_t> where(index);
  each("pool_pick", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place_in_memory(i);
    to.put(out.offset(o), from[in.offset(in.at_position(o, where[at.offset(o)]))]);
  });
}

}  // namespace

void fill_pool(Kernels& table) {
  table.pool.maximum = maximum_pool;
  table.pool.maximum_backward = maximum_pool_backward;
  table.pool.average = average;
  table.pool.average_backward = average_backward;
  table.pool.maximum_3d = maximum_pool;
  table.pool.maximum_3d_backward = maximum_pool_backward;
  table.pool.average_3d = average;
  table.pool.average_3d_backward = average_backward;
  table.pool.adaptive_average = adaptive_average;
  table.pool.adaptive_average_backward = adaptive_average_backward;
  table.pool.adaptive_maximum = adaptive_maximum;
  table.pool.place = place_at;
  table.pool.pick = pick;
}

}  // namespace joist::cuda
