#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family reduction_cases() {
  Family family{"reduction", 2e-6, {}};
  auto& cases = family.cases;
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const std::vector<std::pair<const char*, Input>> inputs{
      {"", uniform({2, 3, 4, 5})},
      {"_channels_last", last({2, 3, 4, 5})},
      {"_channel_slice", in(Layout::channel_slice, uniform({2, 3, 4, 5}))},
      {"_transposed", in(Layout::transposed, uniform({2, 3, 4, 5}))},
      {"_spaced", in(Layout::spaced, uniform({2, 3, 4, 5}))},
      {"_large", last({5, 37, 21, 19})},
      {"_large_positive", uniform({5, 37, 21, 19}, 0, 1)},  // a running float32 total would lose digits
  };
  for (const auto& [suffix, x] : inputs) {
    const auto add = [&, input = x](const std::string& name, auto run) {
      cases.push_back({name + suffix, {input}, run, true, input.shape.elements() > 1000});
    };
    add("all", [](auto t) { return sum(t[0]); });
    add("mean", [](auto t) { return mean(t[0]); });
    add("first", [](auto t) { return sum(t[0], {0}); });
    add("channel", [](auto t) { return sum(t[0], {1}); });
    add("last", [](auto t) { return sum(t[0], {-1}); });
    add("last_kept", [](auto t) { return sum(t[0], {-1}, true); });
    add("space", [](auto t) { return mean(t[0], {2, 3}); });
    add("all_but_channel", [](auto t) { return sum(t[0], {0, 2, 3}); });
    add("outer", [](auto t) { return mean(t[0], {0, 3}, true); });
    add("nothing", [](auto t) { return sum(t[0], {}); });
  }
  cases.push_back({"scalar", {uniform({})}, [](auto t) { return sum(t[0]); }});
  cases.push_back({"empty", {uniform({0, 3})}, [](auto t) { return sum(t[0]); }});
  cases.push_back({"empty_axis", {uniform({3, 0})}, [](auto t) { return sum(t[0], {1}); }});
  cases.push_back({"empty_result", {uniform({3, 0})}, [](auto t) { return sum(t[0], {0}); }});
  cases.push_back({"vector", {uniform({129})}, [](auto t) { return mean(t[0]); }});
  cases.push_back({"large_vector", {uniform({300007}, 0, 1)}, [](auto t) { return sum(t[0]); }, true, true});
  cases.push_back({"large_rows", {uniform({300, 1003}, 0, 1)}, [](auto t) { return sum(t[0], {1}); }, true, true});
  cases.push_back({"large_columns", {uniform({1003, 300}, 0, 1)}, [](auto t) { return sum(t[0], {0}); }, true, true});

  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto add = [&](const std::string& name, std::vector<Input> given, auto run, bool differentiable = true,
                       bool large = false) {
    cases.push_back({name, std::move(given), run, differentiable, large});
  };
  const Input odd = constant(of_values({3, 4}, {1, nan, 3, -infinity, 2, 2, 0, infinity, nan, nan, nan, nan}));
  add("sum_one_axis", {uniform({3, 4})}, [](auto t) { return std::vector{sum(t[0], 1), mean(t[0], 0, true)}; });
  add("sum_span", {uniform({3, 4, 2})}, [](auto t) { return sum(t[0], std::vector{2, 0}); });
  add("sum_integers", {integers({3, 4}, 9)}, [](auto t) {
    return std::vector{sum(t[0], 1), sum(to(t[0], Dtype::uint8)), sum(gt(t[0], 4), {0}), prod(t[0], 0),
                       prod(gt(t[0], 0))};
  });
  add("mean_nothing", {constant(uniform({0, 3}))}, [](auto t) { return std::vector{mean(t[0]), mean(t[0], 0)}; });
  add("nansum", {odd}, [](auto t) {
    return std::vector{nansum(t[0], 1), nanmean(t[0], 1), nansum(t[0]), nanmean(t[0])};
  });
  add(
      "nanmean", {of_values({2, 4}, {1, nan, 3, 2, nan, 4, 5, nan})},
      [](auto t) {
        return std::vector{nansum(t[0], {0}), nanmean(t[0], 1), nanmean(t[0])};
      },
      false);
  add("any_element", {constant(coarse({4, 5})), odd}, [](auto t) {
    return std::vector{any(t[0]), any(gt(t[0], 1), 0), any(t[1], 1, true), any(slice(t[0], 0, 0, 0))};
  });
  add("all_elements", {constant(coarse({4, 5})), odd}, [](auto t) {
    return std::vector{all(t[0]), all(lt(t[0], 1), 0), all(t[1], {1}, true), all(slice(t[0], 0, 0, 0))};
  });
  add("count_nonzero", {constant(coarse({4, 5})), odd}, [](auto t) {
    return std::vector{count_nonzero(t[0]), count_nonzero(t[0], 1), count_nonzero(t[1], {0, 1})};
  });

  const auto extremes = [&](const std::string& name, const Input& x, int axis, bool differentiable = true,
                            bool large = false) {
    add(
        "max_" + name, {x},
        [axis](auto t) {
          const ValuesIndices a = max(t[0], axis), b = min(t[0], axis, true);
          return std::vector{a.values, a.indices, b.values, b.indices, argmax(t[0], axis, true), argmin(t[0], axis)};
        },
        differentiable, large);
    add(
        "amax_" + name, {x},
        [axis](auto t) {
          return std::vector{amax(t[0], axis, true), amin(t[0], axis)};
        },
        differentiable, large);
    add(
        "prod_" + name, {x}, [axis](auto t) { return prod(t[0], axis); }, differentiable, large);
  };
  extremes("rows", uniform({5, 7}), 1);
  extremes("columns", uniform({7, 5}), 0);
  extremes("middle", uniform({2, 4, 3}), -2);
  extremes("scalar", uniform({}), 0);
  extremes("one", uniform({3, 1}), 1);
  extremes("no_rows", uniform({0, 4}), 1);
  extremes("spaced", in(Layout::spaced, uniform({5, 7})), 1);
  extremes("transposed", in(Layout::transposed, uniform({5, 7})), 0);
  extremes("channels_last", in(Layout::channels_last, uniform({2, 5, 3, 4})), 1);
  extremes("ties", coarse({5, 9}), 1, false);
  extremes("nan", odd, 1);
  extremes("integers", integers({4, 6}, 5), 1);
  extremes("large", uniform({301, 83}, 0.8, 1.2), 1, true, true);
  extremes("large_columns", uniform({83, 301}, 0.8, 1.2), 0, true, true);
  add("max_all", {uniform({4, 5})}, [](auto t) { return std::vector{max(t[0]), min(t[0]), amax(t[0]), amin(t[0])}; });
  add(
      "max_all_ties", {coarse({5, 9})},
      [](auto t) {
        return std::vector{max(t[0]), min(t[0])};
      },
      false);
  add("max_bool", {constant(uniform({3, 5}))}, [](auto t) {
    const Tensor x = gt(t[0], 0.5);
    return std::vector{max(x), min(x), amax(x, 1), max(x, 0).values, max(x, 0).indices};
  });
  add("max_of_two", {uniform({3, 5}), uniform({5})}, [](auto t) {
    return std::vector{max(t[0], t[1]), min(t[0], t[1])};
  });
  add("amax_axes", {uniform({3, 2, 4})}, [](auto t) {
    return std::vector{amax(t[0], {0, 2}), amin(t[0], {-1, 1}, true)};
  });
  add("argmax", {constant(coarse({4, 5})), odd}, [](auto t) {
    return std::vector{argmax(t[0]), argmin(t[0]), argmax(t[1]), argmin(t[1], 1)};
  });
  add("aminmax", {uniform({4, 5})}, [](auto t) {
    const MinMax all = aminmax(t[0]), rows = aminmax(t[0], 1, true);
    return std::vector{all.min, all.max, rows.min, rows.max};
  });
  add("prod", {uniform({3, 4}), of_values({2, 4}, {2, 0, -1, 3, 0, 4, 0, 1})}, [](auto t) {
    return std::vector{prod(t[0]), prod(t[1]), prod(t[1], 1, true)};
  });
  add("prod_zero", {of_values({3, 3}, {2, 0, -1, 0, 4, 0, 1, 2, 3})}, [](auto t) { return prod(t[0], 1); });
  add("prod_nothing", {uniform({3, 0})}, [](auto t) { return std::vector{prod(t[0], 1), prod(t[0])}; });

  const auto two = [](const MeanAnd& x) { return std::vector{x.spread, x.mean}; };
  const std::vector<int> rows{-1}, outside{0, 2};
  add("var", {uniform({4, 5})}, [](auto t) { return std::vector{var(t[0]), var(t[0], 0)}; });
  add("var_axes", {in(Layout::spaced, uniform({3, 4, 5}))}, [=](auto t) {
    return std::vector{var(t[0], outside, 1, true), var(t[0], rows, 2.5)};
  });
  add("var_offset", {uniform({3, 50}, 1000, 1001)}, [=](auto t) { return var(t[0], rows); });
  add("var_single", {constant(uniform({3, 1}))}, [=](auto t) {
    return std::vector{var(t[0], rows), std(t[0], rows, 3)};
  });
  add("std", {uniform({4, 5})}, [=](auto t) { return std::vector{std(t[0]), std(t[0], 0), std(t[0], rows, 1, true)}; });
  add(
      "std_constant", {of_values({2, 3}, {2, 2, 2, 1, 2, 3})}, [=](auto t) { return std(t[0], rows); }, false);
  add("var_mean", {uniform({4, 5})}, [=](auto t) { return two(var_mean(t[0], rows, 0)); });
  add("std_mean", {uniform({4, 5})}, [=](auto t) { return two(std_mean(t[0], rows)); });
  add("cov", {uniform({3, 7})}, [](auto t) { return std::vector{cov(t[0]), cov(t[0], 0), cov(select(t[0], 0, 1))}; });
  add("corrcoef", {uniform({3, 7})}, [](auto t) { return corrcoef(t[0]); });

  for (const double p : {0.0, 1.0, 2.0, 3.0, 1.5, 0.5, -1.0, infinity, -infinity}) {
    std::string name = std::to_string(p).substr(0, 4);
    for (char& c : name) c = c == '.' ? '_' : c == '-' ? 'm' : c;
    add("norm_" + name, {uniform({4, 5})}, [p](auto t) {
      return std::vector{norm(t[0], p), norm(t[0], p, {1}, true)};
    });
    add(
        "norm_zeros_" + name, {of_values({3, 4}, {0, 0, 0, 0, 1, 0, -2, 2, 0, 3, 0, 0})},
        [p](auto t) {
          return std::vector{norm(t[0], p, {1}), norm(t[0], p, {0, 1})};
        },
        false);
  }
  add("vector_norm", {uniform({3, 4, 2}), constant(of_values({2, 2}, {nan, 1, infinity, 2}))}, [=](auto t) {
    return std::vector{vector_norm(t[0], 2, outside), vector_norm(t[1], 2, rows), vector_norm(t[1], infinity, rows)};
  });
  add("norm_nothing", {constant(uniform({3, 0}))}, [](auto t) {
    return std::vector{norm(t[0], 2, {1}), norm(t[0], 1)};
  });
  add(
      "norm_large", {uniform({301, 83})}, [](auto t) { return norm(t[0], 2, {1}); }, true, true);
  add("dist", {uniform({3, 4}), uniform({4})}, [](auto t) {
    return std::vector{dist(t[0], t[1]), dist(t[0], t[1], 1)};
  });
  add("renorm", {uniform({4, 5})}, [](auto t) { return std::vector{renorm(t[0], 2, 0, 2.5), renorm(t[0], 1, 1, 3)}; });

  const double masked = -infinity;
  add("logsumexp", {uniform({4, 5, 2})}, [](auto t) {
    return std::vector{logsumexp(t[0], 1), logsumexp(t[0], {0, 2}, true), logsumexp(t[0])};
  });
  add("logsumexp_far", {of_values({2, 3}, {1000, 999.5, -1000, -1000, -1001, -1000.5})},
      [](auto t) { return logsumexp(t[0], 1); });
  add(
      "logsumexp_masked", {of_values({3, 3}, {masked, 1, 2, masked, masked, masked, 0, masked, masked})},
      [](auto t) { return logsumexp(t[0], 1); }, false);
  add("logsumexp_infinite", {constant(of_values({2, 3}, {infinity, 1, 2, nan, masked, 0}))},
      [](auto t) { return logsumexp(t[0], 1); });
  add("logsumexp_nothing", {constant(uniform({3, 0}))}, [](auto t) { return logsumexp(t[0], 1); });
  add(
      "logsumexp_large", {uniform({301, 83})}, [](auto t) { return logsumexp(t[0], 0); }, true, true);

  const auto both = [](const ValuesIndices& x) { return std::vector{x.values, x.indices}; };
  add("median", {uniform({4, 5})}, [](auto t) {
    const ValuesIndices a = median(t[0], 1), b = median(t[0], 0, true);
    return std::vector{a.values, a.indices, b.values, b.indices, median(t[0])};
  });
  add(
      "median_ties", {coarse({3, 9})},
      [](auto t) {
        return std::vector{median(t[0]), nanmedian(t[0])};
      },
      false);
  add("median_nan", {odd}, [](auto t) {
    return std::vector{
        median(t[0], 1).values, median(t[0], 1).indices, nanmedian(t[0], 1).values, nanmedian(t[0], 1).indices,
        median(t[0]),           nanmedian(t[0])};
  });
  add(
      "nanmedian", {of_values({2, 5}, {1, nan, 3, 2, 7, nan, 4, 5, nan, 9})},
      [=](auto t) {
        return std::vector{nanmedian(t[0], 1).values, nanmedian(t[0])};
      },
      false);
  add("median_integers", {integers({4, 6}, 9)}, [=](auto t) {
    return std::vector{median(t[0], 1).values, median(t[0])};
  });
  add("median_scalar", {uniform({})}, [=](auto t) { return both(median(t[0], 0)); });
  add("mode", {constant(of_values({3, 5}, {1, 3, 3, 1, 2, 2, 2, 1, 1, 0, 5, 4, 3, 2, 1}))}, [=](auto t) {
    return std::vector{mode(t[0], 1).values, mode(t[0], 1).indices, mode(t[0], 0, true).values};
  });
  add("mode_gradient", {uniform({3, 5})}, [=](auto t) { return both(mode(t[0], 1)); });
  const Input q = constant(of_values({3}, {0, 0.375, 1}));
  add("quantile", {uniform({4, 5}), q}, [](auto t) {
    return std::vector{quantile(t[0], t[1], 1), quantile(t[0], t[1], 0, true), quantile(t[0], 0.5),
                       quantile(t[0], t[1])};
  });
  for (const auto& [name, kind] :
       {std::pair{"lower", QuantileInterpolation::lower}, std::pair{"higher", QuantileInterpolation::higher},
        std::pair{"midpoint", QuantileInterpolation::midpoint}, std::pair{"nearest", QuantileInterpolation::nearest}})
    add(std::string("quantile_") + name, {uniform({4, 6}), q},
        [kind = kind](auto t) { return quantile(t[0], t[1], 1, false, kind); });
  add("quantile_nan", {odd, q}, [](auto t) { return quantile(t[0], t[1], 1); });
  add(
      "nanquantile", {of_values({2, 5}, {1, nan, 3, 2, 7, nan, 4, 5, nan, 9}), q},
      [](auto t) {
        return std::vector{nanquantile(t[0], t[1], 1), nanquantile(t[0], t[1])};
      },
      false);
  return family;
}

}  // namespace joist::cases
