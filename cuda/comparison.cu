#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/types.h>
#include <joist/cuda/walk.h>

namespace joist::cuda {
namespace {

template <class T>
JOIST_DEVICE bool holds(Comparison comparison, T a, T b) {
  switch (comparison) {
    case Comparison::equal: return a == b;
    case Comparison::not_equal: return a != b;
    case Comparison::less: return a < b;
    case Comparison::less_equal: return a <= b;
    case Comparison::greater: return a > b;
    case Comparison::greater_equal: break;
  }
  return a >= b;
}

template <class T>
void compare_as(Comparison comparison, const Array& a, const Array& b, const Array& y) {
  const Elements first(a), second(b);
  const Typed<bool> to(y);
  const Array wide_a = a.expanded(y.shape()), wide_b = b.expanded(y.shape());
  const Walk<3> walk(y.shape(), {&wide_a, &wide_b, &y});
  each("compare", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    to.set(places.at[2], holds(comparison, first.get<T>(places.at[0]), second.get<T>(places.at[1])));
  });
}
void compare(Comparison comparison, const Array& a, const Array& b, const Array& y) {
  with_wide_type(a.dtype(), [&](auto type) { compare_as<decltype(type)>(comparison, a, b, y); });
}

void logic(Logic kind, const Array& a, const Array& b, const Array& y) {
  const Typed<bool> first(a), second(b), to(y);
  const Array wide_a = a.expanded(y.shape()), wide_b = b.expanded(y.shape());
  const Walk<3> walk(y.shape(), {&wide_a, &wide_b, &y});
  each("logic", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    const int both = (first[places.at[0]] ? 1 : 0) + (second[places.at[1]] ? 1 : 0);
    to.set(places.at[2], kind == Logic::conjunction ? both == 2 : kind == Logic::disjunction ? both > 0 : both == 1);
  });
}

template <class T>
void select_as(const Array& condition, const Array& a, const Array& b, const Out& y) {
  const Shape& shape = y.array.shape();
  const Array chosen = condition.expanded(shape), wide_a = a.expanded(shape), wide_b = b.expanded(shape);
  const Typed<bool> which(condition);
  const Elements first(a), second(b), to(y.array);
  const Walk<4> walk(shape, {&chosen, &wide_a, &wide_b, &y.array});
  const bool accumulate = y.accumulate;
  each("where", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const auto places = walk(i);
    T value = which[places.at[0]] ? first.get<T>(places.at[1]) : second.get<T>(places.at[2]);
    if (accumulate) value = static_cast<T>(value + to.get<T>(places.at[3]));
    to.set(places.at[3], value);
  });
}
void select(const Array& condition, const Array& a, const Array& b, const Out& y) {
  with_wide_type(a.dtype(), [&](auto type) { select_as<decltype(type)>(condition, a, b, y); });
}

}  // namespace

void fill_comparison(Kernels& table) {
  table.comparison.compare = compare;
  table.comparison.logic = logic;
  table.comparison.select = select;
}

}  // namespace joist::cuda
