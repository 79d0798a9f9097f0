#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {

Family comparison_cases() {
  Family family{"comparison", 1e-6, {}};
  auto& cases = family.cases;
  const auto call = [&](const std::string& name, std::vector<Input> inputs, auto function, bool differentiable = true) {
    cases.push_back({name, std::move(inputs), [function](auto t) { return function(t); }, differentiable});
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Input a = constant(coarse({5, 7})), b = constant(coarse({7}));
  const Input odd = constant(of_values({7}, {1, nan, infinity, -infinity, 0, nan, 2}));
  const Input other = constant(of_values({7}, {1, nan, infinity, infinity, -0.0, 3, 2 + 1e-6}));
  call("eq", {a, b}, [](auto t) { return eq(t[0], t[1]); });
  call("ne", {a, b}, [](auto t) { return ne(t[0], t[1]); });
  call("lt", {a, b}, [](auto t) { return lt(t[0], t[1]); });
  call("le", {a, b}, [](auto t) { return le(t[0], t[1]); });
  call("gt", {a, b}, [](auto t) { return gt(t[0], t[1]); });
  call("ge", {a, b}, [](auto t) { return ge(t[0], t[1]); });
  call("numbers", {a}, [](auto t) {
    return std::vector{eq(t[0], 0.5), ne(t[0], 0.5), lt(t[0], 0.5), le(t[0], 0.5), gt(t[0], 0.5), ge(t[0], 0.5)};
  });
  call("operators", {a, b}, [](auto t) {
    return std::vector{t[0]<t[1], t[0] <= t[1], t[0]> t[1], t[0] >= t[1], t[0]<0.5, t[0] <= 0.5, t[0]> 0.5,
                       t[0] >= 0.5};
  });
  call("not_numbers", {odd, other}, [](auto t) {
    return std::vector{eq(t[0], t[1]), ne(t[0], t[1]), lt(t[0], t[1]), le(t[0], t[1]), gt(t[0], t[1]), ge(t[0], t[1])};
  });
  call("compare", {in(Layout::spaced, a), in(Layout::transposed, constant(coarse({5, 7})))},
       [](auto t) { return compare(Comparison::less, t[0], t[1]); });
  call("compare_empty", {constant(coarse({0, 7})), b}, [](auto t) { return lt(t[0], t[1]); });
  call("compare_integers", {integers({4, 5}, 3), integers({5}, 3)}, [](auto t) { return le(t[0], t[1]); });
  call("compare_mixed", {integers({4, 5}, 3), b.shape == Shape{5} ? b : constant(coarse({5}))},
       [](auto t) { return gt(t[0], t[1]); });
  call("isnan", {odd}, [](auto t) { return isnan(t[0]); });
  call("isinf", {odd}, [](auto t) { return isinf(t[0]); });
  call("isfinite", {odd}, [](auto t) { return isfinite(t[0]); });
  call("isclose", {odd, other}, [](auto t) { return isclose(t[0], t[1], 1e-5, 1e-5); });
  call("isclose_nan", {odd, other}, [](auto t) { return isclose(t[0], t[1], 1e-5, 1e-5, true); });
  call("allclose", {odd, other},
       [](auto t) { return Tensor::full({2}, allclose(t[0], t[0], 0, 0, true) && !allclose(t[0], t[1])); });
  call("equal", {a, odd},
       [](auto t) { return Tensor::full({2}, equal(t[0], t[0]) && !equal(t[1], t[1]) && !equal(t[0], t[1])); });
  call("logical_and", {a, b}, [](auto t) { return logical_and(t[0], t[1]); });
  call("logical_or", {a, b}, [](auto t) { return logical_or(t[0], t[1]); });
  call("logical_xor", {a, b}, [](auto t) { return logical_xor(t[0], t[1]); });
  call("logical_not", {a}, [](auto t) { return logical_not(t[0]); });
  call("logical_of_comparisons", {a, b}, [](auto t) { return logical_and(gt(t[0], 0), lt(t[1], 1)); });

  const auto where_case = [&](const std::string& name, const Input& c, const Input& x, const Input& y) -> Case& {
    cases.push_back({"where_" + name, {constant(c), x, y}, [](auto t) { return where(gt(t[0], 0), t[1], t[2]); }});
    return cases.back();
  };
  where_case("plain", uniform({5, 7}), uniform({5, 7}), uniform({5, 7}));
  where_case("broadcast", uniform({5, 1}), uniform({7}), uniform({3, 1, 1}));
  where_case("scalars", uniform({3, 4}), uniform({}), uniform({}));
  where_case("views", in(Layout::spaced, uniform({5, 7})), in(Layout::transposed, uniform({5, 7})),
             in(Layout::spaced, uniform({5, 7})));
  where_case("channels_last", uniform({2, 1, 3, 4}), in(Layout::channels_last, uniform({2, 5, 3, 4})),
             uniform({5, 1, 1}));
  where_case("empty", uniform({0, 3}), uniform({0, 3}), uniform({3}));
  where_case("large", uniform({301, 211}), uniform({301, 211}), uniform({211})).large = true;
  call("where_itself", {uniform({4, 5})}, [](auto t) { return where(gt(t[0], 0), t[0], t[0] * 3.0); });
  call("where_numbers", {uniform({4, 5})},
       [](auto t) { return where(gt(t[0], 0), t[0], 2.0) * where(lt(t[0], 0.5), -1.0, t[0]); });
  call("masked_fill", {uniform({4, 5}), constant(uniform({5}))},
       [](auto t) { return masked_fill(t[0], gt(t[1], 0), -3); });
  return family;
}

}  // namespace joist::cases
