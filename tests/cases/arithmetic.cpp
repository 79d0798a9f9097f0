#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family arithmetic_cases() {
  Family family{"arithmetic", 1e-6, {}};
  auto& cases = family.cases;
  const auto both = [&](const std::string& name, const Binary& function, const Input& a, const Input& b) -> Case& {
    cases.push_back({name, {a, b}, [function](auto x) { return apply(function, x[0], x[1]); }});
    return cases.back();
  };

  const std::vector<std::pair<const char*, Binary>> functions{{"add", Add{}},           {"subtract", Subtract{}},
                                                              {"multiply", Multiply{}}, {"divide", Divide{}},
                                                              {"maximum", Maximum{}},   {"minimum", Minimum{}}};
  for (const auto& [name, function] : functions) {
    const std::string prefix = std::string(name) + "_";
    const auto second = [&](const Shape& shape) { return uniform(shape, 0.5, 3); };  // a divisor
    both(prefix + "vector", function, uniform({67}), second({67}));
    both(prefix + "scalar", function, uniform({}), second({}));
    both(prefix + "rows", function, uniform({5, 7}), second({7}));
    both(prefix + "columns", function, uniform({5, 7}), second({5, 1}));
    both(prefix + "both_broadcast", function, uniform({5, 1}), second({1, 7}));
    both(prefix + "ranks", function, uniform({3}), second({2, 4, 3}));
    both(prefix + "channels", function, in(Layout::channels_last, uniform({2, 5, 3, 4})), second({5, 1, 1}));
    both(prefix + "orders", function, in(Layout::channels_last, uniform({2, 5, 3, 4})), second({2, 5, 3, 4}));
    both(prefix + "spaced", function, in(Layout::spaced, uniform({3, 9})), in(Layout::transposed, second({3, 9})));
    both(prefix + "empty", function, uniform({0, 3}), second({3}));
    cases.push_back({prefix + "itself", {uniform({4, 5}, 0.5, 3)}, [function](auto x) {
                       return apply(function, x[0], x[0]) + x[0];
                     }});
    both(prefix + "large", function, uniform({3, 13339}), second({13339})).large = true;
    both(prefix + "large_columns", function, uniform({3, 13339}), second({3, 1})).large = true;
  }
  both("maximum_ties", Maximum{}, coarse({9, 9}), coarse({9, 9})).differentiable = false;
  both("minimum_ties", Minimum{}, coarse({9, 9}), coarse({9, 9})).differentiable = false;
  both("add_slices", Add{}, in(Layout::channel_slice, uniform({2, 4, 3, 3})),
       in(Layout::channel_slice, uniform({2, 4, 3, 3})));
  both("multiply_frozen", Multiply{}, uniform({3, 5}), constant(uniform({3, 5})));

  cases.push_back({"numbers", {uniform({3, 5}, 1, 2)}, [](auto x) { return 3.0 - (2.0 * x[0] + 1.0) / 4.0 - 0.5; }});
  cases.push_back({"negate", {uniform({3, 5})}, [](auto x) { return -x[0]; }});
  return family;
}

}  // namespace joist::cases
