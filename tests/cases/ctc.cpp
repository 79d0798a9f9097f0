#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family ctc_cases() {
  Family family{"ctc", 5e-6, {}};
  const auto integers_at = [](const Shape& shape, std::vector<double> values) {
    return Input{.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(values)};
  };
  const auto lengths = [&](std::vector<double> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return integers_at({count}, std::move(values));
  };
  const auto add = [&](const std::string& name, const Input& x, const Input& targets, const Input& inputs,
                       const Input& target_lengths, const CtcOptions& options = {}) -> Case& {
    return family.cases.emplace_back(Case{"ctc_loss_" + name, {x, targets, inputs, target_lengths}, [options](auto t) {
                                            return ctc_loss(log_softmax(t[0], -1), t[1], t[2], t[3], options);
                                          }});
  };
  const Input x = uniform({7, 3, 4});
  const Input targets = integers_at({3, 3}, {1, 2, 3, 2, 2, 1, 3, 1, 0});  // the last 0 lies behind its length
  add("mean", x, targets, lengths({7, 7, 7}), lengths({3, 3, 2}));
  add("none", x, targets, lengths({7, 6, 4}), lengths({3, 2, 1}), {.reduction = Reduction::none});
  add("sum", x, targets, lengths({5, 6, 7}), lengths({3, 3, 2}), {.reduction = Reduction::sum});
  add("repeated", uniform({6, 2, 3}), integers_at({2, 3}, {1, 1, 1, 2, 2, 1}), lengths({6, 5}), lengths({3, 3}),
      {.reduction = Reduction::none});
  add("repeated_just_fits", uniform({5, 1, 3}), integers_at({1, 3}, {1, 1, 1}), lengths({5}), lengths({3}));
  add("empty_targets", uniform({4, 2, 3}), integers_at({2, 2}, {1, 2, 0, 0}), lengths({4, 3}), lengths({2, 0}),
      {.reduction = Reduction::none});
  add("all_empty", uniform({4, 2, 3}), integers({2, 0}, 1), lengths({4, 2}), lengths({0, 0}));
  add("joined", x, integers_at({6}, {1, 2, 3, 3, 2, 2}), lengths({7, 7, 6}), lengths({3, 1, 2}),
      {.reduction = Reduction::none});
  add("blank_last", x, integers_at({3, 2}, {0, 1, 2, 2, 1, 0}), lengths({7, 7, 7}), lengths({2, 2, 2}), {.blank = 3});
  add("one_sequence", uniform({6, 4}), integers_at({3}, {2, 2, 3}), integers_at({}, {6}), integers_at({}, {3}),
      {.reduction = Reduction::none});
  add("one_step", uniform({1, 2, 3}), integers_at({2, 1}, {1, 0}), lengths({1, 1}), lengths({1, 0}),
      {.reduction = Reduction::none});
  add("two_classes", uniform({8, 1, 2}), integers_at({1, 3}, {1, 1, 1}), lengths({8}), lengths({3}));
  add("spaced", in(Layout::spaced, x), targets, lengths({7, 7, 7}), lengths({3, 3, 2}));
  add("no_batch", uniform({4, 0, 3}), integers({0, 2}, 3), lengths({}), lengths({}), {.reduction = Reduction::sum});
  // Five steps hold no 2, 2, 1, 1 (six are needed): infinite, NaN gradients; or left out.
  const Input long_target = integers_at({2, 4}, {2, 2, 1, 1, 1, 2, 0, 0});
  add("infeasible", uniform({5, 2, 3}), long_target, lengths({5, 5}), lengths({4, 2}), {.reduction = Reduction::none})
      .differentiable = false;
  add("zero_infinity", uniform({5, 2, 3}), long_target, lengths({5, 5}), lengths({4, 2}), {.zero_infinity = true});
  add("no_steps", uniform({3, 2, 3}), integers_at({2, 1}, {1, 1}), lengths({0, 0}), lengths({0, 1}),
      {.zero_infinity = true, .reduction = Reduction::none});
  add("large", uniform({150, 9, 29}, -6, 6), integers({9, 40}, 28),
      lengths({150, 150, 140, 130, 150, 149, 148, 90, 150}), lengths({40, 39, 40, 30, 1, 0, 17, 40, 40}),
      {.blank = 28, .reduction = Reduction::none})
      .large = true;

  // Straight to the logarithms: the gradient is the derivative of each.
  family.cases.push_back(
      {"ctc_loss_direct", {uniform({5, 2, 3}, -3, -0.25), integers_at({2, 2}, {1, 1, 2, 1})}, [](auto t) {
         const Tensor steps = to(tensor(std::vector<std::int64_t>{5, 4}, {2}), t[0].device());
         return ctc_loss(t[0], t[1], steps, tensor(std::vector<std::int64_t>{2, 2}, {2}));
       }});
  return family;
}

}  // namespace joist::cases
