#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

using Run = std::function<Outputs(std::span<const Tensor>)>;

Input classes_at(const Shape& shape, std::vector<double> classes) {
  return {.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(classes)};
}
Input weights(std::int64_t count) { return constant(uniform({count}, 0.25, 2)); }
Input share(const Shape& shape) { return uniform(shape, 0.0625, 0.9375); }

void entropy(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, std::vector<Input> inputs, CrossEntropyLossOptions options = {}) {
    const bool weighted = inputs.size() > 2;
    cases.push_back({"cross_entropy_" + name, std::move(inputs), [options, weighted](auto t) {
                       CrossEntropyLossOptions all = options;
                       if (weighted) all.weight = t[2];
                       return cross_entropy(t[0], t[1], all);
                     }});
  };
  const Input labels = integers({6}, 5), x = uniform({6, 5});
  add("mean", {x, labels});
  add("sum", {x, labels}, {.reduction = Reduction::sum});
  add("none", {x, labels}, {.reduction = Reduction::none});
  add("batch_mean", {uniform({2, 5, 3}), integers({2, 3}, 5)}, {.reduction = Reduction::batch_mean});
  add("smoothed", {x, labels}, {.label_smoothing = 0.1});
  add("ignored", {x, classes_at({6}, {0, -100, 4, -100, 2, 2})});
  add("weighted", {x, labels, weights(5)});
  add("weighted_none", {x, labels, weights(5)}, {.reduction = Reduction::none});
  add("weighted_smoothed", {x, classes_at({6}, {0, 1, 4, 3, 1, 2}), weights(5)},
      {.ignore_index = 1, .label_smoothing = 0.2});
  add("weighted_smoothed_none", {x, classes_at({6}, {0, 1, 4, 3, 1, 2}), weights(5)},
      {.ignore_index = 1, .label_smoothing = 0.2, .reduction = Reduction::none});
  add("pixels", {uniform({2, 5, 3, 4}), integers({2, 3, 4}, 5)});
  add("pixels_none", {uniform({2, 5, 3, 4}), integers({2, 3, 4}, 5)}, {.reduction = Reduction::none});
  add("pixels_channels_last", {in(Layout::channels_last, uniform({2, 5, 3, 4})), integers({2, 3, 4}, 5)});
  add("pixels_channel_slice", {in(Layout::channel_slice, uniform({2, 5, 3, 4})), integers({2, 3, 4}, 5), weights(5)});
  add("volume", {uniform({2, 3, 2, 1, 4}), integers({2, 2, 1, 4}, 3), weights(3)}, {.label_smoothing = 0.1});
  add("one_sample", {uniform({5}), classes_at({}, {3})});
  add("one_sample_none", {uniform({5}), classes_at({}, {3}), weights(5)}, {.reduction = Reduction::none});
  add("spaced", {in(Layout::spaced, x), labels, weights(5)}, {.label_smoothing = 0.1});
  add("no_rows_sum", {uniform({0, 5}), integers({0}, 5)}, {.reduction = Reduction::sum});
  add("no_pixels_none", {uniform({2, 5, 0}), integers({2, 0}, 5), weights(5)}, {.reduction = Reduction::none});
  add("all_ignored_sum", {uniform({3, 5}), classes_at({3}, {-1, -1, -1}), weights(5)},
      {.ignore_index = -1, .reduction = Reduction::sum});
  add("soft", {x, share({6, 5})});
  add("soft_smoothed", {x, share({6, 5}), weights(5)}, {.label_smoothing = 0.2});
  add("soft_none", {x, share({6, 5}), weights(5)}, {.reduction = Reduction::none});
  add("soft_pixels", {uniform({2, 5, 3, 4}), share({2, 5, 3, 4})});
  add("soft_one_sample", {uniform({5}), share({5})}, {.reduction = Reduction::none});
  add("large", {uniform({501, 83}), integers({501}, 83), weights(83)}, {.label_smoothing = 0.1});
  cases.back().large = true;

  cases.push_back({"cross_entropy_sum_weighted", {x, labels, weights(5)}, [](auto t) {
                     const LossSum loss = cross_entropy_sum(t[0], t[1], {.weight = t[2]});
                     return std::vector<Tensor>{loss.sum, loss.mean()};
                   }});
  // Not the mean of the rows' losses where axis 0 is a batch of sequences: [batch, classes, length].
  cases.push_back({"loss_sum_weighted", {uniform({4, 3}), constant(uniform({4, 1}, 0, 2))}, [](auto t) {
                     const LossSum loss = loss_sum(square(t[0]), t[1]);
                     return std::vector<Tensor>{loss.sum, loss.mean()};
                   }});
  cases.push_back({"loss_sum_plain", {uniform({4, 3})}, [](auto t) { return loss_sum(square(t[0])).mean(); }});
  cases.push_back(
      {"reduced_batch_mean", {uniform({4, 3})}, [](auto t) { return reduced(square(t[0]), Reduction::batch_mean); }});
}

