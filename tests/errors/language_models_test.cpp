// What language models and their blocks refuse.
#include <joist/layers/models/bert.h>
#include <joist/layers/models/gpt2.h>
#include <joist/layers/models/llama.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

const BertOptions bert{.vocabulary = 9, .width = 8, .layers = 1, .heads = 2, .mlp = 4, .positions = 5};
const Gpt2Options gpt2{.vocabulary = 9, .positions = 5, .width = 8, .layers = 1, .heads = 2};
const LlamaOptions llama{.vocabulary = 9, .width = 8, .layers = 1, .heads = 4, .key_heads = 2, .mlp = 4};

Tensor tokens(const Shape& shape) { return zeros(shape, Dtype::int64); }
template <class Options, class Change>
Options with(Options options, Change change) {
  change(options);
  return options;
}

TEST(LanguageModelErrors, Bert) {
  expect_refusals({
      wrong_shape("Bert",
                  [] {
                    return Bert(bert)(tokens({2, 6}));
                  },
                  {"Bert", "[2, 6]", "at most 5 long", "cut"}),
      wrong_shape("Bert", [] { return Bert(bert)(tokens({3})); }, {"Bert", "[3]", "[batch, length]"}),
      wrong_dtype("Bert",
                  [] {
                    return Bert(bert)(zeros({1, 3}));
                  },
                  {"embedding", "float32", "int64"}),
      wrong_option("Bert", [] { return Bert(with(bert, [](auto& o) { o.heads = 3; })); }, {"Bert", "width", "heads"}),
      wrong_option("Bert", [] { return Bert(with(bert, [](auto& o) { o.vocabulary = 0; })); },
                   {"Bert", "vocabulary 0"}),
      wrong_option("Bert",
                   [] {
                     const Bert plain(with(bert, [](auto& o) { o.pooler = false; }));
                     return plain.pooled(plain(tokens({1, 3})));
                   },
                   {"Bert", "no pooler"}),
      wrong_shape("BertLayer",
                  [] {
                    return BertLayer(bert)(zeros({1, 3, 6}), {});
                  },
                  {"linear", "[1, 3, 6]", "8"}),
  });
}

TEST(LanguageModelErrors, Gpt2) {
  expect_refusals({
      wrong_shape("Gpt2",
                  [] {
                    return Gpt2(gpt2)(tokens({2, 6}));
                  },
                  {"Gpt2", "[2, 6]", "at most 5", "cut"}),
      wrong_dtype("Gpt2",
                  [] {
                    return Gpt2(gpt2)(zeros({1, 3}));
                  },
                  {"embedding", "float32", "int64"}),
      wrong_option("Gpt2", [] { return Gpt2(with(gpt2, [](auto& o) { o.heads = 3; })); }, {"Gpt2", "width", "heads"}),
      wrong_shape("Gpt2Block",
                  [] {
                    return Gpt2Block(gpt2)(zeros({1, 3, 6}), {}, 0);
                  },
                  {"layer_norm", "[1, 3, 6]", "8"}),
      wrong_shape("TransposedLinear",
                  [] {
                    return TransposedLinear(8, 4)(zeros({1, 3, 6}));
                  },
                  {"matmul", "[1, 3, 6]"}),
  });
}

TEST(LanguageModelErrors, Llama) {
  const RotaryTable table(2, {});
  const RotaryTable::Turn turn = table.at(positions_from(0, 3));
  expect_refusals({
      wrong_shape("Llama", [] { return Llama(llama)(tokens({3})); }, {"Llama", "[3]", "[batch, length]", "unsqueeze"}),
      wrong_dtype("Llama",
                  [] {
                    return Llama(llama)(zeros({1, 3}));
                  },
                  {"embedding", "float32", "int64"}),
      wrong_option("Llama", [] { return Llama(with(llama, [](auto& o) { o.key_heads = 3; })); },
                   {"Llama", "4 heads, 3"}),
      wrong_option("Llama", [] { return Llama(with(llama, [](auto& o) { o.heads = 3; })); },
                   {"Llama", "width", "heads"}),
      wrong_option("Llama", [] { return Llama(with(llama, [](auto& o) { o.mlp = 0; })); }, {"Llama", "mlp 0"}),
      wrong_option("Llama", [] { return Llama(with(llama, [](auto& o) { o.head_width = 3; })); },
                   {"RotaryTable", "width 3", "even"}),
      wrong_option("RotaryTable", [] { return RotaryTable(4, {.scaling = RotaryScaling::yarn}); },
                   {"RotaryTable", "original_positions 0"}),
      wrong_shape("LlamaAttention",
                  [&] {
                    return LlamaAttention(llama, 2, 0)(zeros({1, 3, 6}), turn, {});
                  },
                  {"linear", "[1, 3, 6]", "8"}),
      wrong_shape("LlamaMlp",
                  [] {
                    return LlamaMlp(llama)(zeros({1, 3, 6}));
                  },
                  {"linear", "[1, 3, 6]", "8"}),
      wrong_shape("LlamaLayer",
                  [&] {
                    return LlamaLayer(llama, 2, 0)(zeros({1, 3, 6}), turn, {});
                  },
                  {"rms_norm", "[1, 3, 6]", "8"}),
  });
}

}  // namespace
}  // namespace joist
