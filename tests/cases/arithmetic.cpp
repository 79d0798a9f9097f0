#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family arithmetic_cases() {
  Family family{"arithmetic", 1e-6, {}};
  auto& cases = family.cases;
  const auto both = [&](const std::string& name, const Binary& function, const Input& a, const Input& b) -> Case& {
    cases.push_back({name, {a, b}, [function](auto x) { return apply(function, x[0], x[1]); }});
    return cases.back();
  };

  struct Function {
    const char* name;
    Binary function;
    double low = -2, high = 2;  // of the first operand
  };
  const std::vector<Function> functions{{"add", Add{}},
                                        {"subtract", Subtract{}},
                                        {"multiply", Multiply{}},
                                        {"divide", Divide{}},
                                        {"maximum", Maximum{}},
                                        {"minimum", Minimum{}},
                                        {"power_of", PowerOf{}, 0.1, 2},
                                        {"arc_tangent_2", ArcTangent2{}},
                                        {"hypotenuse", Hypotenuse{}},
                                        {"remainder", Remainder{}},
                                        {"truncated_remainder", TruncatedRemainder{}},
                                        {"floor_divide", FloorDivide{}},
                                        {"truncated_divide", TruncatedDivide{}},
                                        {"x_log_y", XLogY{}},
                                        {"x_log_one_plus_y", XLogOnePlusY{}},
                                        {"log_add_exp", LogAddExp{}},
                                        {"copy_sign", CopySign{}},
                                        {"parametric_relu", ParametricRelu{}},
                                        {"number_maximum", NumberMaximum{}},
                                        {"number_minimum", NumberMinimum{}},
                                        {"squared_difference", SquaredDifference{}},
                                        {"add_relu", AddRelu{}},
                                        {"absolute_difference", AbsoluteDifference{}},
                                        {"huber_difference", HuberDifference{}},
                                        {"smooth_difference", HuberDifference{0.7, true}}};
  for (const auto& [name, function, low, high] : functions) {
    const std::string prefix = std::string(name) + "_";
    const auto first = [&, from = low, upto = high](const Shape& shape) { return uniform(shape, from, upto); };
    const auto second = [&](const Shape& shape) { return uniform(shape, 0.5, 3); };  // a divisor
    both(prefix + "vector", function, first({67}), second({67}));
    both(prefix + "scalar", function, first({}), second({}));
    both(prefix + "rows", function, first({5, 7}), second({7}));
    both(prefix + "columns", function, first({5, 7}), second({5, 1}));
    both(prefix + "both_broadcast", function, first({5, 1}), second({1, 7}));
    both(prefix + "ranks", function, first({3}), second({2, 4, 3}));
    both(prefix + "channels", function, in(Layout::channels_last, first({2, 5, 3, 4})), second({5, 1, 1}));
    both(prefix + "orders", function, in(Layout::channels_last, first({2, 5, 3, 4})), second({2, 5, 3, 4}));
    both(prefix + "spaced", function, in(Layout::spaced, first({3, 9})), in(Layout::transposed, second({3, 9})));
    both(prefix + "empty", function, first({0, 3}), second({3}));
    cases.push_back({prefix + "itself", {uniform({4, 5}, 0.5, 3)}, [chosen = function](auto x) {
                       return apply(chosen, x[0], x[0]) + x[0];
                     }});
    both(prefix + "large", function, first({3, 13339}), second({13339})).large = true;
    if (std::string(name) != "truncated_remainder")  // the sum of its slopes nearly cancels
      both(prefix + "large_columns", function, first({3, 13339}), second({3, 1})).large = true;
  }
  both("maximum_ties", Maximum{}, coarse({9, 9}), coarse({9, 9})).differentiable = false;
  both("minimum_ties", Minimum{}, coarse({9, 9}), coarse({9, 9})).differentiable = false;
  both("add_slices", Add{}, in(Layout::channel_slice, uniform({2, 4, 3, 3})),
       in(Layout::channel_slice, uniform({2, 4, 3, 3})));
  both("multiply_frozen", Multiply{}, uniform({3, 5}), constant(uniform({3, 5})));

  cases.push_back({"numbers", {uniform({3, 5}, 1, 2)}, [](auto x) { return 3.0 - (2.0 * x[0] + 1.0) / 4.0 - 0.5; }});
  both("cross_entropy_probability", ProbabilityCrossEntropy{}, uniform({5, 7}, 0.05, 0.95), uniform({5, 7}, 0, 1));
  both("power_of_negative", PowerOf{}, of_values({4}, {-2, -1.5, 0, 0}), constant(of_values({4}, {2, 3, 0, 2})))
      .differentiable = false;
  both("log_add_exp_far", LogAddExp{}, uniform({31}, -90, 90), uniform({31}, -90, 90));
  const auto call = [&](const std::string& name, std::vector<Input> inputs, auto function) {
    cases.push_back({"function_" + name, std::move(inputs), [function](auto t) { return function(t); }});
  };
  const Input p = uniform({3, 4}), y = uniform({4}, 0.5, 3), z = uniform({3, 1}, 0.5, 2);
  call("maximum", {p, y}, [](auto t) { return maximum(t[0], t[1]); });
  call("minimum", {p, y}, [](auto t) { return minimum(t[0], t[1]); });
  call("fmax", {p, y}, [](auto t) { return fmax(t[0], t[1]); });
  call("fmin", {p, y}, [](auto t) { return fmin(t[0], t[1]); });
  call("pow", {z, y}, [](auto t) { return pow(t[0], t[1]); });
  call("pow_of_number", {y}, [](auto t) { return pow(1.5, t[0]); });
  call("atan2", {p, y}, [](auto t) { return atan2(t[0], t[1]); });
  call("hypot", {p, y}, [](auto t) { return hypot(t[0], t[1]); });
  call("remainder", {p, y}, [](auto t) { return remainder(t[0], t[1]); });
  call("fmod", {p, y}, [](auto t) { return fmod(t[0], t[1]); });
  call("floor_divide", {p, y}, [](auto t) { return floor_divide(t[0], t[1]); });
  call("trunc_divide", {p, y}, [](auto t) { return trunc_divide(t[0], t[1]); });
  call("xlogy", {p, y}, [](auto t) { return xlogy(t[0], t[1]); });
  call("xlog1py", {p, y}, [](auto t) { return xlog1py(t[0], t[1]); });
  call("logaddexp", {p, y}, [](auto t) { return logaddexp(t[0], t[1]); });
  call("add_relu", {uniform({3, 5}, -1, 1), uniform({3, 5}, -1, 1)}, [](auto t) { return add_relu(t[0], t[1]); });
  call("add_relu_itself", {uniform({3, 5}, -1, 1)}, [](auto t) { return add_relu(t[0], t[0]); });
  call("add_relu_broadcast", {uniform({3, 5}, -1, 1), uniform({5}, -1, 1)},
       [](auto t) { return add_relu(t[0], t[1]); });
  call("logaddexp2", {p, y}, [](auto t) { return logaddexp2(t[0], t[1]); });
  call("copysign", {p, y}, [](auto t) { return copysign(t[0], t[1]); });
  call("ldexp", {p, y}, [](auto t) { return ldexp(t[0], t[1]); });
  call("lerp", {p, y, z}, [](auto t) { return lerp(t[0], t[1], t[2]); });
  call("lerp_number", {p, y}, [](auto t) { return lerp(t[0], t[1], 0.3); });
  call("addcmul", {p, y, z}, [](auto t) { return addcmul(t[0], t[1], t[2], 0.5); });
  call("addcdiv", {p, y, z}, [](auto t) { return addcdiv(t[0], t[1], t[2], 0.5); });
  call("heaviside", {constant(coarse({9})), constant(uniform({9}))},
       [](auto t) { return heaviside(t[0], t[1]) + t[0]; });
  call("clamp_tensors", {p, uniform({4}, -1, 0), uniform({3, 1}, 0, 1)},
       [](auto t) { return clamp(t[0], t[1], t[2]); });
  cases.push_back({"negate", {uniform({3, 5})}, [](auto x) { return -x[0]; }});
  return family;
}

}  // namespace joist::cases
