// Attention layers: names and shapes of their state, generation with a cache, masks, dropout.
#include <joist/layers/embedding.h>
#include <joist/layers/normalization.h>
#include <joist/layers/transformer.h>

#include <map>

#include <gtest/gtest.h>

namespace joist {
namespace {

template <class Model>
std::map<std::string, std::string> state_of(Model model) {
  std::map<std::string, std::string> state;
  for (const Field& field : fields_of(model)) state[field.name] = field.tensor.shape().text();
  return state;
}
using State = std::map<std::string, std::string>;

std::vector<float> values(const Tensor& x) { return x.value().to_vector<float>(); }
void expect_near(const Tensor& a, const Tensor& b, float tolerance = 1e-5F) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto left = values(a), right = values(b);
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], right[i], tolerance) << i;
}

TEST(MultiheadAttention, StateHasTorchNames) {
  EXPECT_EQ(state_of(MultiheadAttention({.embed_dim = 6, .num_heads = 2})), (State{{"in_proj_weight", "[18, 6]"},
                                                                                   {"in_proj_bias", "[18]"},
                                                                                   {"out_proj.weight", "[6, 6]"},
                                                                                   {"out_proj.bias", "[6]"}}));
  EXPECT_EQ(state_of(MultiheadAttention({.embed_dim = 6, .num_heads = 2, .bias = false, .kdim = 5, .vdim = 4})),
            (State{{"q_proj_weight", "[6, 6]"},
                   {"k_proj_weight", "[6, 5]"},
                   {"v_proj_weight", "[6, 4]"},
                   {"out_proj.weight", "[6, 6]"}}));
}

TEST(Transformer, StateHasTorchNames) {
  const TransformerOptions options{
      .layer = {.d_model = 4, .nhead = 2, .dim_feedforward = 8}, .num_encoder_layers = 2, .num_decoder_layers = 1};
  const State state = state_of(Transformer(options));
  EXPECT_EQ(state.size(), 2U * 12 + 2 + 18 + 2);
  EXPECT_EQ(state.at("encoder.layers.1.self_attn.in_proj_weight"), "[12, 4]");
  EXPECT_EQ(state.at("encoder.layers.0.linear1.weight"), "[8, 4]");
  EXPECT_EQ(state.at("encoder.layers.0.norm2.bias"), "[4]");
  EXPECT_EQ(state.at("encoder.norm.weight"), "[4]");
  EXPECT_EQ(state.at("decoder.layers.0.multihead_attn.out_proj.weight"), "[4, 4]");
  EXPECT_EQ(state.at("decoder.layers.0.norm3.weight"), "[4]");
}

TEST(Normalization, StateHasTorchNames) {
  EXPECT_EQ(state_of(BatchNorm1d({.channels = 3, .affine = false})),
            (State{{"running_mean", "[3]"}, {"running_var", "[3]"}}));
  EXPECT_EQ(state_of(BatchNorm3d({.channels = 3, .track_running_stats = false})),
            (State{{"weight", "[3]"}, {"bias", "[3]"}}));
  EXPECT_TRUE(state_of(BatchNorm2d({.channels = 3, .momentum = std::nullopt})).contains("num_batches_tracked"));
  EXPECT_EQ(state_of(InstanceNorm2d({.channels = 3})), State{});
  EXPECT_EQ(state_of(InstanceNorm1d({.channels = 3, .affine = true, .track_running_stats = true})).size(), 4U);
  EXPECT_EQ(state_of(LayerNorm({.normalized_shape = Shape{2, 3}, .bias = false})), (State{{"weight", "[2, 3]"}}));
  EXPECT_EQ(state_of(RMSNorm({.normalized_shape = Shape{5}})), (State{{"weight", "[5]"}}));
}

TEST(BatchNorm, WithoutMomentumAveragesAllBatches) {
  const BatchNorm1d layer({.channels = 1, .momentum = std::nullopt});
  layer(tensor(std::vector<float>{1, 3}, {2, 1}));   // mean 2, unbiased variance 2
  layer(tensor(std::vector<float>{4, 4}, {2, 1}));   // 4, 0
  layer(tensor(std::vector<float>{-2, 2}, {2, 1}));  // 0, 8
  EXPECT_FLOAT_EQ(values(layer.running_mean)[0], 2);
  EXPECT_FLOAT_EQ(values(layer.running_var)[0], 10.0F / 3);
  EXPECT_EQ(layer.num_batches_tracked.value().item(), 3);
}

TEST(BatchNorm, FrozenStatisticsStayInTraining) {
  const BatchNorm1d layer({.channels = 1, .epsilon = 0, .frozen = true});
  const Tensor y = layer(tensor(std::vector<float>{1, 3}, {2, 1}));
  EXPECT_EQ(values(y), (std::vector<float>{1, 3}));  // mean 0, variance 1
  EXPECT_EQ(values(layer.running_mean)[0], 0);
  sum(y).backward();
  EXPECT_EQ(layer.weight.gradient().to_vector<float>()[0], 4);
}

