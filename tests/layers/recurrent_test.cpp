// Names, shapes and numbers of parameters as torch.nn has them, initial values, modes, and that a batch can be learned.
#include <joist/core/ops.h>
#include <joist/layers/conv_lstm.h>
#include <joist/layers/recurrent.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

template <class Model>
std::vector<std::string> names_of(Model& model) {
  std::vector<std::string> names;
  for (const Field& field : fields_of(model)) names.push_back(field.name + " " + field.tensor.shape().text());
  return names;
}

struct Model {
  RNN encoder{{.in = 3, .hidden = 4}};
  LSTMCell cell{{.in = 4, .hidden = 5}};
};

TEST(RecurrentLayers, StateHasPyTorchsNamesAndShapes) {
  LSTM lstm({.in = 3, .hidden = 4, .layers = 2, .bidirectional = true, .projection = 2});
  EXPECT_EQ(names_of(lstm), (std::vector<std::string>{"weight_ih_l0 [16, 3]",
                                                      "weight_hh_l0 [16, 2]",
                                                      "bias_ih_l0 [16]",
                                                      "bias_hh_l0 [16]",
                                                      "weight_hr_l0 [2, 4]",
                                                      "weight_ih_l0_reverse [16, 3]",
                                                      "weight_hh_l0_reverse [16, 2]",
                                                      "bias_ih_l0_reverse [16]",
                                                      "bias_hh_l0_reverse [16]",
                                                      "weight_hr_l0_reverse [2, 4]",
                                                      "weight_ih_l1 [16, 4]",
                                                      "weight_hh_l1 [16, 2]",
                                                      "bias_ih_l1 [16]",
                                                      "bias_hh_l1 [16]",
                                                      "weight_hr_l1 [2, 4]",
                                                      "weight_ih_l1_reverse [16, 4]",
                                                      "weight_hh_l1_reverse [16, 2]",
                                                      "bias_ih_l1_reverse [16]",
                                                      "bias_hh_l1_reverse [16]",
                                                      "weight_hr_l1_reverse [2, 4]"}));
  GRU gru({.in = 3, .hidden = 4, .bias = false});
  EXPECT_EQ(names_of(gru), (std::vector<std::string>{"weight_ih_l0 [12, 3]", "weight_hh_l0 [12, 4]"}));
  Model model;
  EXPECT_EQ(names_of(model),
            (std::vector<std::string>{"encoder.weight_ih_l0 [4, 3]", "encoder.weight_hh_l0 [4, 4]",
                                      "encoder.bias_ih_l0 [4]", "encoder.bias_hh_l0 [4]", "cell.weight_ih [20, 4]",
                                      "cell.weight_hh [20, 5]", "cell.bias_ih [20]", "cell.bias_hh [20]"}));
}

TEST(RecurrentLayers, StartUniformWithinTheRootOfHidden) {
  LSTM lstm({.in = 30, .hidden = 16});
  for (const Field& field : fields_of(lstm)) {
    float largest = 0;
    for (const float value : field.tensor.value().to_vector<float>()) largest = std::max(largest, std::abs(value));
    EXPECT_LE(largest, 0.25F) << field.name;
    EXPECT_GT(largest, 0.2F) << field.name;
  }
}

TEST(RecurrentLayers, CloneHasMemoryOfItsOwn) {
  LSTM lstm({.in = 3, .hidden = 4});
  LSTM copy = clone(lstm);
  const Tensor x = ones({2, 1, 3});
  const auto before = lstm(x).output.value().to_vector<float>();
  EXPECT_EQ(copy(x).output.value().to_vector<float>(), before);
  copy.parameters.named[0].second = Parameter(zeros({16, 3}).value());
  EXPECT_NE(copy(x).output.value().to_vector<float>(), before);
  EXPECT_EQ(lstm(x).output.value().to_vector<float>(), before);
}

TEST(RecurrentLayers, DropoutActsBetweenLayersWhileTraining) {
  manual_seed(3);
  const Tensor x = rand({4, 2, 3});
  const GRU one({.in = 3, .hidden = 8, .dropout = 0.5}), two({.in = 3, .hidden = 8, .layers = 2, .dropout = 0.5});
  const auto run = [&](const GRU& gru) { return gru(x).output.value().to_vector<float>(); };
  EXPECT_EQ(run(one), run(one));
  EXPECT_NE(run(two), run(two));
  const Mode evaluation(Mode::evaluation);
  EXPECT_EQ(run(two), run(two));
}

