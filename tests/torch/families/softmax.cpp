// Softmax, normalization, attention, embedding, dropout.
#include <joist/core/kernels/attention.h>
#include <joist/tests/torch/families/families.h>

#include <numeric>

namespace joist::torchdb {
namespace {

void add_softmaxes(Table& table) {
  table.add("softmax softmax.with_dtype", [](Call& c) { return softmax(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
  table.add("log_softmax log_softmax.with_dtype",
            [](Call& c) { return log_softmax(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
  table.add("nn.functional.softmin nn.functional.softmin.with_dtype",
            [](Call& c) { return softmin(in_dtype(c, c.tensor(0)), c.axis(1, "dim")); });
}

void add_normalizations(Table& table) {
  table.add("nn.functional.layer_norm", [](Call& c) {
    return layer_norm(c.tensor(0), c.shape(1, "normalized_shape"), c.maybe(2, "weight"), c.maybe(3, "bias"),
                      c.number(4, "eps", 1e-5));
  });
  table.add("nn.functional.rms_norm", [](Call& c) {
    if (c.has(3, "eps") && c.number(3, "eps") < 0) throw Unsupported("a negative epsilon");
    return rms_norm(c.tensor(0), c.shape(1, "normalized_shape"), c.maybe(2, "weight"), c.number(3, "eps", -1));
  });
  table.add("nn.functional.group_norm", [](Call& c) {
    return group_norm(c.tensor(0), c.integer(1, "num_groups"), c.maybe(2, "weight"), c.maybe(3, "bias"),
                      c.number(4, "eps", 1e-5));
  });
  table.add("nn.functional.instance_norm", [](Call& c) {
    return instance_norm(c.tensor(0), c.maybe(1, "running_mean"), c.maybe(2, "running_var"), c.maybe(3, "weight"),
                         c.maybe(4, "bias"),
                         {.epsilon = c.number(7, "eps", 1e-5),
                          .momentum = c.number(6, "momentum", 0.1),
                          .use_input_stats = c.flag(5, "use_input_stats", true)});
  });
  table.add("nn.functional.batch_norm", [](Call& c) {
    return batch_norm(
        c.tensor(0), c.maybe(3, "weight"), c.maybe(4, "bias"), c.maybe(1, "running_mean"), c.maybe(2, "running_var"),
        {.epsilon = c.number(7, "eps", 1e-5), .momentum = c.number(6, "momentum", 0.1)}, c.flag(5, "training", false));
  });
  table.add("nn.functional.local_response_norm", [](Call& c) {
    if (!is_floating(c.tensor(0).dtype())) throw Unsupported("integers");
    return local_response_norm(c.tensor(0), c.integer(1, "size"), c.number(2, "alpha", 1e-4), c.number(3, "beta", 0.75),
                               c.number(4, "k", 1));
  });
}

void add_attention(Table& table) {
  table.add("nn.functional.scaled_dot_product_attention", [](Call& c) {
    const Tensor q = c.tensor(0);
    Tensor k = c.tensor(1), v = c.tensor(2);
    (void)c.flag(-1, "enable_gqa", false);  // always allowed
    const double dropout = c.number(4, "dropout_p", 0);
    AttentionOptions options{
        .scale = c.number(-1, "scale", 0), .causal = c.flag(5, "is_causal", false), .dropout = dropout};
    if (dropout > 0) options.key = next_random_key(Stream::dropout);
    return scaled_dot_product_attention(q, k, v, options, c.maybe(3, "attn_mask"));
  });
  table.add("nn.functional.embedding", [](Call& c) {
    EmbeddingOptions options;
    if (c.has(-1, "padding_idx")) options.padding_index = c.integer(-1, "padding_idx");
    options.max_norm = c.number(-1, "max_norm", options.max_norm);
    options.norm_type = c.number(-1, "norm_type", 2);
    if (c.flag(-1, "scale_grad_by_freq", false)) throw Unsupported("scale_grad_by_freq");
    // The database gives the weight first, as the input with a gradient.
    return embedding(c.tensor(1), c.tensor(0), options);
  });
  table.add("nn.functional.embedding_bag", [](Call& c) {
    const std::string mode = c.text(-1, "mode", "mean");
    EmbeddingBagOptions options{.mode = mode == "sum"    ? BagMode::sum
                                        : mode == "mean" ? BagMode::mean
                                                         : BagMode::maximum,
                                .include_last_offset = c.flag(-1, "include_last_offset", false)};
    if (c.has(-1, "padding_idx")) options.padding_index = c.integer(-1, "padding_idx");
    return embedding_bag(to(c.tensor(1), Dtype::int64), c.tensor(0), c.maybe(-1, "offsets"), options,
                         c.maybe(-1, "per_sample_weights"));
  });
}

using Dropout = Tensor (*)(const Tensor&, double, bool);
// Random: shapes are compared, and values where nothing or everything is dropped.
void add_dropout(Table& table, const std::string& names, Dropout function, int batch_axes, bool by_default = true) {
  table.add(names, [=](Call& c) {
    place_only(c);
    const Tensor x = c.tensor(0);
    const double p = c.number(1, "p", 0.5);
    const bool training = c.flag(2, "training", by_default);
    if (batch_axes > 0 && x.rank() == batch_axes - 1) return squeeze(function(unsqueeze(x, 0), p, training), 0);
    return function(x, p, training);
  });
}

}  // namespace

void add_softmax(Table& table) {
  table.family("softmax");
  add_softmaxes(table);
  table.family("normalization");
  add_normalizations(table);
  table.family("attention");
  add_attention(table);
  table.family("dropout");
  add_dropout(
      table, "nn.functional.dropout", [](const Tensor& x, double p, bool t) { return dropout(x, p, t); }, 0);
  add_dropout(table, "nn.functional.dropout2d", dropout2d, 4);
  add_dropout(table, "nn.functional.dropout3d", dropout3d, 5);
  add_dropout(table, "nn.functional.alpha_dropout", alpha_dropout, 0, false);
  add_dropout(table, "nn.functional.feature_alpha_dropout.with_train nn.functional.feature_alpha_dropout.without_train",
              feature_alpha_dropout, 0, false);
}

}  // namespace joist::torchdb
