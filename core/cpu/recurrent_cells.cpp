#include <joist/core/cpu/recurrent_cells.h>
#include <joist/core/cpu/simd.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE <joist/core/cpu/recurrent_cells.cpp>
// clang-format off: the order matters
#include <hwy/foreach_target.h>
#include <joist/core/cpu/simd-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace joist {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE Lanes sigmoid(Lanes x) { return value(Sigmoid{}, x); }
HWY_INLINE Lanes one_minus(Lanes x) { return Lanes(1.0F) - x; }

// The numbers of one row for some columns: at(p, part) reads those of part number `part` of a row.
struct Columns {
  std::int64_t at, left, hidden;
  HWY_INLINE Lanes get(const float* row, std::int64_t part = 0) const {
    return load_up_to(row + part * hidden + at, left);
  }
  HWY_INLINE void put(Lanes x, float* row, std::int64_t part = 0) const {
    store_up_to(x, row + part * hidden + at, left);
  }
};
template <class Body>
HWY_INLINE void for_each_columns(const CellStep& step, const Body& body) {
  for (std::int64_t at = step.first; at < step.last; at += lanes()) body(Columns{at, step.last - at, step.hidden});
}
template <class T>
HWY_INLINE T* row_of(T* rows, std::int64_t row, std::int64_t width) {
  return rows ? rows + row * width : nullptr;
}

// A sequence that has ended, or not begun.
void skip_forward(const CellStep& step, const float* h, float* next, float* y, float* reserve) {
  for_each_columns(step, [&](const Columns& j) HWY_ATTR {
    if (h) j.put(j.get(h), next);
    if (y) j.put(Lanes(0.0F), y);
    for (std::int64_t part = 0; reserve && part < reserve_of(step.cell); ++part) j.put(Lanes(0.0F), reserve, part);
  });
}

struct ForwardRow {
  const float *gates, *bias, *h;
  float *products, *next, *c, *y, *reserve;
};
HWY_INLINE Lanes entering(const ForwardRow& row, const Columns& j, std::int64_t part) {
  return j.get(row.gates, part) + (j.get(row.products, part) + j.get(row.bias, part));
}
HWY_INLINE void keep(const ForwardRow& row, const Columns& j, std::int64_t part, Lanes x) {
  if (row.reserve) j.put(x, row.reserve, part);
}

HWY_INLINE Lanes lstm_unit(const ForwardRow& row, const Columns& j) {
  const Lanes i = sigmoid(entering(row, j, 0)), f = sigmoid(entering(row, j, 1));
  const Lanes g = tanh(entering(row, j, 2)), o = sigmoid(entering(row, j, 3));
  const Lanes c = multiply_add(f, j.get(row.c), i * g);
  j.put(c, row.c);
  keep(row, j, 0, i);
  keep(row, j, 1, f);
  keep(row, j, 2, g);
  keep(row, j, 3, o);
  keep(row, j, 4, c);
  return o * tanh(c);
}

HWY_INLINE Lanes gru_unit(const ForwardRow& row, const Columns& j) {
  const Lanes r = sigmoid(entering(row, j, 0)), z = sigmoid(entering(row, j, 1));
  const Lanes m = j.get(row.products, 2) + j.get(row.bias, 2);
  const Lanes n = tanh(multiply_add(r, m, j.get(row.gates, 2)));
  keep(row, j, 0, r);
  keep(row, j, 1, z);
  keep(row, j, 2, n);
  keep(row, j, 3, m);
  return multiply_add(one_minus(z), n, z * j.get(row.h));
}

HWY_INLINE Lanes candidate_unit(const ForwardRow& row, const Columns& j) {
  const Lanes z = j.get(row.products, 1), n = tanh(entering(row, j, 2));
  keep(row, j, 1, z);
  keep(row, j, 2, n);
  return multiply_add(one_minus(z), n, z * j.get(row.h));
}

