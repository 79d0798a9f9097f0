// What attention and transformers refuse.
#include <joist/layers/attention.h>
#include <joist/layers/transformer.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

TEST(AttentionLayerErrors, MultiheadAttention) {
  const MultiheadAttention layer{{.embed_dim = 6, .num_heads = 2}};
  const Tensor x = zeros({5, 2, 6});
  const auto of = [&](const Tensor& t) { return [&layer, t] { return layer(t, t, t); }; };
  const auto masked = [&](const AttentionCall& call) { return [&layer, x, call] { return layer(x, x, x, call); }; };
  const auto made = [](MultiheadAttentionOptions options) { return [=] { return MultiheadAttention(options); }; };
  const std::string name = "MultiheadAttention";
  expect_refusals({
      wrong_shape("MultiheadAttention", of(zeros({5, 2, 8})), {name, "[5, 2, 8]", "widths 6, 6, 6", "one batch size"}),
      wrong_shape(name, of(zeros({1, 5, 2, 6})), {name, "[1, 5, 2, 6]", "[length, batch, width]", "batch_first"}),
      wrong_shape(name,
                  [&] {
                    return layer(x, x, zeros({4, 2, 6}));
                  },
                  {name, "value [4, 2, 6]", "as many values"}),
      wrong_shape(name, masked({.key_padding_mask = zeros({5, 2}, Dtype::boolean)}),
                  {name, "key_padding_mask of shape [5, 2]", "[2, 5] ([batch, keys])", "expand()"}),
      wrong_shape(name, masked({.attn_mask = zeros({4, 5})}),
                  {name, "attn_mask of shape [4, 5]", "[5, 5]", "[4, 5, 5]"}),
      wrong_dtype(name, masked({.attn_mask = zeros({5, 5}, Dtype::int64)}), {name, "a mask of int64", "bool", "eq("}),
      wrong_dtype(name, of(zeros({5, 2, 6}, Dtype::int64)), {"linear", "int64 and float32", "to(x, Dtype::float32)"}),
      wrong_dtype(name, of(zeros({5, 2, 6}, Dtype::float64)), {"linear", "float64 and float32"}),
      wrong_option(name, made({.embed_dim = 6, .num_heads = 4}),
                   {name, "embed_dim 6, num_heads 4", "divides", "1 head"}),
      wrong_option(name, made({.embed_dim = 0, .num_heads = 1}), {name, "embed_dim 0", "1 or more"}),
      wrong_option(name, made({.embed_dim = 6, .num_heads = 0}), {name, "num_heads 0"}),
      wrong_option(name, made({.embed_dim = 6, .num_heads = 2, .dropout = 1}), {name, "dropout 1", "below 1"}),
      wrong_option(name, made({.embed_dim = 6, .num_heads = 2, .kdim = -1}),
                   {name, "kdim -1, vdim 0", "0 for embed_dim"}),
  });
}

TransformerLayerOptions good() { return {.d_model = 6, .nhead = 2, .dim_feedforward = 8}; }

// Options that every layer of a transformer checks under its own name.
template <class Layer>
void expect_options(const std::string& name) {
  const auto with = [](auto&& change) {
    TransformerLayerOptions options = good();
    change(options);
    return Layer(options);
  };
  using O = TransformerLayerOptions;
  expect_refusals({
      wrong_option(name, [&] { return with([](O& o) { o.nhead = 4; }); },
                   {name + ":", "d_model 6, nhead 4", "divides"}),
      wrong_option(name, [&] { return with([](O& o) { o.d_model = 0; }); }, {name + ":", "d_model 0", "1 or more"}),
      wrong_option(name, [&] { return with([](O& o) { o.dim_feedforward = 0; }); }, {name + ":", "dim_feedforward 0"}),
      wrong_option(name, [&] { return with([](O& o) { o.dropout = -0.1; }); }, {name + ":", "dropout -0.1", "below 1"}),
      wrong_option(name, [&] { return with([](O& o) { o.layer_norm_eps = -1; }); }, {name + ":", "epsilon -1"}),
  });
}

