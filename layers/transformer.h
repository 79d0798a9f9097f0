// Transformer encoder and decoder (Vaswani et al. 2017), with the norm behind each step or before it.
#pragma once

#include <joist/layers/attention.h>
#include <joist/layers/normalization.h>

#include <optional>
#include <vector>

namespace joist {

struct TransformerLayerOptions {
  Required<std::int64_t> d_model;
  Required<std::int64_t> nhead;
  std::int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  Unary activation = Relu{};
  double layer_norm_eps = 1e-5;
  bool batch_first = false;  ///< [batch, length, d_model] instead of [length, batch, d_model]
  bool norm_first = false;
  bool bias = true;
};

struct EncoderCall {
  Tensor src_mask{};              ///< as MultiheadAttention's attn_mask: true is NOT seen
  Tensor src_key_padding_mask{};  ///< [batch, length]
  bool is_causal = false;
};

/// torch.nn.TransformerEncoderLayer.
struct TransformerEncoderLayer {
  explicit TransformerEncoderLayer(const TransformerLayerOptions& given);
  Tensor operator()(const Tensor& src, const EncoderCall& call = {}) const;
  auto fields() {
    return joist::fields("self_attn", self_attn, "linear1", linear1, "linear2", linear2, "norm1", norm1, "norm2",
                         norm2);
  }

  MultiheadAttention self_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2;
  Unary activation;
  double dropout;
  bool norm_first;
};

struct DecoderCall {
  Tensor tgt_mask{}, memory_mask{};
  Tensor tgt_key_padding_mask{}, memory_key_padding_mask{};
  bool tgt_is_causal = false, memory_is_causal = false;
};

/// torch.nn.TransformerDecoderLayer.
struct TransformerDecoderLayer {
  explicit TransformerDecoderLayer(const TransformerLayerOptions& given);
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderCall& call = {}) const;
  auto fields() {
    return joist::fields("self_attn", self_attn, "multihead_attn", multihead_attn, "linear1", linear1, "linear2",
                         linear2, "norm1", norm1, "norm2", norm2, "norm3", norm3);
  }

  MultiheadAttention self_attn, multihead_attn;
  Linear linear1, linear2;
  LayerNorm norm1, norm2, norm3;
  Unary activation;
  double dropout;
  bool norm_first;
};

struct TransformerStackOptions {
  TransformerLayerOptions layer;
  Required<std::int64_t> num_layers;
  bool norm = false;  ///< a LayerNorm behind the last layer
};

/// torch.nn.TransformerEncoder; every layer has initial values of its own.
struct TransformerEncoder {
  explicit TransformerEncoder(const TransformerStackOptions& given);
  Tensor operator()(const Tensor& src, const EncoderCall& call = {}) const;
  auto fields() { return joist::fields("layers", layers, "norm", norm); }

  std::vector<TransformerEncoderLayer> layers{};
  std::optional<LayerNorm> norm{};
};

/// torch.nn.TransformerDecoder.
struct TransformerDecoder {
  explicit TransformerDecoder(const TransformerStackOptions& given);
  Tensor operator()(const Tensor& tgt, const Tensor& memory, const DecoderCall& call = {}) const;
  auto fields() { return joist::fields("layers", layers, "norm", norm); }

  std::vector<TransformerDecoderLayer> layers{};
  std::optional<LayerNorm> norm{};
};

struct TransformerOptions {
  TransformerLayerOptions layer;
  std::int64_t num_encoder_layers = 6, num_decoder_layers = 6;
};

/// torch.nn.Transformer: encoder and decoder with a norm behind each; matrices start Xavier-uniform.
struct Transformer {
  explicit Transformer(const TransformerOptions& given);
  Tensor operator()(const Tensor& src, const Tensor& tgt, const EncoderCall& of_encoder = {},
                    const DecoderCall& of_decoder = {}) const {
    return decoder(tgt, encoder(src, of_encoder), of_decoder);
  }
  auto fields() { return joist::fields("encoder", encoder, "decoder", decoder); }

  TransformerEncoder encoder;
  TransformerDecoder decoder;
};

}  // namespace joist
