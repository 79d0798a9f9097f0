#include <joist/tests/cases/cases.h>

#include <limits>

namespace joist::cases {
namespace {

using Run = std::function<Outputs(std::span<const Tensor>)>;

Input of_integers(const Shape& shape, std::vector<double> values) {
  return {.shape = shape, .kind = Kind::integers, .gradient = false, .values = std::move(values)};
}

}  // namespace

Family margin_loss_cases() {
  Family family{"margin_loss", 3e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, const Run& run) -> Case& {
    return family.cases.emplace_back(Case{name, std::move(inputs), run});
  };
  const Input signs = constant(of_values({2, 4}, {1, -1, -1, 1, 1, 1, -1, -1}));
  const Input integer_signs = of_integers({2, 4}, {1, -1, -1, 1, 1, 1, -1, -1});
  add("hinge_embedding_loss_mean", {uniform({2, 4}, 0, 3), signs},
      [](auto t) { return hinge_embedding_loss(t[0], t[1]); });
  add("hinge_embedding_loss_none", {in(Layout::spaced, uniform({2, 4}, 0, 3)), integer_signs},
      [](auto t) { return hinge_embedding_loss(t[0], t[1], 1.5, Reduction::none); });
  add("soft_margin_loss_mean", {uniform({2, 4}), signs}, [](auto t) { return soft_margin_loss(t[0], t[1]); });
  add("soft_margin_loss_far", {uniform({2, 4}, -200, 200), integer_signs},
      [](auto t) { return soft_margin_loss(t[0], t[1], Reduction::none); });
  add("margin_ranking_loss_mean", {uniform({2, 4}), uniform({2, 4}), signs},
      [](auto t) { return margin_ranking_loss(t[0], t[1], t[2]); });
  add("margin_ranking_loss_broadcast", {uniform({2, 1}), uniform({4}), integer_signs},
      [](auto t) { return margin_ranking_loss(t[0], t[1], t[2], 0.5, Reduction::none); });
  add("margin_ranking_loss_ties", {coarse({2, 4}), coarse({2, 4}), signs}, [](auto t) {
    return margin_ranking_loss(t[0], t[1], t[2], 0.5, Reduction::sum);
  }).differentiable = false;

  const Input weight = constant(uniform({5}, 0.25, 2));
  add("multi_margin_loss_mean", {uniform({3, 5}), integers({3}, 5)},
      [](auto t) { return multi_margin_loss(t[0], t[1]); });
  add("multi_margin_loss_squared", {uniform({3, 5}), integers({3}, 5), weight}, [](auto t) {
    return multi_margin_loss(t[0], t[1], {.p = 2, .margin = 0.75, .weight = t[2], .reduction = Reduction::none});
  });
  add("multi_margin_loss_one_sample", {uniform({5}), of_integers({}, {2})},
      [](auto t) { return multi_margin_loss(t[0], t[1], {.reduction = Reduction::none}); });
  add("multi_margin_loss_no_rows", {uniform({0, 5}), integers({0}, 5)},
      [](auto t) { return multi_margin_loss(t[0], t[1], {.reduction = Reduction::sum}); });

  const Input lists = of_integers({3, 4}, {3, 0, -1, 1, -1, 2, 2, 2, 0, 1, 2, 3});
  add("multilabel_margin_loss_mean", {uniform({3, 4}), lists},
      [](auto t) { return multilabel_margin_loss(t[0], t[1]); });
  add("multilabel_margin_loss_none", {in(Layout::transposed, uniform({3, 4})), lists},
      [](auto t) { return multilabel_margin_loss(t[0], t[1], Reduction::none); });
  add("multilabel_margin_loss_repeated", {uniform({4}), of_integers({4}, {2, 2, 0, -1})},
      [](auto t) { return multilabel_margin_loss(t[0], t[1], Reduction::none); });
  add("multilabel_soft_margin_loss_mean", {uniform({3, 4}), integers({3, 4}, 2)},
      [](auto t) { return multilabel_soft_margin_loss(t[0], t[1]); });
  add("multilabel_soft_margin_loss_weight", {uniform({3, 5}), constant(uniform({3, 5}, 0, 1)), weight},
      [](auto t) { return multilabel_soft_margin_loss(t[0], t[1], t[2], Reduction::none); });
  return family;
}

Family metric_loss_cases() {
  Family family{"metric_loss", 5e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, const Run& run) -> Case& {
    return family.cases.emplace_back(Case{name, std::move(inputs), run});
  };
  const auto triplet = [&](const std::string& name, const TripletOptions& options) {
    add("triplet_margin_loss_" + name, {uniform({6, 5}), uniform({6, 5}), uniform({6, 5})},
        [options](auto t) { return triplet_margin_loss(t[0], t[1], t[2], options); });
  };
  triplet("mean", {});
  triplet("swap", {.margin = 2, .swap = true, .reduction = Reduction::none});
  triplet("one_norm", {.p = 1, .reduction = Reduction::none});
  triplet("cubic", {.p = 3, .swap = true});
  triplet("largest", {.p = std::numeric_limits<double>::infinity(), .reduction = Reduction::none});
  add("triplet_margin_loss_one_sample", {uniform({5}), uniform({5}), uniform({5})},
      [](auto t) { return triplet_margin_loss(t[0], t[1], t[2], {.margin = 3}); });
  add("triplet_margin_loss_same", {uniform({3, 4}), uniform({3, 4})}, [](auto t) {
    return triplet_margin_loss(t[0], t[0], t[1], {.margin = 9, .eps = 0, .reduction = Reduction::sum});
  }).differentiable = false;  // a norm of 0, whose gradient is taken as 0
  add("triplet_margin_with_distance_loss_cosine", {uniform({6, 5}), uniform({6, 5}), uniform({6, 5})}, [](auto t) {
    const auto distance = [](const Tensor& a, const Tensor& b) { return 1.0 - sum(a * b, {-1}); };
    return triplet_margin_with_distance_loss(t[0], t[1], t[2], {.distance = distance, .margin = 0.5, .swap = true});
  });
  add("triplet_margin_with_distance_loss_default", {uniform({6, 5}), uniform({6, 5}), uniform({6, 5})},
      [](auto t) { return triplet_margin_with_distance_loss(t[0], t[1], t[2], {}); });

  const Input signs = constant(of_values({4}, {1, -1, -1, 1}));
  add("cosine_embedding_loss_mean", {uniform({4, 5}), uniform({4, 5}), signs},
      [](auto t) { return cosine_embedding_loss(t[0], t[1], t[2]); });
  add("cosine_embedding_loss_none", {in(Layout::spaced, uniform({4, 5})), uniform({4, 5}), signs},
      [](auto t) { return cosine_embedding_loss(t[0], t[1], t[2], -0.5, Reduction::none); });
  add("cosine_embedding_loss_one_sample", {uniform({5}), uniform({5}), constant(of_values({}, {-1}))},
      [](auto t) { return cosine_embedding_loss(t[0], t[1], t[2], -1, Reduction::none); });
  add("info_nce_loss_mean", {uniform({4, 5}), uniform({6, 5})}, [](auto t) { return info_nce_loss(t[0], t[1], 0.5); });
  add("info_nce_loss_same", {uniform({4, 5})}, [](auto t) { return info_nce_loss(t[0], t[0], 0.5, Reduction::none); });
  add("nt_xent_loss_mean", {uniform({4, 5}), uniform({4, 5})}, [](auto t) { return nt_xent_loss(t[0], t[1]); });
  add("nt_xent_loss_none", {uniform({1, 5}), uniform({1, 5})},
      [](auto t) { return nt_xent_loss(t[0], t[1], 0.2, Reduction::none); });
  add("cosine_logits_rows", {uniform({4, 5}), uniform({3, 5})}, [](auto t) { return cosine_logits(t[0], t[1]); });
  add("cosine_logits_zero", {of_values({2, 3}, {0, 0, 0, 1, 2, 2}), constant(uniform({2, 3}))}, [](auto t) {
    return cosine_logits(t[0], t[1]);
  }).differentiable = false;
  add("arcface_logits_rows", {uniform({6, 4}, -0.95, 0.95), integers({6}, 4)},
      [](auto t) { return arcface_logits(t[0], t[1], 0.5, 4); });
  add("arcface_logits_past_pi", {constant(of_values({2, 2}, {-0.99, 0.5, 0.25, -1})), of_integers({2}, {0, 1})},
      [](auto t) { return arcface_logits(t[0], t[1], 0.5, 4); });
  add("cosface_logits_rows", {uniform({6, 4}, -1, 1), integers({6}, 4)},
      [](auto t) { return cosface_logits(t[0], t[1], 0.35, 4); });
  return family;
}

}  // namespace joist::cases