// A padded batch gives what each sequence gives alone.
TEST(RecurrentLayers, PaddingChangesNothing) {
  const LSTM lstm({.in = 3, .hidden = 4, .layers = 2, .bidirectional = true});
  const Tensor x = rand({5, 3, 3}, -1, 1);
  const std::vector<std::int64_t> lengths{3, 5, 1};
  const SequenceOutput batch = lstm(x, {}, {}, tensor(lengths, {3}));
  for (std::int64_t b = 0; b < 3; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    const SequenceOutput alone = lstm(slice(slice(x, 1, b, b + 1), 0, 0, length));
    const auto same = [](const Tensor& a, const Tensor& wanted) {
      const auto left = a.value().to_vector<float>(), right = wanted.value().to_vector<float>();
      ASSERT_EQ(left.size(), right.size());
      for (std::size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], right[i], 1e-6F);
    };
    same(slice(slice(batch.output, 1, b, b + 1), 0, 0, length), alone.output);
    same(slice(batch.h, 1, b, b + 1), alone.h);
    same(slice(batch.c, 1, b, b + 1), alone.c);
    for (const float value : slice(slice(batch.output, 1, b, b + 1), 0, length, 5).value().to_vector<float>())
      EXPECT_EQ(value, 0);
  }
}

// Half precision calculates in float32 between steps.
TEST(RecurrentLayers, HalfPrecision) {
  const LSTM lstm({.in = 3, .hidden = 4});
  const Tensor x = rand({5, 2, 3}, -1, 1);
  const auto weights = lstm.parameters.weights();
  RecurrentWeights half;
  const auto to_half = [](const Tensor& t) {
    Tensor h(to(t, Dtype::bfloat16).value(), true);
    return h;
  };
  half = {to_half(weights[0].w_ih), to_half(weights[0].w_hh), to_half(weights[0].b_ih), to_half(weights[0].b_hh)};
  const SequenceOutput wide = lstm(x), narrow = joist::lstm(to(x, Dtype::bfloat16), {&half, 1});
  EXPECT_EQ(narrow.output.dtype(), Dtype::bfloat16);
  const auto left = to(narrow.output, Dtype::float32).value().to_vector<float>();
  const auto right = wide.output.value().to_vector<float>();
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], right[i], 0.02F);
  sum(wide.output * wide.output).backward();
  sum(narrow.output * narrow.output).backward();
  const auto wanted = weights[0].w_hh.gradient().to_vector<float>();
  const auto got = to(Tensor(half.w_hh.gradient()), Dtype::float32).value().to_vector<float>();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 0.05F);
}

// The sum of a sequence's numbers, which only a memory can know.
TEST(RecurrentLayers, LearnABatch) {
  manual_seed(1);
  LSTM lstm({.in = 1, .hidden = 12});
  Parameter readout(rand({1, 12}, -0.3, 0.3).value());
  const Tensor x = rand({8, 16, 1}, -1, 1);
  const Tensor target = sum(x, {0});
  std::vector<Field> fields = fields_of(lstm);
  fields.push_back({"readout", readout, true});
  double first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor error = matmul(slice(lstm(x).output, 0, 7, 8), transpose(readout, 0, 1)) - target;
    const Tensor loss = mean(error * error);
    for (const Field& field : fields) field.tensor.clear_gradient();
    loss.backward();
    for (const Field& field : fields) {
      float* const value = field.tensor.value().data<float>();
      const auto gradient = field.tensor.gradient().to_vector<float>();
      for (std::size_t i = 0; i < gradient.size(); ++i) value[i] -= 0.3F * gradient[i];
    }
    (step == 0 ? first : last) = loss.item();
  }
  EXPECT_GT(first, 0.5);
  EXPECT_LT(last, 0.2 * first);
}

TEST(ConvLSTMLayer, NamesAndShapes) {
  ConvLSTM layer({.in = 2, .hidden = 3, .height = 5, .width = 6});
  EXPECT_EQ(names_of(layer), (std::vector<std::string>{"cell.conv_x.weight [12, 2, 3, 3]", "cell.conv_x.bias [12]",
                                                       "cell.conv_h.weight [12, 3, 3, 3]", "cell.weight_ci [3, 5, 6]",
                                                       "cell.weight_cf [3, 5, 6]", "cell.weight_co [3, 5, 6]"}));
  const SequenceOutput result = layer(rand({4, 2, 2, 5, 6}));
  EXPECT_EQ(result.output.shape(), (Shape{4, 2, 3, 5, 6}));
  EXPECT_EQ(result.h.shape(), (Shape{2, 3, 5, 6}));
  EXPECT_EQ(result.c.shape(), (Shape{2, 3, 5, 6}));
}

}  // namespace
}  // namespace joist
