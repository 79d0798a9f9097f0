#include <joist/core/mode.h>
#include <joist/layers/check.h>
#include <joist/layers/transformer.h>

namespace joist {
namespace {

const TransformerLayerOptions& checked(const char* layer, const TransformerLayerOptions& given) {
  require_heads(layer, "d_model", given.d_model, "nhead", given.nhead);
  require_positive(layer, "dim_feedforward", given.dim_feedforward);
  require_probability(layer, "dropout", given.dropout);
  require_epsilon(layer, given.layer_norm_eps);
  return given;
}

MultiheadAttention attention_of(const TransformerLayerOptions& given) {
  return MultiheadAttention({.embed_dim = given.d_model,
                             .num_heads = given.nhead,
                             .dropout = given.dropout,
                             .bias = given.bias,
                             .batch_first = given.batch_first});
}
LayerNorm norm_of(const TransformerLayerOptions& given) {
  return LayerNorm({.normalized_shape = Shape{given.d_model}, .epsilon = given.layer_norm_eps, .bias = given.bias});
}
Linear widening(const TransformerLayerOptions& given) {
  return Linear({.in = given.d_model, .out = given.dim_feedforward, .bias = given.bias});
}
Linear narrowing(const TransformerLayerOptions& given) {
  return Linear({.in = given.dim_feedforward, .out = given.d_model, .bias = given.bias});
}

Tensor dropped(const Tensor& x, double probability) {
  return training() && probability > 0 ? dropout(x, probability, next_random_key(Stream::dropout)) : x;
}

// x + step(norm(x)), or norm(x + step(x)).
template <class Step>
Tensor with_residual(const Tensor& x, const LayerNorm& norm, bool norm_first, const Step& step) {
  return norm_first ? x + step(norm(x)) : norm(x + step(x));
}

template <class Layer>
Tensor feed_forward(const Layer& layer, const Tensor& x) {
  const Tensor hidden = dropped(joist::apply(layer.activation, layer.linear1(x)), layer.dropout);
  return dropped(layer.linear2(hidden), layer.dropout);
}

template <class Layer>
void fill_stack(const char* name, const TransformerStackOptions& given, std::vector<Layer>& layers,
                std::optional<LayerNorm>& norm) {
  require_positive(name, "num_layers", given.num_layers);
  for (std::int64_t i = 0; i < given.num_layers; ++i) layers.emplace_back(given.layer);
  if (given.norm) norm = norm_of(given.layer);
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(const TransformerLayerOptions& given)
    : self_attn(attention_of(checked("TransformerEncoderLayer", given))),
      linear1(widening(given)),
      linear2(narrowing(given)),
      norm1(norm_of(given)),
      norm2(norm_of(given)),
      activation(given.activation),
      dropout(given.dropout),
      norm_first(given.norm_first) {}

Tensor TransformerEncoderLayer::operator()(const Tensor& src, const EncoderCall& call) const {
  const Tensor x = with_residual(src, norm1, norm_first, [&](const Tensor& t) {
    const AttentionCall inner{
        .key_padding_mask = call.src_key_padding_mask, .attn_mask = call.src_mask, .is_causal = call.is_causal};
    return dropped(self_attn(t, t, t, inner).output, dropout);
  });
  return with_residual(x, norm2, norm_first, [&](const Tensor& t) { return feed_forward(*this, t); });
}

TransformerDecoderLayer::TransformerDecoderLayer(const TransformerLayerOptions& given)
    : self_attn(attention_of(checked("TransformerDecoderLayer", given))),
      multihead_attn(attention_of(given)),
      linear1(widening(given)),
      linear2(narrowing(given)),
      norm1(norm_of(given)),
      norm2(norm_of(given)),
      norm3(norm_of(given)),
      activation(given.activation),
      dropout(given.dropout),
      norm_first(given.norm_first) {}

Tensor TransformerDecoderLayer::operator()(const Tensor& tgt, const Tensor& memory, const DecoderCall& call) const {
  const Tensor own = with_residual(tgt, norm1, norm_first, [&](const Tensor& t) {
    const AttentionCall inner{
        .key_padding_mask = call.tgt_key_padding_mask, .attn_mask = call.tgt_mask, .is_causal = call.tgt_is_causal};
    return dropped(self_attn(t, t, t, inner).output, dropout);
  });
  const Tensor both = with_residual(own, norm2, norm_first, [&](const Tensor& t) {
    const AttentionCall inner{.key_padding_mask = call.memory_key_padding_mask,
                              .attn_mask = call.memory_mask,
                              .is_causal = call.memory_is_causal};
    return dropped(multihead_attn(t, memory, memory, inner).output, dropout);
  });
  return with_residual(both, norm3, norm_first, [&](const Tensor& t) { return feed_forward(*this, t); });
}

TransformerEncoder::TransformerEncoder(const TransformerStackOptions& given) {
  fill_stack("TransformerEncoder", given, layers, norm);
}
Tensor TransformerEncoder::operator()(const Tensor& src, const EncoderCall& call) const {
  Tensor x = src;
  for (const TransformerEncoderLayer& layer : layers) x = layer(x, call);
  return norm ? (*norm)(x) : x;
}

TransformerDecoder::TransformerDecoder(const TransformerStackOptions& given) {
  fill_stack("TransformerDecoder", given, layers, norm);
}
Tensor TransformerDecoder::operator()(const Tensor& tgt, const Tensor& memory, const DecoderCall& call) const {
  Tensor x = tgt;
  for (const TransformerDecoderLayer& layer : layers) x = layer(x, memory, call);
  return norm ? (*norm)(x) : x;
}

Transformer::Transformer(const TransformerOptions& given)
    : encoder({.layer = given.layer,
               .num_layers = require_positive("Transformer", "num_encoder_layers", given.num_encoder_layers),
               .norm = true}),
      decoder({.layer = given.layer,
               .num_layers = require_positive("Transformer", "num_decoder_layers", given.num_decoder_layers),
               .norm = true}) {
  visit_fields(*this, []<class F>(const std::string&, F& field) {
    if constexpr (std::is_same_v<F, Parameter>)
      if (field.rank() > 1) field = init::xavier_uniform(field.shape());
  });
}

}  // namespace joist
