// Recurrent and attention layers, with their state by its names in PyTorch.
#include <joist/layers/attention.h>
#include <joist/layers/recurrent.h>
#include <joist/layers/transformer.h>
#include <joist/tests/torch/families/families.h>

namespace joist::torchdb {
namespace {

void add_recurrent(Table& table) {
  table.add("nn.RNN", [](Call& c) {
    RNN layer({.in = c.integer(0, "input_size"),
               .hidden = c.integer(1, "hidden_size"),
               .layers = c.integer(-1, "num_layers", 1),
               .relu = c.text(-1, "nonlinearity", "tanh") == "relu",
               .bias = c.flag(-1, "bias", true),
               .batch_first = c.flag(-1, "batch_first", false),
               .bidirectional = c.flag(-1, "bidirectional", false)});
    c.load(layer);
    const SequenceOutput result = layer(c.inputs.tensor(0), c.inputs.maybe(1));
    return std::pair{result.output, result.h};
  });
  table.add("nn.GRU", [](Call& c) {
    GRU layer({.in = c.integer(0, "input_size"),
               .hidden = c.integer(1, "hidden_size"),
               .layers = c.integer(-1, "num_layers", 1),
               .bias = c.flag(-1, "bias", true),
               .batch_first = c.flag(-1, "batch_first", false),
               .bidirectional = c.flag(-1, "bidirectional", false)});
    c.load(layer);
    const SequenceOutput result = layer(c.inputs.tensor(0), c.inputs.maybe(1));
    return std::pair{result.output, result.h};
  });
  table.add("nn.LSTM", [](Call& c) {
    LSTM layer({.in = c.integer(0, "input_size"),
                .hidden = c.integer(1, "hidden_size"),
                .layers = c.integer(-1, "num_layers", 1),
                .bias = c.flag(-1, "bias", true),
                .batch_first = c.flag(-1, "batch_first", false),
                .bidirectional = c.flag(-1, "bidirectional", false),
                .projection = c.integer(-1, "proj_size", 0)});
    c.load(layer);
    std::vector<Tensor> states(2);
    if (c.inputs.has(1)) states = c.inputs.tensors(1);
    const SequenceOutput result = layer(c.inputs.tensor(0), states[0], states[1]);
    return std::vector<Tensor>{result.output, result.h, result.c};
  });
  table.add("nn.RNNCell", [](Call& c) {
    RNNCell layer({.in = c.integer(0, "input_size"),
                   .hidden = c.integer(1, "hidden_size"),
                   .relu = c.text(-1, "nonlinearity", "tanh") == "relu",
                   .bias = c.flag(2, "bias", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0), c.inputs.maybe(1));
  });
  table.add("nn.GRUCell", [](Call& c) {
    GRUCell layer(
        {.in = c.integer(0, "input_size"), .hidden = c.integer(1, "hidden_size"), .bias = c.flag(2, "bias", true)});
    c.load(layer);
    return layer(c.inputs.tensor(0), c.inputs.maybe(1));
  });
  table.add("nn.LSTMCell", [](Call& c) {
    LSTMCell layer(
        {.in = c.integer(0, "input_size"), .hidden = c.integer(1, "hidden_size"), .bias = c.flag(2, "bias", true)});
    c.load(layer);
    std::vector<Tensor> states(2);
    if (c.inputs.has(1)) states = c.inputs.tensors(1);
    const CellState result = layer(c.inputs.tensor(0), states[0], states[1]);
    return std::pair{result.h, result.c};
  });
}

TransformerLayerOptions transformer_options(const Args& c) {
  const Value& activation = c.at(4, "activation");  // a name or PyTorch's function
  return {.d_model = c.integer(0, "d_model"),
          .nhead = c.integer(1, "nhead"),
          .dim_feedforward = c.integer(2, "dim_feedforward", 2048),
          .dropout = c.number(3, "dropout", 0.1),
          .activation = activation.text.find("gelu") != std::string::npos ? Unary(Gelu{}) : Unary(Relu{}),
          .batch_first = c.flag(-1, "batch_first", false),
          .norm_first = c.flag(-1, "norm_first", false),
          .bias = c.flag(-1, "bias", true)};
}

void add_attention(Table& table) {
  table.add("nn.MultiheadAttention", [](Call& c) {
    if (c.flag(-1, "add_bias_kv", false)) throw Unsupported("add_bias_kv");
    if (c.flag(-1, "add_zero_attn", false)) throw Unsupported("add_zero_attn");
    MultiheadAttention layer({.embed_dim = c.integer(0, "embed_dim"),
                              .num_heads = c.integer(1, "num_heads"),
                              .bias = c.flag(-1, "bias", true),
                              .kdim = c.integer(-1, "kdim", 0),
                              .vdim = c.integer(-1, "vdim", 0),
                              .batch_first = c.flag(-1, "batch_first", false)});
    c.load(layer);
    const AttentionOutput result = layer(c.inputs.tensor(0), c.inputs.tensor(1), c.inputs.tensor(2),
                                         {.key_padding_mask = c.inputs.maybe(-1, "key_padding_mask"),
                                          .attn_mask = c.inputs.maybe(-1, "attn_mask"),
                                          .need_weights = true});
    return std::pair{result.output, result.weights};
  });
  table.add("nn.TransformerEncoderLayer", [](Call& c) {
    TransformerEncoderLayer layer(transformer_options(c));
    c.load(layer);
    return layer(c.inputs.tensor(0), {.src_mask = c.inputs.maybe(-1, "src_mask"),
                                      .src_key_padding_mask = c.inputs.maybe(-1, "src_key_padding_mask")});
  });
  table.add("nn.TransformerDecoderLayer", [](Call& c) {
    TransformerDecoderLayer layer(transformer_options(c));
    c.load(layer);
    return layer(c.inputs.tensor(0), c.inputs.tensor(1),
                 {.tgt_mask = c.inputs.maybe(-1, "tgt_mask"),
                  .memory_mask = c.inputs.maybe(-1, "memory_mask"),
                  .tgt_key_padding_mask = c.inputs.maybe(-1, "tgt_key_padding_mask"),
                  .memory_key_padding_mask = c.inputs.maybe(-1, "memory_key_padding_mask")});
  });
  table.add("nn.Transformer", [](Call& c) {
    Transformer layer({.layer = transformer_options(c),
                       .num_encoder_layers = c.integer(-1, "num_encoder_layers", 6),
                       .num_decoder_layers = c.integer(-1, "num_decoder_layers", 6)});
    c.load(layer);
    return layer(c.inputs.tensor(0), c.inputs.tensor(1),
                 {.src_mask = c.inputs.maybe(-1, "src_mask"),
                  .src_key_padding_mask = c.inputs.maybe(-1, "src_key_padding_mask")},
                 {.tgt_mask = c.inputs.maybe(-1, "tgt_mask"),
                  .tgt_key_padding_mask = c.inputs.maybe(-1, "tgt_key_padding_mask")});
  });
}

}  // namespace

void add_sequence_modules(Table& table) {
  table.family("modules: recurrent");
  add_recurrent(table);
  table.family("modules: attention");
  add_attention(table);
}

}  // namespace joist::torchdb
