#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/lines.h>
#include <joist/cuda/volume.h>

namespace joist::cuda {
namespace {

/// Where position i of a longer (or shorter) axis comes from; it never falls as i grows.
struct Source {
  enum class Rule : std::uint8_t { whole, single, exact };  ///< integers; float; float of pixel centres
  Rule rule = Rule::whole;
  float ratio[3] = {1, 1, 1};
  std::int64_t from[3] = {1, 1, 1}, to[3] = {1, 1, 1};

  Source(Rule kind, const Volume& small, const Volume& large, const std::array<double, 3>& scale, int axes)
      : rule(kind) {
    for (int axis = 0; axis < 3; ++axis) {
      from[axis] = small.length[axis];
      to[axis] = large.length[axis];
      const double given = axis + axes >= 3 ? scale[static_cast<std::size_t>(axis + axes - 3)] : 0;
      ratio[axis] =
          given > 0 ? static_cast<float>(1 / given) : static_cast<float>(from[axis]) / static_cast<float>(to[axis]);
    }
  }
  JOIST_DEVICE std::int64_t operator()(int axis, std::int64_t i) const {
    if (rule == Rule::whole) return quotient(i * from[axis], to[axis]);
    const float at =
        rule == Rule::exact ? (static_cast<float>(i) + 0.5F) * ratio[axis] : static_cast<float>(i) * ratio[axis];
    const auto place = static_cast<std::int64_t>(std::floor(at));
    return place < from[axis] ? place : from[axis] - 1;
  }
  /// The first position that comes from `s` or later; by halving where a formula could round otherwise.
  JOIST_DEVICE std::int64_t first(int axis, std::int64_t s) const {
    if (rule == Rule::whole) return quotient(s * to[axis] + from[axis] - 1, from[axis]);
    std::int64_t low = 0, high = to[axis];
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if ((*this)(axis, middle) < s)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

 private:
  JOIST_DEVICE static std::int64_t quotient(std::int64_t a, std::int64_t b) {
    if (a > 0x7FFFFFFF) return a / b;
    return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  }
};

void resize(const Array& x, const Source& source, const Out& y) {
  const Volume in(x), out(y.array);
  const Floats from(x);
  const Result to(y);
  each("resize_nearest", out.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place o = out.place_in_memory(i);
    Place p = o;
    for (int axis = 0; axis < 3; ++axis) p.at[axis] = source(axis, o.at[axis]);
    to.put(out.offset(o), from[in.offset(p)]);
  });
}
void resize_backward(const Array& dy, const Source& source, const Out& dx) {
  const Volume in(dx.array), out(dy);
  const Floats slope(dy);
  const Result to(dx);
  each("resize_nearest_backward", in.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const Place p = in.place_in_memory(i);
    std::int64_t begin[3], end[3];
    for (int axis = 0; axis < 3; ++axis) {
      begin[axis] = source.first(axis, p.at[axis]);
      end[axis] = source.first(axis, p.at[axis] + 1);
    }
    Total total;
    Place o = p;
    for (o.at[0] = begin[0]; o.at[0] < end[0]; ++o.at[0])
      for (o.at[1] = begin[1]; o.at[1] < end[1]; ++o.at[1])
        for (o.at[2] = begin[2]; o.at[2] < end[2]; ++o.at[2]) total.add(slope[out.offset(o)]);
    to.put(in.offset(p), total.value());
  });
}

void nearest(const Array& x, const Out& y) {
  resize(x, Source(Source::Rule::whole, Volume(x), Volume(y.array), {}, 2), y);
}
void nearest_backward(const Array& dy, const Out& dx) {
  resize_backward(dy, Source(Source::Rule::whole, Volume(dx.array), Volume(dy), {}, 2), dx);
}
Source any_source(const Array& small, const Array& large, bool exact, const std::array<double, 3>& scale) {
  return {exact ? Source::Rule::exact : Source::Rule::single, Volume(small), Volume(large), scale, small.rank() - 2};
}
void nearest_any(const Array& x, bool exact, const std::array<double, 3>& scale, const Out& y) {
  resize(x, any_source(x, y.array, exact, scale), y);
}
void nearest_any_backward(const Array& dy, bool exact, const std::array<double, 3>& scale, const Out& dx) {
  resize_backward(dy, any_source(dx.array, dy, exact, scale), dx);
}

}  // namespace

void fill_resize(Kernels& table) {
  table.resize.nearest = nearest;
  table.resize.nearest_backward = nearest_backward;
  table.resize.nearest_any = nearest_any;
  table.resize.nearest_any_backward = nearest_any_backward;
}

}  // namespace joist::cuda