TEST(AttentionLayerErrors, TransformerLayers) {
  expect_options<TransformerEncoderLayer>("TransformerEncoderLayer");
  expect_options<TransformerDecoderLayer>("TransformerDecoderLayer");
  const Tensor x = zeros({5, 2, 6}), integers = zeros({5, 2, 6}, Dtype::int64);
  for (const bool norm_first : {false, true}) {
    TransformerLayerOptions options = good();
    options.norm_first = norm_first;
    const TransformerEncoderLayer encoder(options);
    const TransformerDecoderLayer decoder(options);
    const std::string where = norm_first ? "layer_norm:" : "MultiheadAttention:";
    expect_refusals({
        wrong_shape("TransformerEncoderLayer",
                    [&] {
                      return encoder(zeros({5, 2, 8}));
                    },
                    {where, "[5, 2, 8]", "6"}),
        wrong_dtype("TransformerEncoderLayer", [&] { return encoder(integers); }, {"int64", "to(x, Dtype::float32)"}),
        wrong_shape("TransformerDecoderLayer",
                    [&] {
                      return decoder(zeros({5, 2, 8}), x);
                    },
                    {where, "[5, 2, 8]", "6"}),
        wrong_shape("TransformerDecoderLayer",
                    [&] {
                      return decoder(x, zeros({4, 3, 6}));
                    },
                    {"MultiheadAttention:", "query [5, 2, 6], key [4, 3, 6]", "one batch size"}),
        wrong_dtype("TransformerDecoderLayer", [&] { return decoder(x, integers); }, {"int64 and float32", "to(x"}),
    });
  }
}

TEST(AttentionLayerErrors, Transformers) {
  const TransformerEncoder encoder{{.layer = good(), .num_layers = 1}};
  const TransformerDecoder decoder{{.layer = good(), .num_layers = 1}};
  const Transformer both{{.layer = good(), .num_encoder_layers = 1, .num_decoder_layers = 1}};
  const Tensor x = zeros({5, 2, 6}), wide = zeros({5, 2, 8}), integers = zeros({5, 2, 6}, Dtype::int64);
  const std::string attention = "MultiheadAttention:";
  expect_refusals({
      wrong_shape("TransformerEncoder", [&] { return encoder(wide); }, {attention, "[5, 2, 8]", "widths 6"}),
      wrong_shape("TransformerEncoder",
                  [&] {
                    return encoder(x, {.src_mask = zeros({5, 4}, Dtype::boolean)});
                  },
                  {attention, "attn_mask of shape [5, 4]", "[5, 5]"}),
      wrong_dtype("TransformerEncoder", [&] { return encoder(integers); }, {"int64 and float32", "to(x"}),
      wrong_option("TransformerEncoder", [] { return TransformerEncoder{{.layer = good(), .num_layers = 0}}; },
                   {"TransformerEncoder:", "num_layers 0", "1 or more"}),
      wrong_shape("TransformerDecoder", [&] { return decoder(x, wide); }, {attention, "key [5, 2, 8]", "widths 6"}),
      wrong_dtype("TransformerDecoder", [&] { return decoder(integers, x); }, {"int64 and float32", "to(x"}),
      wrong_option("TransformerDecoder", [] { return TransformerDecoder{{.layer = good(), .num_layers = -1}}; },
                   {"TransformerDecoder:", "num_layers -1"}),
      wrong_shape("Transformer",
                  [&] {
                    return both(x, zeros({4, 3, 6}));
                  },
                  {attention, "[4, 3, 6]", "[5, 2, 6]", "batch"}),
      wrong_dtype("Transformer", [&] { return both(x, integers); }, {"int64 and float32", "to(x"}),
      wrong_option("Transformer", [] { return Transformer{{.layer = good(), .num_encoder_layers = 0}}; },
                   {"Transformer:", "num_encoder_layers 0", "1 or more"}),
      wrong_option("Transformer", [] { return Transformer{{.layer = good(), .num_decoder_layers = 0}}; },
                   {"Transformer:", "num_decoder_layers 0"}),
      wrong_option("Transformer", [] { return Transformer{{.layer = {.d_model = 6, .nhead = 5}}}; },
                   {"TransformerEncoderLayer:", "d_model 6, nhead 5"}),
  });
}

}  // namespace
}  // namespace joist
