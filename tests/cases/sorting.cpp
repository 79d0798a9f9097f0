#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family sorting_cases() {
  Family family{"sorting", 1e-6, {}};
  auto& cases = family.cases;
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool differentiable = true) {
    cases.push_back({name, std::move(inputs), run, differentiable});
  };
  const auto both = [](const ValuesIndices& x) { return std::vector{x.values, x.indices}; };
  const auto all = [](const Unique& x) { return std::vector{x.values, x.inverse, x.counts}; };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Input odd = constant(of_values({2, 6}, {1, nan, 3, -infinity, 2, nan, infinity, nan, 0, -0.0, 1, 1}));
  const auto order = [&](const std::string& name, const Input& x, int axis, bool large = false) {
    for (const bool descending : {false, true})
      cases.push_back({std::string("sort_") + (descending ? "descending_" : "") + name,
                       {x},
                       [=](auto t) { return both(sort(t[0], axis, descending)); },
                       true,
                       large});
  };
  order("rows", uniform({5, 7}), 1);
  order("columns", uniform({7, 5}), 0);
  order("middle", uniform({2, 6, 3}), -2);
  order("scalar", uniform({}), -1);
  order("one", uniform({3, 1}), 1);
  order("no_rows", uniform({0, 4}), 1);
  order("no_length", uniform({4, 0}), 1);
  order("spaced", in(Layout::spaced, uniform({5, 7})), 1);
  order("transposed", in(Layout::transposed, uniform({5, 7})), 1);
  order("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  order("ties", constant(coarse({4, 30})), 1);
  order("nan", odd, 1);
  order("integers", integers({4, 9}, 5), 1);
  order("large", uniform({37, 303}), 1, true);
  order("large_columns", uniform({303, 37}), 0, true);
  add("sort_bool", {constant(uniform({3, 7}))}, [=](auto t) { return both(sort(gt(t[0], 0), 1)); });
  add("argsort", {uniform({3, 7})}, [](auto t) { return argsort(t[0], 1, true); });
  add("msort", {uniform({7, 3})}, [](auto t) { return msort(t[0]); });
  add("topk", {uniform({3, 9})}, [=](auto t) { return both(topk(t[0], 4)); });
  add("topk_smallest", {uniform({9, 3})}, [=](auto t) { return both(topk(t[0], 2, 0, false)); });
  add("topk_nan", {odd}, [=](auto t) { return std::vector{topk(t[0], 3).values, topk(t[0], 3, 1, false).values}; });
  add("topk_none", {uniform({3, 9})}, [=](auto t) { return both(topk(t[0], 0)); });
  add("topk_scalar", {uniform({})}, [=](auto t) { return both(topk(t[0], 1)); });
  add("kthvalue", {uniform({3, 9})}, [=](auto t) { return both(kthvalue(t[0], 4)); });
  add("kthvalue_kept", {uniform({9, 3})}, [=](auto t) { return both(kthvalue(t[0], 9, 0, true)); });

  const Input ladder = constant(of_values({6}, {-1, -0.5, 0, 0, 0.5, 1.5})), values = constant(coarse({4, 5}));
  add("searchsorted", {ladder, values}, [](auto t) {
    return std::vector{searchsorted(t[0], t[1]), searchsorted(t[0], t[1], true)};
  });
  add("searchsorted_rows", {constant(of_values({2, 3}, {-1, 0, 1, 0, 0.5, 0.5})), constant(coarse({2, 7}))},
      [](auto t) {
        return std::vector{searchsorted(t[0], t[1]), searchsorted(t[0], t[1], true)};
      });
  add("searchsorted_nan", {constant(of_values({4}, {1, 2, infinity, nan})), odd}, [](auto t) {
    return std::vector{searchsorted(t[0], t[1]), searchsorted(t[0], t[1], true)};
  });
  add("searchsorted_number", {ladder}, [](auto t) { return searchsorted(t[0], 0.0, true); });
  add("searchsorted_integers", {integers({4}, 3), values},
      [](auto t) { return searchsorted(sort(t[0]).values, t[1]); });
  add("searchsorted_empty", {constant(uniform({0})), values}, [](auto t) { return searchsorted(t[0], t[1]); });
  add("searchsorted_views", {in(Layout::spaced, ladder), in(Layout::transposed, values)},
      [](auto t) { return searchsorted(t[0], t[1]); });
  add("bucketize", {values, ladder}, [](auto t) {
    return std::vector{bucketize(t[0], t[1]), bucketize(t[0], t[1], true)};
  });

  add("unique", {constant(coarse({4, 9}))}, [=](auto t) { return all(unique(t[0])); });
  add("unique_nan", {odd}, [=](auto t) { return all(unique(t[0])); });
  add("unique_empty", {constant(uniform({0}))}, [=](auto t) { return all(unique(t[0])); });
  add("unique_integers", {integers({20}, 5)}, [=](auto t) { return all(unique(t[0])); });
  add("unique_rows", {constant(of_values({5, 2}, {1, 2, 0, 7, 1, 2, 0, 3, 0, 7}))},
      [=](auto t) { return all(unique(t[0], 0)); });
  add("unique_columns", {constant(of_values({2, 5}, {1, 0, 1, 0, 1, 2, 7, 2, 7, 1}))},
      [=](auto t) { return all(unique(t[0], -1)); });
  add("unique_consecutive", {constant(of_values({2, 5}, {1, 1, 2, 2, 1, 1, 3, 3, 3, 0}))},
      [=](auto t) { return all(unique_consecutive(t[0])); });
  add("unique_consecutive_rows", {constant(of_values({5, 2}, {1, 2, 1, 2, 1, 3, 1, 3, 1, 2}))},
      [=](auto t) { return all(unique_consecutive(t[0], 0)); });
  add("isin", {constant(coarse({4, 5})), constant(of_values({3}, {0.5, -1, nan}))}, [](auto t) {
    return std::vector{isin(t[0], t[1]), isin(t[0], t[1], true), isin(t[1], t[1])};
  });
  add("isin_nothing", {constant(coarse({4, 5})), constant(uniform({0}))}, [](auto t) { return isin(t[0], t[1]); });

  add("bincount", {integers({50}, 7)}, [](auto t) { return std::vector{bincount(t[0]), bincount(t[0], {}, 12)}; });
  add("bincount_weights", {integers({50}, 7), constant(uniform({50}))}, [](auto t) { return bincount(t[0], t[1]); });
  add("bincount_empty", {integers({0}, 7)}, [](auto t) { return bincount(t[0], {}, 3); });
  add("histc", {constant(uniform({60}))}, [](auto t) {
    return std::vector{histc(t[0], 5, -1, 1), histc(t[0], 7), histc(t[0] * 0.0, 4)};
  });
  add("histc_outside", {odd}, [](auto t) { return histc(t[0], 3, 0, 2); });
  add("histogram", {constant(uniform({60})), constant(uniform({60}, 0, 1))}, [](auto t) {
    const Histogram plain = histogram(t[0], 6, -1.5, 1.5), weighted = histogram(t[0], 4, 0, 0, t[1], true);
    return std::vector{plain.counts, plain.edges, weighted.counts, weighted.edges};
  });
  add("histogram_edges", {constant(coarse({60})), constant(of_values({4}, {-1, 0, 0.5, 1.5}))},
      [](auto t) { return histogram(t[0], t[1]).counts; });
  return family;
}

}  // namespace joist::cases