// unit(row, columns) is the state after the step.
template <class Unit>
HWY_INLINE void forward_rows(const ForwardStep& s, const Unit& unit) {
  const std::int64_t hidden = s.step.hidden, wide = gates_of(s.step.cell) * hidden;
  for (std::int64_t b = 0; b < s.step.rows; ++b) {
    const ForwardRow row{s.gates + b * wide,     s.bias,
                         row_of(s.h, b, hidden), s.products + b * wide,
                         s.next + b * hidden,    row_of(s.c, b, hidden),
                         row_of(s.y, b, hidden), row_of(s.reserve, b, reserve_of(s.step.cell) * hidden)};
    if (s.step.lengths[b] <= s.step.time) {
      skip_forward(s.step, row.h, row.next, row.y, row.reserve);
      continue;
    }
    for_each_columns(s.step, [&](const Columns& j) HWY_ATTR {
      const Lanes after = unit(row, j);
      j.put(after, row.next);
      if (row.y) j.put(after, row.y);
    });
  }
}

void forward_step(const ForwardStep& s) {
  switch (s.step.cell) {
    case Cell::tanh:
      return forward_rows(s,
                          [](const ForwardRow& row, const Columns& j) HWY_ATTR { return tanh(entering(row, j, 0)); });
    case Cell::relu:
      return forward_rows(
          s, [](const ForwardRow& row, const Columns& j) HWY_ATTR { return max(entering(row, j, 0), Lanes(0.0F)); });
    case Cell::lstm: return forward_rows(s, [](const auto& row, const auto& j) HWY_ATTR { return lstm_unit(row, j); });
    case Cell::gru: return forward_rows(s, [](const auto& row, const auto& j) HWY_ATTR { return gru_unit(row, j); });
    case Cell::gru_before:
      return forward_rows(s, [](const auto& row, const auto& j) HWY_ATTR { return candidate_unit(row, j); });
  }
}

void reset_step(const ForwardStep& s) {
  forward_rows(s, [](const ForwardRow& row, const Columns& j) HWY_ATTR {
    const Lanes r = sigmoid(entering(row, j, 0)), z = sigmoid(entering(row, j, 1));
    keep(row, j, 0, r);
    j.put(z, row.products, 1);
    return r * j.get(row.h);
  });
}

struct BackwardRow {
  const float *y, *dy, *reserve, *c_before, *h, *dm;
  float *dh, *dc, *dgates, *dproducts, *m;
};

void skip_backward(const CellStep& step, const BackwardRow& row) {
  for_each_columns(step, [&](const Columns& j) HWY_ATTR {
    for (std::int64_t part = 0; part < gates_of(step.cell); ++part) {
      j.put(Lanes(0.0F), row.dgates, part);
      if (row.dproducts) j.put(Lanes(0.0F), row.dproducts, part);
    }
    if (row.m) j.put(Lanes(0.0F), row.m);
  });
}

// s (1 - s): the slope of the sigmoid whose value is s.
HWY_INLINE Lanes sigmoid_slope(Lanes s) { return s * one_minus(s); }
HWY_INLINE Lanes tanh_slope(Lanes t) { return one_minus(t * t); }

HWY_INLINE void lstm_back(const BackwardRow& row, const Columns& j, Lanes d) {
  const Lanes i = j.get(row.reserve, 0), f = j.get(row.reserve, 1), g = j.get(row.reserve, 2);
  const Lanes o = j.get(row.reserve, 3), t = tanh(j.get(row.reserve, 4));
  const Lanes c = row.c_before ? j.get(row.c_before) : Lanes(0.0F);
  const Lanes dc = multiply_add(d * o, tanh_slope(t), j.get(row.dc));
  j.put(dc * g * sigmoid_slope(i), row.dgates, 0);
  j.put(dc * c * sigmoid_slope(f), row.dgates, 1);
  j.put(dc * i * tanh_slope(g), row.dgates, 2);
  j.put(d * t * sigmoid_slope(o), row.dgates, 3);
  j.put(dc * f, row.dc);
  if (row.m) j.put(o * t, row.m);
}

// Both conventions; what depends on the product of r · h comes in reset_back.
HWY_INLINE void gru_back(const BackwardRow& row, const Columns& j, Lanes d, bool before) {
  const Lanes r = j.get(row.reserve, 0), z = j.get(row.reserve, 1), n = j.get(row.reserve, 2), h = j.get(row.h);
  const Lanes dn = d * one_minus(z) * tanh_slope(n), dz = d * (h - n) * sigmoid_slope(z);
  j.put(dz, row.dgates, 1);
  j.put(dn, row.dgates, 2);
  j.put(d * z, row.dh);
  if (before) return j.put(r * h, row.m);
  const Lanes dr = dn * j.get(row.reserve, 3) * sigmoid_slope(r);
  j.put(dr, row.dgates, 0);
  j.put(dr, row.dproducts, 0);
  j.put(dz, row.dproducts, 1);
  j.put(dn * r, row.dproducts, 2);
}

