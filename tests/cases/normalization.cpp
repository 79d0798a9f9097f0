#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// x, gamma, beta, running mean, running variance -> y and the running statistics.
Case norm(const std::string& name, const Input& x, bool training, const BatchNormOptions& options = {}) {
  const Shape channels{x.shape[1]};
  return {name,
          {x, uniform(channels, 0.5, 1.5), uniform(channels, -1, 1), constant(uniform(channels, -1, 1)),
           constant(uniform(channels, 0.5, 2))},
          [options, training](auto t) {
            const Tensor y = batch_norm(t[0], t[1], t[2], t[3], t[4], options, training);
            return std::vector{y, t[3], t[4]};
          }};
}
Case frozen(Case one, std::size_t input) {
  one.inputs[input].gradient = false;
  return one;
}
Case large(Case one) {
  one.large = true;
  return one;
}

}  // namespace

Family normalization_cases() {
  Family family{"normalization", 5e-6, {}};
  auto& cases = family.cases;
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const std::vector<std::pair<const char*, Unary>> activations{
      {"relu", Relu{}}, {"silu", Silu{}},       {"relu6", Clamp{0, 6}},     {"leaky_relu", LeakyRelu{0.1F}},
      {"gelu", Gelu{}}, {"sigmoid", Sigmoid{}}, {"hard_swish", HardSwish{}}};
  for (const bool training : {true, false}) {
    const std::string prefix = training ? "train_" : "evaluate_";
    const auto add = [&](const char* name, const Input& x, const BatchNormOptions& options = {}) -> Case& {
      return cases.emplace_back(norm(prefix + name, x, training, options));
    };
    add("pictures", uniform({3, 4, 3, 5}));
    add("channels_last", last({3, 4, 3, 5}));
    add("channel_slice", in(Layout::channel_slice, uniform({3, 4, 3, 5})));
    add("spaced", in(Layout::spaced, uniform({3, 4, 3, 5})));
    add("vectors", uniform({7, 5}));
    add("sequences", uniform({3, 4, 6}));
    add("one_channel", uniform({4, 1, 3, 3}));
    add("one_picture", last({1, 5, 4, 3}));
    add("options", uniform({3, 4, 3, 5}), {.epsilon = 1e-3, .momentum = 0.03});
    add("offset", uniform({5, 3, 4, 4}, 9, 11));
    for (const auto& [name, activation] : activations) {
      add(name, uniform({3, 4, 3, 5}), {.activation = activation});
      cases.push_back(
          large(norm(prefix + "large_" + name, last({3, 35, 13, 11}), training, {.activation = activation})));
    }
    cases.push_back(large(norm(prefix + "large", last({3, 67, 19, 21}), training)));
    cases.push_back(large(norm(prefix + "large_row_major", uniform({3, 67, 19, 21}), training)));
    for (std::size_t i = 0; i < 3; ++i)
      cases.push_back(frozen(norm(prefix + "frozen_" + std::to_string(i), last({3, 4, 3, 5}), training), i));
  }
  cases.push_back(norm("evaluate_no_batch", uniform({0, 4, 3, 5}), false));
  cases.push_back(norm("evaluate_one_value", uniform({1, 4}), false));
  cases.push_back(norm("train_two_values", uniform({2, 4}), true, {.epsilon = 0.5}));
  return family;
}

}  // namespace joist::cases
