#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family indexing_cases() {
  Family family{"indexing", 1e-6, {}};
  const auto rows = [&](const std::string& name, const Input& x, const Input& index) -> Case& {
    return family.cases.emplace_back(Case{name, {x, index}, [](auto t) { return index_select(t[0], t[1].value()); }});
  };
  rows("repeated", uniform({5, 3}), integers({17}, 5));
  rows("some", uniform({9, 3}), integers({4}, 9));
  rows("values", uniform({7}), integers({20}, 7));
  rows("blocks", uniform({4, 2, 3, 2}), integers({6}, 4));
  rows("none", uniform({4, 3}), integers({0}, 4));
  rows("no_columns", uniform({4, 0}), integers({3}, 4));
  rows("spaced", in(Layout::spaced, uniform({5, 3})), integers({11}, 5));
  rows("transposed", in(Layout::transposed, uniform({5, 3})), integers({11}, 5));
  rows("channels_last", in(Layout::channels_last, uniform({4, 2, 3, 2})), integers({6}, 4));
  rows("large", uniform({301, 67}), integers({2003}, 301)).large = true;

  auto& cases = family.cases;
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run, bool large = false) {
    cases.push_back({name, std::move(inputs), run, true, large});
  };
  const auto given = [](const Shape& shape, std::vector<double> values) {
    return Input{.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(values)};
  };
  for (int axis = 0; axis < 3; ++axis) {
    const std::string suffix = "_" + std::to_string(axis);
    const Shape shape{4, 5, 3};
    add("index_select" + suffix, {uniform(shape), integers({7}, 3)},
        [axis](auto t) { return index_select(t[0], axis, t[1]); });
    add("gather" + suffix, {uniform(shape), integers(shape.with(axis, 6), 3)},
        [axis](auto t) { return gather(t[0], axis, t[1]); });
    add("gather_shorter" + suffix, {in(Layout::spaced, uniform(shape)), integers({3, 3, 2}, 3)},
        [axis](auto t) { return gather(t[0], axis, t[1]); });
    add("scatter" + suffix, {uniform(shape), given({2, 2, 1}, {2, 1, 0, 2}), uniform({2, 3, 3})},
        [axis](auto t) { return scatter(t[0], axis, t[1], t[2]); });
    add("scatter_value" + suffix, {in(Layout::transposed, uniform(shape)), integers({2, 4, 3}, 3)},
        [axis](auto t) { return scatter(t[0], axis, t[1], 0.75); });
    add("scatter_add" + suffix, {uniform(shape), integers({3, 4, 3}, 3), uniform({4, 5, 3})},
        [axis](auto t) { return scatter_add(t[0], axis, t[1], t[2]); });
    add("index_add" + suffix, {uniform(shape), integers({6}, 3), uniform(shape.with(axis, 6))},
        [axis](auto t) { return index_add(t[0], axis, t[1], t[2], -1.5); });
    add("index_copy" + suffix, {uniform(shape), given({2}, {2, 0}), uniform(shape.with(axis, 2))},
        [axis](auto t) { return index_copy(t[0], axis, t[1], t[2]); });
    add("index_fill" + suffix, {uniform(shape), given({3}, {-1, 0, 0})},
        [axis](auto t) { return index_fill(t[0], axis, t[1], 2.5); });
  }
  add("gather_scalar", {uniform({}), given({}, {0})}, [](auto t) { return gather(t[0], 0, t[1]); });
  add("gather_empty", {uniform({3, 0}), integers({3, 0}, 1)}, [](auto t) { return gather(t[0], 0, t[1]); });
  add("gather_no_index", {uniform({3, 4}), integers({0, 4}, 1)}, [](auto t) { return gather(t[0], 0, t[1]); });
  add("gather_index_spaced", {uniform({5, 6}), integers({5, 8}, 6)},
      [](auto t) { return gather(t[0], 1, slice(t[1], 1, 1, 8, 3)); });
  add("gather_broadcast_input", {uniform({1, 6}), integers({5, 4}, 6)}, [](auto t) {
    return gather(expand(t[0], {5, 6}), 1, t[1]);
  });
  add("gather_integers", {integers({5, 6}, 100), integers({5, 3}, 6)}, [](auto t) { return gather(t[0], 1, t[1]); });
  add(
      "gather_large", {uniform({301, 67}), integers({301, 90}, 67)}, [](auto t) { return gather(t[0], 1, t[1]); },
      true);
  add(
      "gather_large_first", {uniform({301, 67}), integers({500, 67}, 301)},
      [](auto t) { return gather(t[0], 0, t[1]); }, true);
  add(
      "scatter_add_large", {uniform({67, 50}), integers({601, 50}, 67), uniform({601, 50})},
      [](auto t) { return scatter_add(t[0], 0, t[1], t[2]); }, true);
  add("scatter_add_itself", {uniform({4, 5}), integers({4, 5}, 5)},
      [](auto t) { return scatter_add(t[0], 1, t[1], t[0]); });
  add("scatter_add_empty", {uniform({4, 5}), integers({0, 5}, 5), uniform({4, 5})},
      [](auto t) { return scatter_add(t[0], 0, t[1], t[2]); });

  const std::vector<std::pair<const char*, ScatterReduction>> reductions{{"sum", ScatterReduction::sum},
                                                                         {"prod", ScatterReduction::prod},
                                                                         {"mean", ScatterReduction::mean},
                                                                         {"amax", ScatterReduction::amax},
                                                                         {"amin", ScatterReduction::amin}};
  for (const auto& [name, reduce] : reductions)
    for (const bool include_self : {true, false}) {
      const auto run = [reduce = reduce, include_self](auto t) {
        return scatter_reduce(t[0], 1, t[1], t[2], reduce, include_self);
      };
      const std::string full = std::string("scatter_reduce_") + name + (include_self ? "" : "_without_self");
      add(full, {uniform({4, 5}), integers({3, 7}, 5), uniform({4, 8})}, run);
      // Ties share the gradient and zeros stop it: at neither are there two-sided differences.
      cases.push_back({full + "_ties", {coarse({4, 5}), integers({4, 9}, 5), coarse({4, 9})}, run, false});
      cases.push_back(
          {full + "_integers", {integers({4, 5}, 9), integers({4, 9}, 5), integers({4, 9}, 9)}, run, false});
    }
  add("scatter_reduce_zeros",
      {of_values({3}, {2, 0, 3}), given({7}, {0, 0, 0, 1, 1, 2, 2}), of_values({7}, {0, 5, -1, 3, 0, 0, 0})},
      [](auto t) { return scatter_reduce(t[0], 0, t[1], t[2], ScatterReduction::prod); });
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto reduce : {ScatterReduction::amax, ScatterReduction::amin})
    cases.push_back(
        {reduce == ScatterReduction::amax ? "scatter_reduce_nan_max" : "scatter_reduce_nan_min",
         {constant(of_values({3}, {1, nan, 2})), given({3}, {0, 1, 2}), constant(of_values({3}, {nan, 1, 5}))},
         [reduce](auto t) { return scatter_reduce(t[0], 0, t[1], t[2], reduce); },
         false});

  add("take", {uniform({3, 4}), given({2, 3}, {0, -1, 11, 5, 5, -12})}, [](auto t) { return take(t[0], t[1]); });
  add("put", {uniform({3, 4}), given({3}, {0, -1, 5}), uniform({3})}, [](auto t) { return put(t[0], t[1], t[2]); });
  add("put_accumulate", {uniform({3, 4}), given({2, 2}, {5, -7, 5, 0}), uniform({4})},
      [](auto t) { return put(t[0], t[1], t[2], true); });
  add("take_along_dim", {uniform({3, 1, 4}), given({1, 5, 2}, {0, -1, 2, 1, -4, 3, 0, 0, 1, 1})},
      [](auto t) { return take_along_dim(t[0], t[1], 2); });
  add("index", {uniform({4, 5, 3}), given({2, 1}, {-1, 2}), given({3}, {0, 4, -2})}, [](auto t) {
    return index(t[0], {t[1], t[2]});
  });
  add("index_first", {uniform({4, 5}), integers({3, 2}, 4)}, [](auto t) { return index(t[0], {t[1]}); });
  add("index_mask", {uniform({4, 5, 2}), constant(uniform({4, 5}))}, [](auto t) { return index(t[0], {gt(t[1], 0)}); });
  add("index_put", {uniform({4, 5, 3}), given({2}, {-1, 2}), given({2}, {0, 4}), uniform({2, 3})}, [](auto t) {
    return index_put(t[0], {t[1], t[2]}, t[3]);
  });
  add("index_put_accumulate", {uniform({4, 5}), integers({30}, 4), integers({30}, 5), uniform({30})}, [](auto t) {
    return index_put(t[0], {t[1], t[2]}, t[3], true);
  });
  add("index_put_broadcast", {uniform({4, 5}), given({2}, {1, 3}), uniform({})},
      [](auto t) { return index_put(t[0], {t[1]}, t[2], true); });
  add("masked_select", {uniform({4, 5}), constant(uniform({5}))},
      [](auto t) { return masked_select(t[0], gt(t[1], 0)); });
  add("masked_select_nothing", {uniform({4, 5})}, [](auto t) { return masked_select(t[0], gt(t[0], 9)); });
  add("masked_scatter", {uniform({4, 5}), constant(uniform({4, 1})), uniform({5, 5})},
      [](auto t) { return masked_scatter(t[0], gt(t[1], 0), t[2]); });
  add("masked_fill_tensor", {uniform({4, 5}), constant(uniform({5})), uniform({})},
      [](auto t) { return masked_fill(t[0], gt(t[1], 0), t[2]); });
  add("nonzero", {constant(coarse({4, 5}))}, [](auto t) { return std::vector{nonzero(t[0]), nonzero(gt(t[0], 0))}; });
  add("argwhere", {integers({3, 2, 2}, 2)}, [](auto t) { return argwhere(t[0]); });
  add("nonzero_columns", {constant(coarse({4, 5}))}, [](auto t) { return nonzero_columns(t[0]); });
  add("nonzero_scalar", {constant(of_values({}, {3}))}, [](auto t) { return nonzero(t[0]); });
  return family;
}

}  // namespace joist::cases