// unit(row, columns, dh whole)
template <class Unit>
HWY_INLINE void backward_rows(const BackwardStep& s, const Unit& unit) {
  const std::int64_t hidden = s.step.hidden, wide = gates_of(s.step.cell) * hidden;
  const std::int64_t kept = reserve_of(s.step.cell) * hidden;
  for (std::int64_t b = 0; b < s.step.rows; ++b) {
    const bool begins = s.step.time == (s.step.reverse ? s.step.lengths[b] - 1 : 0);
    const float* c_before = nullptr;
    if (s.step.cell == Cell::lstm) c_before = begins ? row_of(s.c0, b, hidden) : s.earlier + b * kept + 4 * hidden;
    const BackwardRow row{
        row_of(s.y, b, hidden), row_of(s.dy, b, hidden),      row_of(s.reserve, b, kept), c_before,
        row_of(s.h, b, hidden), row_of(s.dm, b, hidden),      row_of(s.dh, b, hidden),    row_of(s.dc, b, hidden),
        s.dgates + b * wide,    row_of(s.dproducts, b, wide), row_of(s.m, b, hidden)};
    if (s.step.lengths[b] <= s.step.time) {
      skip_backward(s.step, row);
      continue;
    }
    for_each_columns(s.step, [&](const Columns& j) HWY_ATTR { unit(row, j); });
  }
}

// What arrives at the hidden units; the state's own gradient is used up.
HWY_INLINE Lanes arriving(const BackwardRow& row, const Columns& j) {
  if (row.dm) return j.get(row.dm);
  Lanes d = j.get(row.dh);
  if (row.dy) d = d + j.get(row.dy);
  j.put(Lanes(0.0F), row.dh);
  return d;
}

void backward_step(const BackwardStep& s) {
  switch (s.step.cell) {
    case Cell::tanh:
      return backward_rows(s, [](const BackwardRow& row, const Columns& j)
                                  HWY_ATTR { j.put(arriving(row, j) * tanh_slope(j.get(row.y)), row.dgates); });
    case Cell::relu:
      return backward_rows(s, [](const BackwardRow& row, const Columns& j) HWY_ATTR {
        j.put(select(j.get(row.y) > Lanes(0.0F), arriving(row, j), Lanes(0.0F)), row.dgates);
      });
    case Cell::lstm:
      return backward_rows(
          s, [](const BackwardRow& row, const Columns& j) HWY_ATTR { lstm_back(row, j, arriving(row, j)); });
    case Cell::gru:
      return backward_rows(
          s, [](const BackwardRow& row, const Columns& j) HWY_ATTR { gru_back(row, j, arriving(row, j), false); });
    case Cell::gru_before:
      return backward_rows(
          s, [](const BackwardRow& row, const Columns& j) HWY_ATTR { gru_back(row, j, arriving(row, j), true); });
  }
}

void reset_back(const BackwardStep& s) {
  backward_rows(s, [](const BackwardRow& row, const Columns& j) HWY_ATTR {
    const Lanes r = j.get(row.reserve, 0), d = j.get(row.dm);
    j.put(d * j.get(row.h) * sigmoid_slope(r), row.dgates, 0);
    j.put(multiply_add(d, r, j.get(row.dh)), row.dh);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace joist
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace joist {
namespace {
HWY_EXPORT(forward_step);
HWY_EXPORT(reset_step);
HWY_EXPORT(backward_step);
HWY_EXPORT(reset_back);
}  // namespace

void cell_forward(const ForwardStep& step) { HWY_DYNAMIC_DISPATCH(forward_step)(step); }
void cell_reset(const ForwardStep& step) { HWY_DYNAMIC_DISPATCH(reset_step)(step); }
void cell_backward(const BackwardStep& step) { HWY_DYNAMIC_DISPATCH(backward_step)(step); }
void cell_reset_backward(const BackwardStep& step) { HWY_DYNAMIC_DISPATCH(reset_back)(step); }

}  // namespace joist
#endif