void nll(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, std::vector<Input> inputs, NllOptions options = {}) {
    const bool weighted = inputs.size() > 2;
    cases.push_back({"nll_loss_" + name, std::move(inputs), [options, weighted](auto t) {
                       NllOptions all = options;
                       if (weighted) all.weight = t[2];
                       return nll_loss(t[0], t[1], all);
                     }});
  };
  add("mean", {uniform({6, 5}, -4, 0), integers({6}, 5)});
  add("ignored", {uniform({6, 5}, -4, 0), classes_at({6}, {2, 0, 2, 4, 1, 2}), weights(5)}, {.ignore_index = 2});
  add("none", {uniform({6, 5}, -4, 0), classes_at({6}, {2, 0, -100, 4, 1, 2}), weights(5)},
      {.reduction = Reduction::none});
  add("pixels", {uniform({2, 5, 3, 4}, -4, 0), integers({2, 3, 4}, 5)});
  add("pixels_channels_last", {in(Layout::channels_last, uniform({2, 5, 3, 4}, -4, 0)), integers({2, 3, 4}, 5)});
  add("one_sample", {uniform({5}, -4, 0), classes_at({}, {1})});
  add("no_rows", {uniform({0, 5}), integers({0}, 5)}, {.reduction = Reduction::sum});
  add("spaced", {in(Layout::spaced, uniform({6, 5}, -4, 0)), integers({6}, 5)});
}

