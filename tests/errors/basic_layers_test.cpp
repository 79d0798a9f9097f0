// What linear layers, tables of vectors, dropout and the wrappers of layers refuse.
#include <joist/core/mode.h>
#include <joist/layers/convolution.h>
#include <joist/layers/dropout.h>
#include <joist/layers/embedding.h>
#include <joist/layers/hooked.h>
#include <joist/layers/linear.h>
#include <joist/layers/weight_norm.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

Linear three_to_two() { return Linear{{.in = 3, .out = 2}}; }
Tensor numbers(const std::vector<std::int64_t>& values) {
  return tensor(values, {static_cast<std::int64_t>(values.size())});
}

TEST(BasicLayerErrors, Linear) {
  const Linear layer = three_to_two();
  expect_refusals({
      wrong_shape("Linear",
                  [&] {
                    return layer(zeros({4, 5}));
                  },
                  {"linear", "input [4, 5]", "weight [2, 3]", "equal in", "flatten(x)"}),
      wrong_shape("Linear", [&] { return layer(zeros({})); }, {"linear", "input []", "weight [2, 3]"}),
      wrong_dtype("Linear",
                  [&] {
                    return layer(zeros({4, 3}, Dtype::int64));
                  },
                  {"linear", "int64 and float32", "one element type", "to(x, Dtype::float32)"}),
      wrong_dtype("Linear",
                  [&] {
                    return layer(zeros({4, 3}, Dtype::float64));
                  },
                  {"linear", "float64 and float32"}),
      wrong_option("Linear", [] { return Linear{{.in = 0, .out = 2}}; }, {"Linear", "in 0", "1 or more"}),
      wrong_option("Linear", [] { return Linear{{.in = 3, .out = -2}}; }, {"Linear", "out -2", "1 or more"}),
  });
}

TEST(BasicLayerErrors, Embedding) {
  const Embedding table{{.num_embeddings = 5, .embedding_dim = 2}};
  const EmbeddingBag bags{{.num_embeddings = 5, .embedding_dim = 2}};
  expect_refusals({
      wrong_dtype("Embedding", [&] { return table(zeros({2})); }, {"embedding", "index of float32", "int64", "to("}),
      wrong_numbers("Embedding",
                    [&] {
                      return table(numbers({0, 5}));
                    },
                    {"embedding", "index 5 at position 1", "0 to 4", "[5, 2]", "more rows"}),
      wrong_option("Embedding", [] { return Embedding{{.num_embeddings = 0, .embedding_dim = 2}}; },
                   {"Embedding", "num_embeddings 0", "1 or more"}),
      wrong_option("Embedding", [] { return Embedding{{.num_embeddings = 5, .embedding_dim = -1}}; },
                   {"Embedding", "embedding_dim -1"}),
      wrong_option("Embedding", [] { return Embedding{{.num_embeddings = 5, .embedding_dim = 2, .padding_idx = 5}}; },
                   {"Embedding", "padding_idx 5 of 5 rows", "-1"}),
      wrong_option("Embedding", [] { return Embedding{{.num_embeddings = 5, .embedding_dim = 2, .max_norm = 0}}; },
                   {"Embedding", "max_norm 0", "norm_type 2", "above 0"}),
      wrong_shape("EmbeddingBag",
                  [&] {
                    return bags(numbers({0, 1}));
                  },
                  {"embedding_bag", "[2]", "[bags, length] without offsets"}),
      wrong_dtype("EmbeddingBag",
                  [&] {
                    return bags(zeros({2, 2}, Dtype::boolean));
                  },
                  {"embedding_bag", "index of bool", "int64"}),
      wrong_dtype("EmbeddingBag",
                  [&] {
                    return bags(numbers({0, 1}), zeros({1}));
                  },
                  {"embedding_bag", "offsets of float32", "int64"}),
      wrong_numbers("EmbeddingBag",
                    [&] {
                      return bags(numbers({0, 1}), numbers({0, 3}));
                    },
                    {"embedding_bag", "offset 3 at position 1", "the 2 entries"}),
      wrong_option("EmbeddingBag", [&] { return bags(numbers({0}), numbers({0}), zeros({1})); },
                   {"embedding_bag", "weights per sample", "mode sum", "BagMode::sum"}),
      wrong_option("EmbeddingBag", [] { return EmbeddingBag{{.num_embeddings = 5, .embedding_dim = 0}}; },
                   {"EmbeddingBag", "embedding_dim 0"}),
      wrong_shape("PatchEmbedding",
                  [] {
                    return PatchEmbedding{{.in = 3, .width = 4}}(zeros({1, 3, 32, 20}));
                  },
                  {"PatchEmbedding", "[1, 3, 32, 20]", "multiples of 16", "resize or pad"}),
      wrong_dtype("PatchEmbedding",
                  [] {
                    return PatchEmbedding{{.in = 3, .width = 4}}(zeros({1, 3, 32, 32}, Dtype::uint8));
                  },
                  {"conv2d", "input of uint8", "to(x, Dtype::float32)"}),
      wrong_option("PatchEmbedding", [] { return PatchEmbedding{{.in = 3, .width = 4, .patch = 0}}; },
                   {"PatchEmbedding", "patch 0", "1 or more"}),
      wrong_option("PatchEmbedding", [] { return PatchEmbedding{{.in = 0, .width = 4}}; }, {"PatchEmbedding", "in 0"}),
  });
}

