// What attention, normalization and embedding refuse: the typed error, thrown before any work, with the rule, both
// values and the remedy.
#include <joist/layers/embedding.h>
#include <joist/layers/normalization.h>
#include <joist/layers/transformer.h>
#include <joist/tests/support/expect_error.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

// The message of an error of exactly this type.
Tensor ones_of(const Shape& shape) { return ones(shape); }

TEST(AttentionErrors, Operands) {
  const auto attend = [](const Shape& q, const Shape& k, const Shape& v) {
    return [=] { scaled_dot_product_attention(ones_of(q), ones_of(k), ones_of(v)); };
  };
  expect_error<ShapeError>(attend({2, 3, 4, 5}, {2, 3, 4, 6}, {2, 3, 4, 5}),
                           {"scaled_dot_product_attention", "q [2, 3, 4, 5]", "k [2, 3, 4, 6]", "one width"});
  expect_error<ShapeError>(attend({2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 6, 5}), {"v [2, 3, 6, 5]", "values as keys"});
  expect_error<ShapeError>(attend({2, 3, 4, 5}, {1, 3, 4, 5}, {1, 3, 4, 5}), {"one batch size"});
  expect_error<ShapeError>(attend({2, 4, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}), {"multiple of the heads"});
  expect_error<ShapeError>(attend({2, 4, 4, 5}, {2, 2, 4, 5}, {2, 1, 4, 5}), {"as many heads"});
  expect_error<ShapeError>(attend({4, 5}, {1, 4, 5}, {1, 4, 5}), {"equal ranks"});
  expect_error<ShapeError>(attend({5}, {5}, {5}), {"equal ranks"});
  expect_error<DtypeError>(
      [] {
        scaled_dot_product_attention(ones_of({2, 3}), ones({2, 3}, Dtype::float64), ones_of({2, 3}));
      },
      {"float32 and float64"});
}

TEST(AttentionErrors, MasksAndOptions) {
  const Tensor q = ones_of({2, 3, 4, 5}), k = ones_of({2, 3, 6, 5});
  const auto masked = [&](const Tensor& mask) { return [=] { scaled_dot_product_attention(q, k, k, {}, mask); }; };
  expect_error<ShapeError>(masked(ones_of({4, 5})), {"mask [4, 5]", "[2, 3, 4, 6]", "counted from the end"});
  expect_error<ShapeError>(masked(ones_of({1, 2, 3, 4, 6})), {"mask [1, 2, 3, 4, 6]"});
  expect_error<DtypeError>(masked(ones({4, 6}, Dtype::int64)), {"int64", "bool", "to(mask"});
  const auto with = [&](const AttentionOptions& options) {
    return [=] { scaled_dot_product_attention(q, k, k, options); };
  };
  expect_error<UsageError>(with({.dropout = 1}), {"dropout 1", "< 1"});
  expect_error<UsageError>(with({.window = -2}), {"window -2", "0 for all"});
  expect_error<UsageError>(with({.scale = std::numeric_limits<double>::infinity()}), {"scale inf"});
  expect_error<ShapeError>([&] { scaled_dot_product_attention(q, k, k, {}, {}, ones_of({2})); },
                           {"slopes of shape [2]", "[3]"});
  Tensor slopes = ones_of({3});
  slopes.set_requires_grad(true);
  expect_error<UnsupportedError>([&] { scaled_dot_product_attention(q, k, k, {}, {}, slopes); },
                                 {"unsupported", "slopes.detach()"});
}

TEST(AttentionErrors, Positions) {
  expect_error<ShapeError>([] { rotary_embedding(ones_of({3, 5})); }, {"width 5", "even"});
  expect_error<ShapeError>([] { rotary_embedding(ones_of({3, 4}), {.width = 6}); }, {"width 6", "[3, 4]"});
  expect_error<ShapeError>(
      [] {
        rotary_embedding(ones_of({3, 4}), ones_of({3, 4}), ones_of({3, 4}));
      },
      {"cosines [3, 4]", "width / 2"});
  expect_error<UsageError>([] { rotary_embedding(ones_of({3, 4}), {.base = 0}); }, {"base 0"});
  expect_error<UsageError>([] { sinusoidal_positions(-1, 4); }, {"length -1"});
  expect_error<UsageError>([] { alibi_slopes(0); }, {"0 heads", "at least 1"});
}