void binary(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, std::vector<Input> inputs, const Run& run) {
    cases.push_back({name, std::move(inputs), run});
  };
  const Shape shape{4, 5};
  add("binary_cross_entropy_with_logits_mean", {uniform(shape), share(shape)},
      [](auto t) { return binary_cross_entropy_with_logits(t[0], t[1], {}); });
  add("binary_cross_entropy_with_logits_pos_weight", {uniform(shape), share(shape), weights(5)},
      [](auto t) { return binary_cross_entropy_with_logits(t[0], t[1], {.pos_weight = t[2]}); });
  add("binary_cross_entropy_with_logits_weight",
      {uniform(shape, -20, 20), share(shape), constant(uniform({4, 1}, 0, 2)), weights(5)}, [](auto t) {
        return binary_cross_entropy_with_logits(t[0], t[1],
                                                {.weight = t[2], .pos_weight = t[3], .reduction = Reduction::sum});
      });
  add("binary_cross_entropy_with_logits_integers", {uniform({4}), integers({4}, 2)},
      [](auto t) { return binary_cross_entropy_with_logits(t[0], t[1], {}); });
  add("binary_cross_entropy_mean", {share(shape), share(shape)},
      [](auto t) { return binary_cross_entropy(t[0], t[1]); });
  add("binary_cross_entropy_weight", {in(Layout::spaced, share(shape)), share(shape), weights(5)},
      [](auto t) { return binary_cross_entropy(t[0], t[1], {.weight = t[2], .reduction = Reduction::none}); });
  add("binary_cross_entropy_edges", {of_values({4}, {0, 1, 0, 1}), constant(of_values({4}, {0, 1, 1, 0}))},
      [](auto t) { return binary_cross_entropy(t[0], t[1], {.reduction = Reduction::none}); });
  cases.back().differentiable = false;  // bounded logarithms, unbounded slope, as in PyTorch
  add("binary_cross_entropy_no_rows", {share({0, 5}), share({0, 5})},
      [](auto t) { return binary_cross_entropy(t[0], t[1], {.reduction = Reduction::sum}); });

  const Input hot = classes_at(shape, {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0});
  add("sigmoid_focal_loss_none", {uniform(shape, -6, 6), share(shape)},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1]); });
  add("sigmoid_focal_loss_labels", {uniform(shape, -6, 6), hot}, [](auto t) {
    return sigmoid_focal_loss(t[0], t[1], {.alpha = 0.6, .gamma = 1.5, .reduction = Reduction::mean});
  });
  add("sigmoid_focal_loss_no_alpha", {uniform(shape, -6, 6), hot},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1], {.alpha = -1, .reduction = Reduction::sum}); });
  add("sigmoid_focal_loss_gamma_zero", {uniform(shape, -6, 6), hot},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1], {.gamma = 0}); });
  add("sigmoid_focal_loss_spaced", {in(Layout::spaced, uniform(shape, -30, 30)), in(Layout::transposed, share(shape))},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1], {.gamma = 3}); });
  add("sigmoid_focal_loss_no_rows", {uniform({0, 5}), share({0, 5})},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1]); });
  add("sigmoid_focal_loss_large", {uniform({501, 83}, -6, 6), constant(share({501, 83}))},
      [](auto t) { return sigmoid_focal_loss(t[0], t[1]); });
  cases.back().large = true;
  add("quality_focal_loss_none", {uniform(shape, -6, 6), share(shape)},
      [](auto t) { return quality_focal_loss(t[0], t[1]); });
  const Input quality = constant(of_values({2, 4}, {0, 0.25, 0, 0.875, 0.5, 0, 0, 1}));
  add("varifocal_loss_none", {uniform({2, 4}, -6, 6), quality}, [](auto t) { return varifocal_loss(t[0], t[1]); });
  add("varifocal_loss_options", {uniform({2, 4}, -6, 6), quality},
      [](auto t) { return varifocal_loss(t[0], t[1], {.alpha = 0.5, .gamma = 1.5, .reduction = Reduction::mean}); });

  add("smooth_labels_rows", {integers({3, 2}, 4), constant(uniform({1}))},
      [](auto t) { return smooth_labels(t[0], 4, 0.2, t[1].dtype()); });
  cases.back().differentiable = false;
  add("distillation_loss_rows", {uniform(shape), constant(uniform(shape))},
      [](auto t) { return distillation_loss(t[0], t[1], 3); });
  add("distillation_loss_pixels", {uniform({2, 3, 4}), constant(uniform({2, 3, 4}))},
      [](auto t) { return distillation_loss(t[0], t[1], 1, Reduction::mean); });

  const auto mask = [&](const std::string& name, const Input& p, const Run& run) {
    add(name, {p, constant(share(p.shape))}, run);
  };
  mask("dice_loss_pixels", share({2, 3, 4, 5}), [](auto t) { return dice_loss(t[0], t[1]); });
  mask("dice_loss_channels_last", in(Layout::channels_last, share({2, 3, 4, 5})),
       [](auto t) { return dice_loss(t[0], t[1], {.smooth = 0.5, .reduction = Reduction::none}); });
  mask("dice_loss_no_pixels", share({2, 3, 0}), [](auto t) { return dice_loss(t[0], t[1]); });
  mask("tversky_loss_pixels", share({2, 3, 4, 5}),
       [](auto t) { return tversky_loss(t[0], t[1], {.alpha = 0.3, .beta = 0.7}); });
  mask("tversky_loss_focal", share({2, 3, 4}),
       [](auto t) { return tversky_loss(t[0], t[1], {.gamma = 0.75, .reduction = Reduction::sum}); });
  add("dice_loss_labels", {share({1, 2, 3}), classes_at({1, 2, 3}, {1, 0, 0, 0, 1, 1})},
      [](auto t) { return dice_loss(t[0], t[1]); });
}

}  // namespace

Family classification_loss_cases() {
  Family family{"classification_loss", 4e-6, {}};
  entropy(family.cases);
  nll(family.cases);
  binary(family.cases);
  return family;
}

}  // namespace joist::cases
