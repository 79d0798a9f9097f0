#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/typed.h>

#include <functional>

namespace joist {
namespace {

template <class Holds>
void compare_with(const Array& a, const Array& b, const Array& y, const Holds& holds) {
  with_number(a.dtype(), "compare", [&]<class T>(T) {
    const T *p = a.data<T>(), *q = b.data<T>();
    bool* to = y.data<bool>();
    for_each_element(y.shape(), {&y, &a, &b},
                     [&](const StridedAxes::Offsets& at) { to[at[0]] = holds(p[at[1]], q[at[2]]); });
  });
}

void compare(Comparison comparison, const Array& a, const Array& b, const Array& y) {
  const Array left = a.expanded(y.shape()), right = b.expanded(y.shape());
  switch (comparison) {
    case Comparison::equal: return compare_with(left, right, y, std::equal_to<>{});
    case Comparison::not_equal: return compare_with(left, right, y, std::not_equal_to<>{});
    case Comparison::less: return compare_with(left, right, y, std::less<>{});
    case Comparison::less_equal: return compare_with(left, right, y, std::less_equal<>{});
    case Comparison::greater: return compare_with(left, right, y, std::greater<>{});
    case Comparison::greater_equal: return compare_with(left, right, y, std::greater_equal<>{});
  }
}

void logic(Logic kind, const Array& a, const Array& b, const Array& y) {
  const Array left = a.expanded(y.shape()), right = b.expanded(y.shape());
  const bool *p = left.data<bool>(), *q = right.data<bool>();
  bool* to = y.data<bool>();
  for_each_element(y.shape(), {&y, &left, &right}, [&](const StridedAxes::Offsets& at) {
    const bool first = p[at[1]], second = q[at[2]];
    to[at[0]] = kind == Logic::conjunction   ? first && second
                : kind == Logic::disjunction ? first || second
                                             : first != second;
  });
}

void select(const Array& condition, const Array& a, const Array& b, const Out& out) {
  const Shape& shape = out.array.shape();
  const Array chosen = condition.expanded(shape), left = a.expanded(shape), right = b.expanded(shape);
  write_or_add(out, [&](const Array& y) {
    with_number(y.dtype(), "where", [&]<class T>(T) {
      const bool* c = chosen.data<bool>();
      const T *p = left.data<T>(), *q = right.data<T>();
      T* to = y.data<T>();
      for_each_element(shape, {&y, &chosen, &left, &right},
                       [&](const StridedAxes::Offsets& at) { to[at[0]] = c[at[1]] ? p[at[2]] : q[at[3]]; });
    });
  });
}

}  // namespace

void fill_comparison(Kernels& table) {
  table.comparison.compare = compare;
  table.comparison.logic = logic;
  table.comparison.select = select;
}

}  // namespace joist
