// Layers of attention, embedding and normalization with their parameters as inputs.
#include <joist/layers/embedding.h>
#include <joist/layers/normalization.h>
#include <joist/layers/transformer.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

// The input itself becomes the layer's parameter, so that its gradient is the parameter's.
template <class Field>
void set(Field& field, const Tensor& input) {
  static_cast<Tensor&>(field) = input;
}
template <class Model>
void set_all(Model& model, std::span<const Tensor> inputs, std::size_t first) {
  visit_fields(model, [&]<class F>(const std::string&, F& field) {
    if constexpr (std::is_same_v<F, Parameter>) set(field, inputs[first++]);
  });
}
// Inputs for all parameters of a model.
template <class Model>
std::vector<Input> with_parameters(std::vector<Input> inputs, Model model) {
  for (const Field& field : fields_of(model))
    if (field.trainable) inputs.push_back(uniform(field.tensor.shape(), -0.7, 0.7));
  return inputs;
}

constexpr std::int64_t batch = 2, queries = 3, keys = 4, width = 6, heads = 2;

Tensor chosen(const Tensor& numbers) { return gt(numbers, 0.8); }  // true: not seen

void add_multihead(std::vector<Case>& cases) {
  const MultiheadAttentionOptions plain{.embed_dim = width, .num_heads = heads, .batch_first = true};
  const auto own = [&](const std::string& name, const MultiheadAttentionOptions& options, const AttentionCall& call,
                       const std::vector<Input>& masks = {}, bool attn_first = true) {
    std::vector<Input> inputs{uniform({batch, queries, width})};
    for (const Input& mask : masks) inputs.push_back(constant(mask));
    const std::size_t first = inputs.size();
    cases.push_back({"multihead_attention_" + name, with_parameters(inputs, MultiheadAttention(options)), [=](auto t) {
                       MultiheadAttention layer(options);
                       set_all(layer, t, first);
                       AttentionCall filled = call;
                       if (first > 1) (attn_first ? filled.attn_mask : filled.key_padding_mask) = chosen(t[1]);
                       if (first > 2) filled.key_padding_mask = t[2];
                       const AttentionOutput result = layer(t[0], t[0], t[0], filled);
                       std::vector<Tensor> outputs{result.output};
                       if (result.weights.defined()) outputs.push_back(result.weights);
                       return outputs;
                     }});
  };
  own("self", plain, {});
  own("causal", plain, {.is_causal = true});
  own("no_bias", {.embed_dim = width, .num_heads = heads, .bias = false, .batch_first = true}, {});
  own("length_first", {.embed_dim = width, .num_heads = heads}, {});
  own("weights", plain, {.need_weights = true});
  own("weights_causal_each_head", plain, {.need_weights = true, .average_attn_weights = false, .is_causal = true});
  own("mask", plain, {}, {uniform({queries, queries})});
  own("mask_each_head", plain, {}, {uniform({batch * heads, queries, queries})});
  own("padding", plain, {}, {uniform({batch, queries})}, false);
  own("mask_and_padding", plain, {}, {uniform({queries, queries}), uniform({batch, queries})});
  own("mask_and_padding_weights", plain, {.need_weights = true},
      {uniform({queries, queries}), uniform({batch, queries})});

  const MultiheadAttentionOptions wide{
      .embed_dim = width, .num_heads = heads, .kdim = 5, .vdim = 4, .batch_first = true};
  for (const bool weights : {false, true})
    cases.push_back(
        {std::string("multihead_attention_widths") + (weights ? "_weights" : ""),
         with_parameters({uniform({batch, queries, width}), uniform({batch, keys, 5}), uniform({batch, keys, 4})},
                         MultiheadAttention(wide)),
         [=](auto t) {
           MultiheadAttention layer(wide);
           set_all(layer, t, 3);
           return layer(t[0], t[1], t[2], {.need_weights = weights}).output;
         }});
  cases.push_back(
      {"multihead_attention_cross",
       with_parameters({uniform({batch, queries, width}), uniform({batch, keys, width})}, MultiheadAttention(plain)),
       [=](auto t) {
         MultiheadAttention layer(plain);
         set_all(layer, t, 2);
         return layer(t[0], t[1], t[1]).output;
       }});
  cases.push_back({"multihead_attention_no_batch",
                   with_parameters({uniform({queries, width})}, MultiheadAttention(plain)), [=](auto t) {
                     MultiheadAttention layer(plain);
                     set_all(layer, t, 1);
                     return layer(t[0], t[0], t[0]).output;
                   }});
}