TEST(NormalizationErrors, Functions) {
  const Tensor x = ones_of({2, 4, 3});
  expect_error<ShapeError>([&] { layer_norm(x, {4}); }, {"layer_norm", "[2, 4, 3]", "[4]"});
  expect_error<ShapeError>([&] { layer_norm(x, {}); }, {"at least one"});
  expect_error<ShapeError>([&] { layer_norm(x, {3}, ones_of({4})); }, {"weight of shape [4]", "[3]"});
  expect_error<ShapeError>([&] { layer_norm(x, {3}, {}, ones_of({4})); }, {"bias of shape [4]"});
  expect_error<UsageError>([&] { layer_norm(x, {3}, {}, {}, -1); }, {"epsilon -1"});
  expect_error<DtypeError>([&] { layer_norm(x, {3}, ones({3}, Dtype::float64)); }, {"float64"});
  expect_error<ShapeError>([&] { rms_norm(x, {2, 3}); }, {"rms_norm", "[2, 3]"});
  expect_error<ShapeError>([&] { group_norm(x, 3); }, {"3 groups", "[2, 4, 3]", "divides"});
  expect_error<ShapeError>([&] { group_norm(x, 0); }, {"0 groups"});
  expect_error<ShapeError>([&] { group_norm(x, 2, ones_of({2})); }, {"weight of shape [2]", "[4]"});
  expect_error<ShapeError>([] { group_norm(ones_of({4}), 2); }, {"[4]", "[batch, channel, ...]"});
  expect_error<ShapeError>([] { instance_norm(ones_of({2, 4, 1})); }, {"one value", "[2, 4, 1]"});
  expect_error<UsageError>([&] { instance_norm(x, {}, {}, {}, {}, {.use_input_stats = false}); }, {"running"});
  expect_error<UsageError>([&] { instance_norm(x, ones_of({4})); }, {"both or neither"});
  expect_error<ShapeError>([] { local_response_norm(ones_of({2, 3}), 3); }, {"[2, 3]", "three axes"});
  expect_error<UsageError>([&] { local_response_norm(x, 0); }, {"size 0"});
  expect_error<UsageError>([&] { normalize(x, -1); }, {"p -1"});
  expect_error<UsageError>([&] { normalize(x, 2, 1, 0); }, {"epsilon 0"});
  expect_error<ShapeError>([&] { normalize(x, 2, 3); }, {"3"});
  expect_error<UsageError>([&] { batch_norm(x, {}, {}, {}, {}, {}, false); }, {"running", "in training"});
  expect_error<ShapeError>([&] { batch_norm(x, ones_of({3}), {}, {}, {}, {}, true); }, {"gamma of shape [3]", "[4]"});
}

TEST(NormalizationErrors, Layers) {
  expect_error<UsageError>([] { GroupNorm({.groups = 3, .channels = 4}); }, {"3 groups of 4", "divides"});
  expect_error<ShapeError>(
      [] {
        BatchNorm1d({.channels = 3})(ones_of({2, 3, 4, 5}));
      },
      {"BatchNorm1d", "[2, 3, 4, 5]", "[batch, channel, length]"});
  expect_error<ShapeError>([] { BatchNorm2d({.channels = 3})(ones_of({2, 3, 4})); }, {"BatchNorm2d", "[2, 3, 4]"});
  expect_error<ShapeError>([] { BatchNorm3d({.channels = 3})(ones_of({2, 3, 4})); }, {"BatchNorm3d", "depth"});
  expect_error<ShapeError>([] { InstanceNorm2d({.channels = 3})(ones_of({2, 3})); }, {"InstanceNorm2d", "[2, 3]"});
}

