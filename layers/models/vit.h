// Vision transformer (Dosovitskiy et al. 2021). Shapes and initial values are torchvision's VisionTransformer, names as
// well, or those of timm, which is also what DeiT (Touvron et al. 2021) has.
#pragma once

#include <joist/layers/check.h>
#include <joist/layers/dropout.h>
#include <joist/layers/embedding.h>
#include <joist/layers/transformer.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// The defaults are those of ViT-Ti/16 (Touvron et al. 2021).
struct VisionTransformerOptions {
  std::int64_t size = 224;  ///< side of the pictures
  std::int64_t patch = 16;
  std::int64_t layers = 12;
  std::int64_t heads = 3;
  std::int64_t width = 192;
  std::int64_t mlp = 768;
  double dropout = 0;
  std::int64_t classes = 1000;
  bool timm_names = false;  ///< blocks.0.attn.qkv instead of encoder.layers.encoder_layer_0.self_attention.in_proj

  /// Options of a named size: t, s, b, l. Throws UsageError.
  static VisionTransformerOptions sized(char size, std::int64_t classes = 1000) {
    switch (size) {
      case 't': return {.classes = classes};
      case 's': return {.heads = 6, .width = 384, .mlp = 1536, .classes = classes};
      case 'b': return {.heads = 12, .width = 768, .mlp = 3072, .classes = classes};
      case 'l': return {.layers = 24, .heads = 16, .width = 1024, .mlp = 4096, .classes = classes};
      default:
        throw UsageError({.where = "VisionTransformer",
                          .what = std::string("size '") + size + "'",
                          .expected = "t, s, b or l",
                          .remedy = "t is the smallest"});
    }
  }
};

/// A transformer layer with the norms in front, under torchvision's or timm's names.
struct VisionBlock {
  explicit VisionBlock(const VisionTransformerOptions& o)
      : layer({.d_model = o.width,
               .nhead = o.heads,
               .dim_feedforward = o.mlp,
               .dropout = o.dropout,
               .activation = Gelu{},
               .layer_norm_eps = 1e-6,
               .batch_first = true,
               .norm_first = true}),
        timm_names(o.timm_names) {
    for (Linear* linear : {&layer.linear1, &layer.linear2}) {
      linear->weight = init::xavier_uniform(linear->weight.shape());
      linear->bias = init::normal(linear->bias.shape(), 1e-6);
    }
  }
  Tensor operator()(const Tensor& x) const { return layer(x); }
  auto fields() {
    MultiheadAttention& attention = layer.self_attn;
    return timm_names
               ? joist::fields("norm1", layer.norm1, "attn.qkv.weight", attention.in_proj_weight, "attn.qkv.bias",
                               attention.in_proj_bias, "attn.proj", attention.out_proj, "norm2", layer.norm2, "mlp.fc1",
                               layer.linear1, "mlp.fc2", layer.linear2)
               : joist::fields("ln_1", layer.norm1, "self_attention.in_proj_weight", attention.in_proj_weight,
                               "self_attention.in_proj_bias", attention.in_proj_bias, "self_attention.out_proj",
                               attention.out_proj, "ln_2", layer.norm2, "mlp.0", layer.linear1, "mlp.3", layer.linear2);
  }
  TransformerEncoderLayer layer;
  bool timm_names;
};

/// [batch, 3, size, size] -> logits [batch, classes].
struct VisionTransformer {
  /// Throws UsageError unless the patch divides the size.
  explicit VisionTransformer(const VisionTransformerOptions& o = {})
      : conv_proj({.in = 3, .width = o.width, .patch = o.patch}),
        class_token(init::zeros({1, 1, o.width})),
        pos_embedding(init::normal({1, patches_of(o) + 1, o.width}, 0.02)),
        ln({.normalized_shape = Shape{o.width}, .epsilon = 1e-6}),
        head({.in = o.width, .out = require_positive("VisionTransformer", "classes", o.classes)}),
        dropout{o.dropout},
        timm_names(o.timm_names) {
    const double fan_in = static_cast<double>(3 * o.patch * o.patch);
    conv_proj.proj.weight = init::trunc_normal(conv_proj.proj.weight.shape(), 0, std::sqrt(1 / fan_in));
    conv_proj.proj.bias = init::zeros(conv_proj.proj.bias.shape());
    for (std::int64_t i = 0; i < o.layers; ++i)
      blocks.emplace_back((timm_names ? "" : "encoder_layer_") + std::to_string(i), VisionBlock(o));
    head.weight = init::zeros(head.weight.shape());
    head.bias = init::zeros(head.bias.shape());
  }
  Tensor operator()(const Tensor& x) const {
    require_pictures("VisionTransformer", x.shape(), 3);
    const Tensor patches = conv_proj(x);
    if (patches.shape(1) + 1 != pos_embedding.shape(1))
      throw ShapeError(
          {.where = "VisionTransformer",
           .what = "input " + x.shape().text() + ", which has " + std::to_string(patches.shape(1)) + " patches",
           .expected = std::to_string(pos_embedding.shape(1) - 1) + " patches",
           .remedy = "pictures of the size that the model was made for"});
    const Tensor token = expand(class_token, {x.shape(0), 1, class_token.shape(2)});
    Tensor y = dropout(concat({token, patches}, 1) + pos_embedding);
    for (const auto& [name, block] : blocks) y = block(y);
    return head(select(ln(y), 1, 0));
  }
  auto fields() {
    return timm_names ? joist::fields("cls_token", class_token, "patch_embed.proj", conv_proj.proj, "pos_embed",
                                      pos_embedding, "blocks", blocks, "norm", ln, "head", head)
                      : joist::fields("class_token", class_token, "conv_proj", conv_proj.proj, "encoder.pos_embedding",
                                      pos_embedding, "encoder.layers", blocks, "encoder.ln", ln, "heads.head", head);
  }

  PatchEmbedding conv_proj;
  Parameter class_token;    // [1, 1, width]
  Parameter pos_embedding;  // [1, 1 + patches, width]
  std::vector<std::pair<std::string, VisionBlock>> blocks{};
  LayerNorm ln;
  Linear head;
  Dropout dropout;
  bool timm_names;

 private:
  static std::int64_t patches_of(const VisionTransformerOptions& o) {
    if (o.patch < 1 || o.size < o.patch || o.size % o.patch != 0)
      throw UsageError({.where = "VisionTransformer",
                        .what = "pictures of side " + std::to_string(o.size),
                        .expected = "a multiple of the patch's side, " + std::to_string(o.patch),
                        .remedy = "resize the pictures, or another patch"});
    return (o.size / o.patch) * (o.size / o.patch);
  }
};

}  // namespace joist