TEST(BasicLayerErrors, Dropout) {
  const Mode training(Mode::training);
  const Tensor x = zeros({2, 3}), integers = zeros({2, 3, 4}, Dtype::int64);
  const auto probability = [](const char* function) {
    return std::vector<std::string>{function, "probability 1.5", "0 <= p <= 1", "not to keep"};
  };
  const auto rank = [](const char* function, const char* axes) {
    return std::vector<std::string>{function, "[2, 3]", axes};
  };
  const auto type = [](const char* function) {
    return std::vector<std::string>{function, "input of int64", "to(x, Dtype::float32)"};
  };
  expect_refusals({
      wrong_option(
          "Dropout", [&] { return Dropout{1.5}(x); }, probability("dropout:")),
      wrong_dtype(
          "Dropout", [&] { return Dropout{}(integers); }, type("dropout:")),
      wrong_option(
          "Dropout1d", [&] { return Dropout1d{1.5}(x); }, probability("dropout1d:")),
      wrong_shape(
          "Dropout1d", [&] { return Dropout1d{}(x); }, rank("dropout1d:", "[batch, channel, length]")),
      wrong_dtype(
          "Dropout1d", [&] { return Dropout1d{}(integers); }, type("dropout1d:")),
      wrong_option(
          "Dropout2d", [&] { return Dropout2d{1.5}(x); }, probability("dropout2d:")),
      wrong_shape(
          "Dropout2d", [&] { return Dropout2d{}(x); }, rank("dropout2d:", "[batch, channel, height, width]")),
      wrong_dtype(
          "Dropout2d", [&] { return Dropout2d{}(integers); }, type("dropout2d:")),
      wrong_option(
          "Dropout3d", [&] { return Dropout3d{1.5}(x); }, probability("dropout3d:")),
      wrong_shape(
          "Dropout3d", [&] { return Dropout3d{}(x); }, rank("dropout3d:", "depth, height, width]")),
      wrong_dtype(
          "Dropout3d", [&] { return Dropout3d{}(integers); }, type("dropout3d:")),
      wrong_option(
          "AlphaDropout", [&] { return AlphaDropout{1.5}(x); }, probability("alpha_dropout:")),
      wrong_dtype(
          "AlphaDropout", [&] { return AlphaDropout{}(integers); }, type("alpha_dropout:")),
      wrong_option(
          "FeatureAlphaDropout", [&] { return FeatureAlphaDropout{1.5}(x); }, probability("feature_alpha_dropout:")),
      wrong_shape("FeatureAlphaDropout", [] { return FeatureAlphaDropout{}(zeros({3})); },
                  {"feature_alpha_dropout", "[3]", "[batch, channel, ...]"}),
      wrong_dtype(
          "FeatureAlphaDropout", [&] { return FeatureAlphaDropout{}(integers); }, type("feature_alpha_dropout:")),
      wrong_option(
          "DropPath", [&] { return DropPath{1.5}(x); }, probability("drop_path:")),
      wrong_shape("DropPath", [] { return DropPath{}(zeros({})); }, {"drop_path", "[]", "[batch, ...]"}),
      wrong_dtype(
          "DropPath", [&] { return DropPath{0.5}(integers); }, type("drop_path:")),
      wrong_option("Dropout", [&] { return Dropout{std::nan("")}(x); }, {"dropout", "probability nan"}),
  });
}

TEST(BasicLayerErrors, Wrappers) {
  const Hooked<Linear> hooked{three_to_two()};
  const WeightNorm<Linear> normed{three_to_two()};
  const SpectralNorm<Linear> spectral{three_to_two()};
  const std::vector<std::string> width{"linear", "input [4, 5]", "weight [2, 3]"};
  expect_refusals({
      wrong_shape(
          "Hooked",
          [&] {
            return hooked(zeros({4, 5}));
          },
          width),
      wrong_option("Hooked", [] { Hooked<Linear>{three_to_two()}.remove(7); },
                   {"Hooked::remove", "hook 7", "on_before"}),
      wrong_shape(
          "WeightNorm",
          [&] {
            return normed(zeros({4, 5}));
          },
          width),
      wrong_dtype("WeightNorm",
                  [&] {
                    return normed(zeros({4, 3}, Dtype::float64));
                  },
                  {"float64 and float32"}),
      wrong_option("WeightNorm",
                   [] {
                     return WeightNorm<Linear>{three_to_two(), 2};
                   },
                   {"WeightNorm", "axis 2 of a weight of shape [2, 3]", "-2 to 1"}),
      wrong_shape(
          "SpectralNorm",
          [&] {
            return spectral(zeros({4, 5}));
          },
          width),
      wrong_dtype("SpectralNorm",
                  [&] {
                    return spectral(zeros({4, 3}, Dtype::float64));
                  },
                  {"float64 and float32"}),
      wrong_option("SpectralNorm",
                   [] {
                     return SpectralNorm<Linear>{three_to_two(), {.iterations = 0}};
                   },
                   {"SpectralNorm", "iterations 0", "1 or more"}),
      wrong_option("SpectralNorm",
                   [] {
                     return SpectralNorm<Linear>{three_to_two(), {.epsilon = 0}};
                   },
                   {"SpectralNorm", "epsilon 0", "above 0"}),
      wrong_option("SpectralNorm",
                   [] {
                     return SpectralNorm<Linear>{three_to_two(), {.axis = 2}};
                   },
                   {"SpectralNorm", "axis 2 of a weight of shape [2, 3]"}),
  });
}

}  // namespace
}  // namespace joist