TEST(EmbeddingErrors, Functions) {
  const Tensor weight = ones_of({5, 3}), index = tensor(std::vector<std::int64_t>{0, 4, 5}, {3});
  const Tensor good = tensor(std::vector<std::int64_t>{0, 4, 1}, {3});
  expect_error<DataError>([&] { embedding(index, weight); }, {"index 5 at position 2", "0 to 4", "[5, 3]"});
  expect_error<DtypeError>([&] { embedding(ones_of({3}), weight); }, {"float32", "int64"});
  expect_error<ShapeError>([&] { embedding(good, ones_of({5})); }, {"[5]", "[rows, width]"});
  expect_error<UsageError>([&] { embedding(good, weight, {.padding_index = 5}); }, {"padding index 5"});
  expect_error<UsageError>([&] { embedding(good, weight, {.max_norm = 0}); }, {"max_norm 0"});
  expect_error<ShapeError>([&] { embedding_bag(good, weight); }, {"[3]", "[bags, length]"});
  const auto offsets = [](std::vector<std::int64_t> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return tensor(values, {count});
  };
  expect_error<DataError>([&] { embedding_bag(good, weight, offsets({1, 2})); }, {"offset 1 at position 0"});
  expect_error<DataError>([&] { embedding_bag(good, weight, offsets({0, 2, 1})); }, {"offset 1 at position 2"});
  expect_error<DataError>([&] { embedding_bag(good, weight, offsets({0, 4})); }, {"offset 4", "3 entries"});
  expect_error<DataError>(
      [&] {
        embedding_bag(good, weight, offsets({0, 2}), {.include_last_offset = true});
      },
      {"no bag"});
  expect_error<UsageError>([&] { embedding_bag(good, weight, offsets({0}), {}, ones_of({3})); }, {"mode sum"});
  expect_error<ShapeError>([&] { embedding_bag(good, weight, offsets({0}), {.mode = BagMode::sum}, ones_of({2})); },
                           {"[2]", "[3]"});
  expect_error<UsageError>([] { Embedding({.num_embeddings = 3, .embedding_dim = 2, .padding_idx = 3}); },
                           {"padding_idx 3 of 3 rows"});
  expect_error<ShapeError>(
      [] {
        PatchEmbedding({.in = 3, .width = 4, .patch = 2})(ones_of({1, 3, 4, 5}));
      },
      {"[1, 3, 4, 5]", "multiples of 2"});
}

TEST(MultiheadAttentionErrors, Calls) {
  expect_error<UsageError>([] { MultiheadAttention({.embed_dim = 6, .num_heads = 4}); }, {"embed_dim 6, num_heads 4"});
  const MultiheadAttention layer({.embed_dim = 6, .num_heads = 2, .batch_first = true});
  const Tensor x = ones_of({2, 3, 6});
  expect_error<ShapeError>(
      [&] {
        layer(x, ones_of({2, 4, 5}), ones_of({2, 4, 6}));
      },
      {"key [2, 4, 5]", "widths 6, 6, 6"});
  expect_error<ShapeError>(
      [&] {
        layer(x, x, x, {.key_padding_mask = zeros({2, 4}, Dtype::boolean)});
      },
      {"key_padding_mask of shape [2, 4]", "[2, 3]"});
  expect_error<ShapeError>(
      [&] {
        layer(x, x, x, {.attn_mask = zeros({2, 3, 3}, Dtype::boolean)});
      },
      {"attn_mask of shape [2, 3, 3]", "[3, 3] or [4, 3, 3]"});
  expect_error<DtypeError>([&] { layer(x, x, x, {.attn_mask = zeros({3, 3}, Dtype::int64)}); }, {"int64", "not seen"});
  KeyValueCache cache;
  expect_error<UsageError>([&] { layer(x, x, x, {.cache = &cache}); }, {"gradient", "Inference"});
  const Inference inference;
  const Tensor other = ones_of({2, 4, 6});
  expect_error<UsageError>([&] { layer(x, other, other, {.cache = &cache}); }, {"self-attention"});
  layer(x, x, x, {.cache = &cache});
  const Tensor one = ones_of({1, 3, 6});
  expect_error<ShapeError>([&] { layer(one, one, one, {.cache = &cache}); },
                           {"[1, 2, 3, 3]", "[2, 2, 3, 3]", "clear()"});
}

}  // namespace
}  // namespace joist
