#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family regression_loss_cases() {
  Family family{"regression_loss", 3e-6, {}};
  auto& cases = family.cases;
  using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;
  // Every place in memory, ties, no elements; gradients of both.
  const auto everywhere = [&](const std::string& name, const Loss& loss) {
    const auto add = [&](const std::string& what, const Input& a, const Input& b) -> Case& {
      return cases.emplace_back(Case{name + "_" + what, {a, b}, [loss](auto t) { return loss(t[0], t[1]); }});
    };
    add("rows", uniform({6, 5}), uniform({6, 5}));
    add("mixed", in(Layout::channels_last, uniform({2, 3, 2, 4})), in(Layout::channel_slice, uniform({2, 3, 2, 4})));
    add("ties", coarse({5, 4}), coarse({5, 4})).differentiable = false;
    add("one", uniform({}), uniform({}));
    add("no_rows", uniform({0, 5}), uniform({0, 5})).differentiable = false;  // the mean of nothing is NaN
    add("large", uniform({501, 83}), in(Layout::transposed, uniform({501, 83}))).large = true;
  };
  everywhere("mse_loss", [](auto& x, auto& t) { return mse_loss(x, t); });
  everywhere("l1_loss", [](auto& x, auto& t) { return l1_loss(x, t, Reduction::sum); });
  everywhere("huber_loss", [](auto& x, auto& t) { return huber_loss(x, t, 0.75); });
  everywhere("smooth_l1_loss", [](auto& x, auto& t) { return smooth_l1_loss(x, t, 0.5, Reduction::none); });

  const auto add = [&](const std::string& name, std::vector<Input> inputs,
                       std::function<Outputs(std::span<const Tensor>)> run) -> Case& {
    return cases.emplace_back(Case{name, std::move(inputs), std::move(run)});
  };
  add("mse_loss_with_itself", {uniform({4, 3})}, [](auto t) { return mse_loss(t[0], t[0], Reduction::none); });
  add("smooth_l1_loss_beta_zero", {uniform({4, 3}), uniform({4, 3})},
      [](auto t) { return smooth_l1_loss(t[0], t[1], 0); });

  const Input share = uniform({4, 3}, 0.0625, 1);
  add("kl_div_mean", {uniform({4, 3}, -4, 0), share}, [](auto t) { return kl_div(t[0], t[1]); });
  add("kl_div_batch_mean", {uniform({4, 3}, -4, 0), share},
      [](auto t) { return kl_div(t[0], t[1], false, Reduction::batch_mean); });
  add("kl_div_log_target", {uniform({4, 3}, -4, 0), uniform({4, 3}, -4, 0)},
      [](auto t) { return kl_div(t[0], t[1], true, Reduction::none); });
  add("kl_div_zeros", {uniform({4}, -4, 0), constant(of_values({4}, {0, 0.5, 0, 1}))},
      [](auto t) { return kl_div(t[0], t[1], false, Reduction::none); });
  add("kl_div_spaced", {in(Layout::spaced, uniform({4, 3}, -4, 0)), in(Layout::transposed, share)},
      [](auto t) { return kl_div(t[0], t[1], false, Reduction::sum); });

  const Input counts = constant(of_values({2, 4}, {0, 1, 2, 7, 1.5, 0.5, 3, 20}));
  add("poisson_nll_loss_log", {uniform({2, 4}), counts}, [](auto t) { return poisson_nll_loss(t[0], t[1]); });
  add("poisson_nll_loss_rate", {uniform({2, 4}, 0.25, 4), counts},
      [](auto t) { return poisson_nll_loss(t[0], t[1], {.log_input = false, .reduction = Reduction::none}); });
  add("poisson_nll_loss_full", {uniform({2, 4}), counts},
      [](auto t) { return poisson_nll_loss(t[0], t[1], {.full = true, .reduction = Reduction::none}); });
  add("poisson_nll_loss_target", {uniform({2, 4}), uniform({2, 4}, 1.25, 6)},
      [](auto t) { return poisson_nll_loss(t[0], t[1], {.full = true, .reduction = Reduction::sum}); });
  add("poisson_nll_loss_integers", {uniform({5}), integers({5}, 6)},
      [](auto t) { return poisson_nll_loss(t[0], t[1], {.full = true}); });

  const Input variance = uniform({4, 3}, 0.25, 2);
  add("gaussian_nll_loss_mean", {uniform({4, 3}), uniform({4, 3}), variance},
      [](auto t) { return gaussian_nll_loss(t[0], t[1], t[2]); });
  add("gaussian_nll_loss_full", {uniform({4, 3}), uniform({4, 3}), variance},
      [](auto t) { return gaussian_nll_loss(t[0], t[1], t[2], {.full = true, .reduction = Reduction::none}); });
  add("gaussian_nll_loss_per_row", {uniform({4, 3}), uniform({4, 3}), uniform({4}, 0.25, 2)},
      [](auto t) { return gaussian_nll_loss(t[0], t[1], t[2], {.reduction = Reduction::sum}); });
  add("gaussian_nll_loss_column", {uniform({4, 3}), uniform({4, 3}), uniform({4, 1}, 0.25, 2)},
      [](auto t) { return gaussian_nll_loss(t[0], t[1], t[2]); });
  // The bound of the variance changes the value but not the gradient, as in PyTorch.
  add("gaussian_nll_loss_bounded", {uniform({4}), uniform({4}), of_values({4}, {0, 0.25, 1, 0.125})}, [](auto t) {
    return gaussian_nll_loss(t[0], t[1], t[2], {.eps = 0.5, .reduction = Reduction::none});
  }).differentiable = false;
  return family;
}

}  // namespace joist::cases
