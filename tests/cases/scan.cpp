#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family scan_cases() {
  Family family{"scan", 2e-6, {}};
  auto& cases = family.cases;
  const auto both = [](const ValuesIndices& x) { return std::vector{x.values, x.indices}; };
  const auto each = [&](const std::string& name, const Input& x, int axis, bool large = false) {
    const auto add = [&](const std::string& function, auto run) {
      cases.push_back({function + "_" + name, {x}, run, true, large});
    };
    add("cumsum", [axis](auto t) { return cumsum(t[0], axis); });
    add("cumprod", [axis](auto t) { return cumprod(t[0], axis); });
    add("logcumsumexp", [axis](auto t) { return logcumsumexp(t[0], axis); });
    add("cummax", [=](auto t) { return both(cummax(t[0], axis)); });
    add("cummin", [=](auto t) { return both(cummin(t[0], axis)); });
  };
  each("rows", uniform({5, 7}), 1);
  each("columns", uniform({7, 5}), 0);
  each("middle", uniform({2, 4, 3}), -2);
  each("vector", uniform({37}, 0.5, 1.5), 0);
  each("scalar", uniform({}), 0);
  each("one", uniform({3, 1}), 1);
  each("no_rows", uniform({0, 4}), 1);
  each("no_length", uniform({4, 0}), 1);
  each("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  each("spaced", in(Layout::spaced, uniform({5, 7})), 1);
  each("transposed", in(Layout::transposed, uniform({5, 7})), 0);
  each("large", uniform({301, 83}, 0.7, 1.3), 1, true);
  each("large_columns", uniform({83, 301}, 0.7, 1.3), 0, true);
  each("large_row", uniform({3, 3001}, 0.99, 1.01), 1, true);

  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto special = [&](const std::string& name, std::vector<Input> inputs, auto run, bool differentiable = true) {
    cases.push_back({name, std::move(inputs), run, differentiable});
  };
  special("cumprod_zero", {of_values({2, 5}, {2, 0, 3, 0.5, -1, 1, 2, 0, 0, 4})},
          [](auto t) { return cumprod(t[0], 1); });
  special("cumsum_integers", {integers({3, 4}, 9)}, [](auto t) {
    return std::vector{cumsum(t[0], 0), cumprod(t[0], 1)};
  });
  special("cumsum_bool", {constant(uniform({3, 4}))}, [](auto t) { return cumsum(gt(t[0], 0), 1); });
  special("logcumsumexp_far", {constant(of_values({6}, {-1000, 998, 1000, -1000, 999.5, 3}))},
          [](auto t) { return logcumsumexp(t[0], 0); });
  special(
      "logcumsumexp_nothing", {of_values({2, 4}, {-infinity, -infinity, 1, 2, 0.5, -infinity, -infinity, 3})},
      [](auto t) { return logcumsumexp(t[0], 1); }, false);
  special("logcumsumexp_infinite", {constant(of_values({2, 4}, {1, infinity, 2, 3, 1, nan, 2, infinity}))},
          [](auto t) { return logcumsumexp(t[0], 1); });
  special(
      "cummax_ties", {coarse({4, 9})},
      [=](auto t) {
        return std::vector{cummax(t[0], 1).values, cummax(t[0], 1).indices, cummin(t[0], 1).values,
                           cummin(t[0], 1).indices};
      },
      false);
  special("cummax_nan", {constant(of_values({2, 5}, {1, 3, nan, 5, nan, nan, 1, 2, nan, 0}))}, [=](auto t) {
    return std::vector{cummax(t[0], 1).values, cummax(t[0], 1).indices, cummin(t[0], 1).values,
                       cummin(t[0], 1).indices};
  });
  special("cummax_integers", {integers({3, 8}, 5)}, [=](auto t) { return both(cummax(t[0], 1)); });
  special("diff", {uniform({4, 6})}, [](auto t) {
    return std::vector{diff(t[0]), diff(t[0], 2, 0), diff(t[0], 9, 1)};
  });
  special("diff_joined", {uniform({2, 3}), uniform({2, 1}), uniform({2, 2})},
          [](auto t) { return diff(t[0], 1, 1, t[1], t[2]); });
  special("diff_bool", {constant(uniform({3, 5}))}, [](auto t) { return diff(gt(t[0], 0)); });
  special("trapezoid", {uniform({3, 5})}, [](auto t) {
    return std::vector{trapezoid(t[0], 0.5), trapezoid(t[0], 2, 0)};
  });
  special("trapezoid_places", {uniform({3, 5}), uniform({5}), uniform({3, 5})}, [](auto t) {
    return std::vector{trapezoid(t[0], t[1]), trapezoid(t[0], t[2], 0)};
  });
  special("cumulative_trapezoid", {uniform({3, 5}), uniform({3})}, [](auto t) {
    return std::vector{cumulative_trapezoid(t[0], 0.5), cumulative_trapezoid(t[0], t[1], 0)};
  });
  return family;
}

}  // namespace joist::cases