TEST(InstanceNorm, RunningStatisticsNormalizeInEvaluation) {
  const InstanceNorm1d layer({.channels = 1, .epsilon = 0, .momentum = 1, .track_running_stats = true});
  layer(tensor(std::vector<float>{1, 3, 5, 7}, {2, 1, 2}));  // means 2 and 6, variances 2
  const Mode evaluation(Mode::evaluation);
  expect_near(layer(tensor(std::vector<float>{4, 6}, {1, 1, 2})),
              tensor(std::vector<float>{0, std::sqrt(2.0F)}, {1, 1, 2}));
}

TEST(KeyValueCache, TokenByTokenEqualsAllAtOnce) {
  manual_seed(3);
  const MultiheadAttention layer({.embed_dim = 8, .num_heads = 2, .batch_first = true});
  const Inference inference;
  const Tensor x = randn({2, 37, 8});
  const Tensor whole = layer(x, x, x, {.is_causal = true}).output;
  KeyValueCache cache;
  std::vector<Tensor> parts;
  std::int64_t at = 0;
  for (const std::int64_t step : {5, 1, 1, 20, 1, 9}) {
    const Tensor next = slice(x, 1, at, at + step);
    parts.push_back(layer(next, next, next, {.is_causal = true, .cache = &cache}).output);
    at += step;
    EXPECT_EQ(cache.length(), at);
  }
  expect_near(concat(parts, 1), whole);
  cache.clear();
  EXPECT_EQ(cache.length(), 0);
}

TEST(MultiheadAttention, WeightsAndFusedPathAgreeUnderAnyMask) {
  manual_seed(5);
  const MultiheadAttention layer({.embed_dim = 8, .num_heads = 2, .batch_first = true});
  const Tensor x = randn({2, 5, 8});
  const Tensor forbidden = gt(randn({5, 5}), 0.5), padded = gt(randn({2, 5}), 0.5);
  const Tensor added = randn({5, 5}), blind = ones({5, 5}, Dtype::boolean);
  for (const Tensor& mask : {Tensor(), forbidden, added, blind})
    for (const Tensor& padding : {Tensor(), padded}) {
      AttentionCall call{.key_padding_mask = padding, .attn_mask = mask};
      const Tensor fused = layer(x, x, x, call).output;
      call.need_weights = true;
      expect_near(layer(x, x, x, call).output, fused);
      for (const float value : values(fused)) EXPECT_FALSE(std::isnan(value));
    }
}

TEST(MultiheadAttention, DropoutOnlyInTraining) {
  manual_seed(5);
  const MultiheadAttention layer({.embed_dim = 8, .num_heads = 2, .dropout = 0.5, .batch_first = true});
  const MultiheadAttention same = [&] {
    MultiheadAttention copy = layer;
    copy.dropout = 0;
    return copy;
  }();
  const Tensor x = randn({2, 5, 8});
  const auto first = values(layer(x, x, x).output), second = values(layer(x, x, x).output);
  EXPECT_NE(first, second);  // each call draws anew
  const Mode evaluation(Mode::evaluation);
  EXPECT_EQ(values(layer(x, x, x).output), values(same(x, x, x).output));
}

TEST(TransformerEncoder, OverfitsOneBatch) {
  manual_seed(1);
  TransformerEncoder model(
      {.layer = {.d_model = 8, .nhead = 2, .dim_feedforward = 16, .dropout = 0}, .num_layers = 2, .norm = true});
  const Tensor x = randn({6, 3, 8}), wanted = randn({6, 3, 8});
  double first = 0, last = 0;
  for (int step = 0; step < 100; ++step) {
    const Tensor loss = mean(square(model(x) - wanted));
    loss.backward();
    if (step == 0) first = loss.item();
    last = loss.item();
    for (const Field& field : fields_of(model)) {
      if (!field.trainable) continue;
      float* value = field.tensor.value().data<float>();
      const auto slope = field.tensor.gradient().to_vector<float>();
      for (std::size_t i = 0; i < slope.size(); ++i) value[i] -= 0.5F * slope[i];
      field.tensor.clear_gradient();
    }
  }
  EXPECT_LT(last, 0.6 * first);
}

TEST(Embedding, PaddingStartsAsZerosAndStays) {
  const Embedding layer({.num_embeddings = 4, .embedding_dim = 3, .padding_idx = -2});
  const Tensor y = layer(tensor(std::vector<std::int64_t>{2, 1}, {2}));
  EXPECT_EQ(values(slice(y, 0, 0, 1)), (std::vector<float>{0, 0, 0}));
  sum(y).backward();
  EXPECT_EQ(layer.weight.gradient().to_vector<float>(), (std::vector<float>{0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0}));
}

}  // namespace
}  // namespace joist