void add_transformers(std::vector<Case>& cases) {
  for (const bool norm_first : {false, true})
    for (const bool batch_first : {false, true}) {
      const std::string tail = std::string(norm_first ? "_norm_first" : "") + (batch_first ? "" : "_length_first");
      const TransformerLayerOptions options{.d_model = width,
                                            .nhead = heads,
                                            .dim_feedforward = 5,
                                            .dropout = 0,
                                            .activation = Gelu{},
                                            .batch_first = batch_first,
                                            .norm_first = norm_first};
      cases.push_back({"transformer_encoder_layer" + tail,
                       with_parameters({uniform({2, 3, width})}, TransformerEncoderLayer(options)), [=](auto t) {
                         TransformerEncoderLayer layer(options);
                         set_all(layer, t, 1);
                         return layer(t[0], {.is_causal = true});
                       }});
      cases.push_back(
          {"transformer_decoder_layer" + tail,
           with_parameters({uniform({2, 3, width}), uniform({2, 3, width})}, TransformerDecoderLayer(options)),
           [=](auto t) {
             TransformerDecoderLayer layer(options);
             set_all(layer, t, 2);
             return layer(t[0], t[1], {.tgt_is_causal = true});
           }});
    }
  const TransformerOptions small{.layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 3, .dropout = 0},
                                 .num_encoder_layers = 2,
                                 .num_decoder_layers = 1};
  cases.push_back({"transformer", with_parameters({uniform({3, 2, 4}), uniform({2, 2, 4})}, Transformer(small)),
                   [=](auto t) {
                     Transformer model(small);
                     set_all(model, t, 2);
                     return model(t[0], t[1]);
                   },
                   false});  // kinks of relu
}

template <class Layer, class Options>
Case normalization(const std::string& name, const Input& x, const Options& options) {
  return {name, with_parameters({x}, Layer(options)), [=](auto t) {
            Layer layer(options);
            set_all(layer, t, 1);
            return layer(t[0]);
          }};
}

void add_normalizations(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  cases.push_back(normalization<LayerNorm>("LayerNorm", uniform({3, 4, 5}), LayerNormLayerOptions{Shape{4, 5}}));
  cases.push_back(normalization<LayerNorm>("LayerNorm_no_bias", uniform({3, 5}),
                                           LayerNormLayerOptions{.normalized_shape = Shape{5}, .bias = false}));
  cases.push_back(normalization<RMSNorm>("RMSNorm", uniform({3, 5}), RMSNormOptions{.normalized_shape = Shape{5}}));
  cases.push_back(
      normalization<GroupNorm>("GroupNorm", last({2, 4, 3, 2}), GroupNormOptions{.groups = 2, .channels = 4}));
  const InstanceNormLayerOptions instance{.channels = 3, .affine = true};
  cases.push_back(normalization<InstanceNorm1d>("InstanceNorm1d", uniform({2, 3, 5}), instance));
  cases.push_back(normalization<InstanceNorm1d>("InstanceNorm1d_no_batch", uniform({3, 5}), instance));
  cases.push_back(normalization<InstanceNorm2d>("InstanceNorm2d", last({2, 3, 3, 2}), instance));
  cases.push_back(normalization<InstanceNorm3d>("InstanceNorm3d", uniform({2, 3, 2, 2, 2}), instance));
  const BatchNormLayerOptions bare{.channels = 3, .track_running_stats = false};
  cases.push_back(normalization<BatchNorm1d>("BatchNorm1d", uniform({4, 3}), bare));
  cases.push_back(normalization<BatchNorm3d>("BatchNorm3d", uniform({2, 3, 2, 2, 2}), bare));
  cases.push_back({"LocalResponseNorm", {last({2, 4, 2, 3})}, [](auto t) {
                     return LocalResponseNorm{.size = 3, .alpha = 0.4}(t[0]);
                   }});
}

void add_embeddings(std::vector<Case>& cases) {
  cases.push_back({"Embedding", {integers({2, 3}, 5), uniform({5, 4})}, [](auto t) {
                     Embedding layer({.num_embeddings = 5, .embedding_dim = 4});
                     set(layer.weight, t[1]);
                     return layer(t[0]);
                   }});
  cases.push_back({"EmbeddingBag", {integers({2, 3}, 5), uniform({5, 4})}, [](auto t) {
                     EmbeddingBag layer({.num_embeddings = 5, .embedding_dim = 4});
                     set(layer.weight, t[1]);
                     return layer(t[0]);
                   }});
  const PatchEmbeddingOptions patches{.in = 3, .width = 5, .patch = 2};
  cases.push_back({"PatchEmbedding",
                   with_parameters({in(Layout::channels_last, uniform({2, 3, 4, 6}))}, PatchEmbedding(patches)),
                   [=](auto t) {
                     PatchEmbedding layer(patches);
                     set_all(layer, t, 1);
                     return layer(t[0]);
                   }});
}

}  // namespace

Family attention_layer_cases() {
  Family family{"attention_layers", 1e-5, {}};
  add_multihead(family.cases);
  add_transformers(family.cases);
  add_normalizations(family.cases);
  add_embeddings(family.cases);
  return family;
}

}  // namespace joist::cases
