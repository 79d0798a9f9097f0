#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family matmul_cases() {
  Family family{"matmul", 3e-6, {}};
  auto& cases = family.cases;
  const auto product = [&](const std::string& name, const Input& a, const Input& b) -> Case& {
    cases.push_back({name, {a, b}, [](auto x) { return matmul(x[0], x[1]); }});
    return cases.back();
  };
  product("plain", uniform({3, 4}), uniform({4, 5}));
  product("one", uniform({1, 1}), uniform({1, 1}));
  product("row", uniform({1, 9}), uniform({9, 7}));
  product("column", uniform({9, 7}), uniform({7, 1}));
  product("odd", uniform({17, 13}), uniform({13, 9}));
  product("left_transposed", in(Layout::transposed, uniform({6, 5})), uniform({5, 7}));
  product("right_transposed", uniform({6, 5}), in(Layout::transposed, uniform({5, 7})));
  product("both_transposed", in(Layout::transposed, uniform({6, 5})), in(Layout::transposed, uniform({5, 7})));
  product("spaced", in(Layout::spaced, uniform({6, 5})), in(Layout::spaced, uniform({5, 7})));
  product("no_depth", uniform({3, 0}), uniform({0, 4}));
  product("no_rows", uniform({0, 3}), uniform({3, 4}));
  product("no_columns", uniform({2, 3}), uniform({3, 0}));
  product("batch", uniform({3, 4, 5}), uniform({3, 5, 2}));
  product("batch_transposed", in(Layout::transposed, uniform({3, 4, 5})), in(Layout::transposed, uniform({3, 5, 2})));
  product("batch_broadcast_left", uniform({1, 4, 5}), uniform({3, 5, 2}));
  product("batch_broadcast_right", uniform({3, 4, 5}), uniform({1, 5, 2}));
  product("batch_broadcast_both", uniform({2, 1, 3, 4}), uniform({1, 3, 4, 2}));
  product("batch_and_matrix", uniform({2, 3, 4}), uniform({4, 5}));
  product("matrix_and_batch", uniform({3, 4}), uniform({2, 4, 5}));
  product("no_batch", uniform({0, 3, 4}), uniform({0, 4, 5}));
  product("frozen_left", constant(uniform({3, 4})), uniform({4, 5}));
  product("frozen_right", uniform({3, 4}), constant(uniform({4, 5})));
  product("large", uniform({130, 97}), uniform({97, 131})).large = true;
  product("large_deep", uniform({9, 2050}), uniform({2050, 17})).large = true;
  product("large_batch", uniform({9, 33, 65}), in(Layout::transposed, uniform({9, 65, 31}))).large = true;
  cases.push_back({"itself", {uniform({5, 4})}, [](auto x) { return matmul(x[0], transpose(x[0], 0, 1)); }});

  const auto layer = [&](const std::string& name, const Input& x, const Input& weight) -> Case& {
    const Input bias = uniform({weight.shape[0]});
    cases.push_back({name, {x, weight, bias}, [](auto t) { return linear(t[0], t[1], t[2]); }});
    return cases.back();
  };
  layer("linear", uniform({4, 3}), uniform({5, 3}));
  layer("linear_vector", uniform({3}), uniform({5, 3}));
  layer("linear_rank_three", uniform({2, 4, 3}), uniform({5, 3}));
  layer("linear_no_rows", uniform({0, 3}), uniform({5, 3}));
  layer("linear_spaced", in(Layout::spaced, uniform({4, 3})), in(Layout::transposed, uniform({5, 3})));
  layer("linear_large", uniform({67, 129}), uniform({100, 129})).large = true;
  cases.push_back({"linear_no_bias", {uniform({4, 3}), uniform({5, 3})}, [](auto x) { return linear(x[0], x[1]); }});
  cases.push_back({"linear_only_bias",
                   {constant(uniform({4, 3})), constant(uniform({5, 3})), uniform({5})},
                   [](auto x) { return linear(x[0], x[1], x[2]); }});
  return family;
}

}  // namespace joist::cases
