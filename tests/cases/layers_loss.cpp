#include <joist/layers/loss.h>
#include <joist/layers/penalty.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {

// What the layers compute stands in the cases of their functions; here that each hands over its settings.
Family loss_layer_cases() {
  Family family{"loss_layer", 5e-6, {}};
  const auto add = [&](const std::string& name, std::vector<Input> inputs,
                       std::function<Outputs(std::span<const Tensor>)> run) -> Case& {
    return family.cases.emplace_back(Case{name, std::move(inputs), std::move(run)});
  };
  const auto two = [&](const std::string& name, const auto& layer, const Input& a, const Input& b) -> Case& {
    return add(name, {a, b}, [layer](auto t) { return layer(t[0], t[1]); });
  };
  const auto three = [&](const std::string& name, const auto& layer, const Input& c) -> Case& {
    return add(name, {uniform({4, 5}), uniform({4, 5}), c}, [layer](auto t) { return layer(t[0], t[1], t[2]); });
  };
  const Input x = uniform({4, 5}), share = uniform({4, 5}, 0.0625, 0.9375), labels = integers({4}, 5);
  const Input signs = constant(of_values({2, 2}, {1, -1, -1, 1}));
  constexpr Reduction added = Reduction::sum;
  two("cross_entropy", CrossEntropyLoss{{.label_smoothing = 0.1, .reduction = added}}, x, labels);
  two("nll", NLLLoss{{.reduction = added}}, x, labels);
  two("bce", BCELoss{{.reduction = added}}, share, constant(share));
  two("bce_with_logits", BCEWithLogitsLoss{{.reduction = added}}, x, constant(share));
  two("sigmoid_focal", SigmoidFocalLoss{{.alpha = 0.5, .gamma = 1}}, x, constant(share));
  two("mse", MSELoss{.reduction = added}, x, x);
  two("l1", L1Loss{.reduction = added}, x, x);
  two("huber", HuberLoss{.delta = 0.5, .reduction = added}, x, x);
  two("smooth_l1", SmoothL1Loss{.beta = 0.5, .reduction = added}, x, x);
  two("kl_div", KLDivLoss{.log_target = true, .reduction = Reduction::batch_mean}, x, x);
  two("poisson_nll", PoissonNLLLoss{{.full = true, .reduction = added}}, x, constant(uniform({4, 5}, 0, 4)));
  three("gaussian_nll", GaussianNLLLoss{{.full = true}}, uniform({4, 5}, 0.5, 2));
  two("hinge_embedding", HingeEmbeddingLoss{.margin = 2, .reduction = added}, uniform({2, 2}), signs);
  two("soft_margin", SoftMarginLoss{.reduction = added}, uniform({2, 2}), signs);
  add("margin_ranking", {uniform({2, 2}), uniform({2, 2}), signs},
      [](auto t) { return MarginRankingLoss{.margin = 0.5, .reduction = added}(t[0], t[1], t[2]); });
  two("multi_margin", MultiMarginLoss{{.p = 2, .reduction = added}}, x, labels);
  two("multilabel_margin", MultiLabelMarginLoss{.reduction = added}, x, integers({4, 5}, 5));
  two("multilabel_soft_margin", MultiLabelSoftMarginLoss{.reduction = added}, x, integers({4, 5}, 2));
  three("triplet_margin", TripletMarginLoss{{.margin = 2, .swap = true}}, x);
  three("triplet_margin_with_distance", TripletMarginWithDistanceLoss{{.margin = 2}}, x);
  three("cosine_embedding", CosineEmbeddingLoss{.margin = -0.5, .reduction = added},
        constant(of_values({4}, {1, -1, -1, 1})));
  two("dice", DiceLoss{{.smooth = 0.5}}, share, constant(share));
  two("tversky", TverskyLoss{{.alpha = 0.25}}, share, constant(share));
  add("ctc", {uniform({5, 2, 3}), {.shape = {2, 2}, .kind = Kind::integers, .gradient = false, .values = {0, 1, 1, 1}}},
      [](auto t) {
        const Tensor steps = tensor(std::vector<std::int64_t>{5, 4}, {2});
        return CTCLoss{{.blank = 2, .reduction = added}}(log_softmax(t[0], 2), t[1], steps,
                                                         tensor(std::vector<std::int64_t>{2, 2}, {2}));
      });

  const auto head = [&](const std::string& name, auto layer, bool target) {
    add(name, {uniform({4, 3}), uniform({5, 3}), labels}, [layer, target](auto t) {
      auto placed = layer;
      static_cast<Tensor&>(placed.weight) = t[1];
      return target ? placed(t[0], t[2]) : placed(t[0]);
    });
  };
  head("arcface", ArcFace{{.in = 3, .classes = 5, .scale = 4}}, true);
  head("arcface_evaluation", ArcFace{{.in = 3, .classes = 5, .scale = 4}}, false);
  head("cosface", CosFace{{.in = 3, .classes = 5, .margin = 0.25, .scale = 4}}, true);
  head("cosface_evaluation", CosFace{{.in = 3, .classes = 5}}, false);

  add("l1_penalty", {uniform({3, 4}), uniform({5})}, [](auto t) { return l1_penalty(t); });
  add("l2_penalty", {uniform({3, 4}), uniform({5})}, [](auto t) { return l2_penalty(t); });
  add("l2_penalty_one", {in(Layout::transposed, uniform({3, 4}))}, [](auto t) { return l2_penalty(t[0]); });
  add("orthogonality_penalty_rows", {uniform({3, 4})}, [](auto t) { return orthogonality_penalty(t[0]); });
  add("orthogonality_penalty_columns", {uniform({5, 2, 1, 2})}, [](auto t) { return orthogonality_penalty(t[0]); });
  return family;
}

}  // namespace joist::cases
