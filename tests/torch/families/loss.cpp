// Losses.
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {

Reduction reduction_of(const Args& c) {
  const std::string name = c.text(-1, "reduction", "mean");
  return name == "none"        ? Reduction::none
         : name == "sum"       ? Reduction::sum
         : name == "batchmean" ? Reduction::batch_mean
                               : Reduction::mean;
}

namespace {

/// A loss of two or three tensors under the names of a function (inputs among its arguments) and a module.
template <class Function>
void add(Table& table, const std::string& functional, const std::string& module, int inputs, Function function) {
  const auto gather = [inputs](const Args& from) {
    static const char* const names[] = {"input", "target", "var"};
    std::vector<Tensor> tensors;
    for (int i = 0; i < inputs; ++i) tensors.push_back(from.tensor(i, names[i]));
    return tensors;
  };
  if (!functional.empty()) table.add(functional, [=](Call& c) { return function(c, gather(c)); });
  if (!module.empty()) table.add(module, [=](Call& c) { return function(c, gather(c.inputs)); });
}
using Inputs = std::vector<Tensor>;

void add_classification(Table& table) {
  add(table, "nn.functional.cross_entropy", "nn.CrossEntropyLoss", 2, [](const Args& c, const Inputs& x) {
    return cross_entropy(x[0], x[1],
                         CrossEntropyLossOptions{.weight = c.maybe(-1, "weight"),
                                                 .ignore_index = c.integer(-1, "ignore_index", -100),
                                                 .label_smoothing = c.number(-1, "label_smoothing", 0),
                                                 .reduction = reduction_of(c)});
  });
  add(table, "nn.functional.nll_loss", "nn.NLLLoss", 2, [](const Args& c, const Inputs& x) {
    return nll_loss(x[0], x[1],
                    {.weight = c.maybe(-1, "weight"),
                     .ignore_index = c.integer(-1, "ignore_index", -100),
                     .reduction = reduction_of(c)});
  });
  const auto binary = [](const Args& c) {
    return BinaryLossOptions{
        .weight = c.maybe(-1, "weight"), .pos_weight = c.maybe(-1, "pos_weight"), .reduction = reduction_of(c)};
  };
  add(table, "nn.functional.binary_cross_entropy", "nn.BCELoss", 2,
      [=](const Args& c, const Inputs& x) { return binary_cross_entropy(x[0], x[1], binary(c)); });
  add(table, "nn.functional.binary_cross_entropy_with_logits", "nn.BCEWithLogitsLoss", 2,
      [=](const Args& c, const Inputs& x) { return binary_cross_entropy_with_logits(x[0], x[1], binary(c)); });
}

void add_regression(Table& table) {
  add(table, "nn.functional.mse_loss", "nn.MSELoss", 2,
      [](const Args& c, const Inputs& x) { return mse_loss(x[0], x[1], reduction_of(c)); });
  add(table, "nn.functional.l1_loss", "nn.L1Loss", 2,
      [](const Args& c, const Inputs& x) { return l1_loss(x[0], x[1], reduction_of(c)); });
  add(table, "nn.functional.huber_loss", "nn.HuberLoss", 2,
      [](const Args& c, const Inputs& x) { return huber_loss(x[0], x[1], c.number(-1, "delta", 1), reduction_of(c)); });
  add(table, "nn.functional.smooth_l1_loss", "nn.SmoothL1Loss", 2, [](const Args& c, const Inputs& x) {
    return smooth_l1_loss(x[0], x[1], c.number(-1, "beta", 1), reduction_of(c));
  });
  add(table, "nn.functional.kl_div", "nn.KLDivLoss", 2, [](const Args& c, const Inputs& x) {
    return kl_div(x[0], x[1], c.flag(-1, "log_target", false), reduction_of(c));
  });
  add(table, "nn.functional.poisson_nll_loss", "nn.PoissonNLLLoss", 2, [](const Args& c, const Inputs& x) {
    return poisson_nll_loss(x[0], x[1],
                            {.log_input = c.flag(-1, "log_input", true),
                             .full = c.flag(-1, "full", false),
                             .eps = c.number(-1, "eps", 1e-8),
                             .reduction = reduction_of(c)});
  });
  add(table, "nn.functional.gaussian_nll_loss", "nn.GaussianNLLLoss", 3, [](const Args& c, const Inputs& x) {
    return gaussian_nll_loss(
        x[0], x[1], x[2],
        {.full = c.flag(-1, "full", false), .eps = c.number(-1, "eps", 1e-6), .reduction = reduction_of(c)});
  });
}

void add_margin(Table& table) {
  add(table, "nn.functional.hinge_embedding_loss", "nn.HingeEmbeddingLoss", 2, [](const Args& c, const Inputs& x) {
    return hinge_embedding_loss(x[0], x[1], c.number(-1, "margin", 1), reduction_of(c));
  });
  add(table, "nn.functional.soft_margin_loss", "nn.SoftMarginLoss", 2,
      [](const Args& c, const Inputs& x) { return soft_margin_loss(x[0], x[1], reduction_of(c)); });
  add(table, "nn.functional.margin_ranking_loss", "nn.MarginRankingLoss", 3, [](const Args& c, const Inputs& x) {
    if (!is_floating(x[0].dtype())) throw Unsupported("integers");
    return margin_ranking_loss(x[0], x[1], x[2], c.number(-1, "margin", 0), reduction_of(c));
  });
  add(table, "nn.functional.multi_margin_loss", "nn.MultiMarginLoss", 2, [](const Args& c, const Inputs& x) {
    return multi_margin_loss(x[0], x[1],
                             {.p = c.number(-1, "p", 1),
                              .margin = c.number(-1, "margin", 1),
                              .weight = c.maybe(-1, "weight"),
                              .reduction = reduction_of(c)});
  });
  add(table, "nn.functional.multilabel_margin_loss", "nn.MultiLabelMarginLoss", 2,
      [](const Args& c, const Inputs& x) { return multilabel_margin_loss(x[0], x[1], reduction_of(c)); });
  add(table, "nn.functional.multilabel_soft_margin_loss", "nn.MultiLabelSoftMarginLoss", 2,
      [](const Args& c, const Inputs& x) {
        return multilabel_soft_margin_loss(x[0], x[1], c.maybe(-1, "weight"), reduction_of(c));
      });
  add(table, "nn.functional.triplet_margin_loss", "", 3, [](const Args& c, const Inputs& x) {
    return triplet_margin_loss(x[0], x[1], x[2],
                               {.margin = c.number(-1, "margin", 1),
                                .p = c.number(-1, "p", 2),
                                .eps = c.number(-1, "eps", 1e-6),
                                .swap = c.flag(-1, "swap", false),
                                .reduction = reduction_of(c)});
  });
  add(table, "nn.functional.triplet_margin_with_distance_loss", "", 3, [](const Args& c, const Inputs& x) {
    (void)c.at(-1, "distance_function");  // always PairwiseDistance()
    return triplet_margin_with_distance_loss(
        x[0], x[1], x[2],
        {.distance = [](const Tensor& a, const Tensor& b) { return pairwise_distance(a, b); },
         .margin = c.number(-1, "margin", 1),
         .swap = c.flag(-1, "swap", false),
         .reduction = reduction_of(c)});
  });
  add(table, "nn.functional.cosine_embedding_loss", "nn.CosineEmbeddingLoss", 3, [](const Args& c, const Inputs& x) {
    return cosine_embedding_loss(x[0], x[1], x[2], c.number(-1, "margin", 0), reduction_of(c));
  });
}

// A list of integers or a tensor of them as int64.
Tensor lengths_of(const Args& c, int position) {
  if (c.at(position).kind == Value::Kind::tensor) return to(c.tensor(position), Dtype::int64);
  const auto list = c.integers(position, "");
  return tensor(list, {static_cast<std::int64_t>(list.size())});
}
// PyTorch's backward is that of ctc_loss behind log_softmax, whose values the samples are already.
Tensor ctc(const Args& c, const Args& inputs) {
  return ctc_loss(log_softmax(inputs.tensor(0), -1), to(inputs.tensor(1), Dtype::int64), lengths_of(inputs, 2),
                  lengths_of(inputs, 3),
                  {.blank = c.integer(-1, "blank", 0),
                   .zero_infinity = c.flag(-1, "zero_infinity", false),
                   .reduction = reduction_of(c)});
}

}  // namespace

void add_loss(Table& table) {
  table.family("loss");
  add_classification(table);
  add_regression(table);
  add_margin(table);
  table.add("nn.functional.ctc_loss", [](Call& c) { return ctc(c, c); });
  table.add("nn.CTCLoss", [](Call& c) { return ctc(c, c.inputs); });
}

}  // namespace joist::torchdb
