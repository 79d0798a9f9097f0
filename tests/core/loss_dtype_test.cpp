// Losses and the softmax family keep the element type of what they are given: 16-bit results are float32's, rounded;
// float64 keeps its digits.
#include <joist/core/mode.h>
#include <joist/core/ops.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Named {
  std::string name;
  std::function<Tensor(const Tensor& x, const Tensor& y)> run;  // x, y [6, 5] in [1/16, 1)
};

std::vector<Named> functions() {
  const Tensor labels = tensor(std::vector<std::int64_t>{0, 4, 2, 2, 1, 3}, {6});
  const auto weight = [](const Tensor& x) { return to(tensor(std::vector<float>{1, 2, 0.5, 1, 3}, {5}), x.dtype()); };
  return {
      {"cross_entropy", [=](auto& x, auto&) { return cross_entropy(x, labels); }},
      {"cross_entropy_weighted",
       [=](auto& x, auto&) { return cross_entropy(x, labels, {.weight = weight(x), .label_smoothing = 0.1}); }},
      {"cross_entropy_soft", [=](auto& x, auto& y) { return cross_entropy(x, y, {.weight = weight(x)}); }},
      {"nll_loss", [=](auto& x, auto&) { return nll_loss(x, labels, {.weight = weight(x)}); }},
      {"binary_cross_entropy", [](auto& x, auto& y) { return binary_cross_entropy(x, y); }},
      {"binary_cross_entropy_with_logits",
       [=](auto& x, auto& y) { return binary_cross_entropy_with_logits(x, y, {.pos_weight = weight(x)}); }},
      {"sigmoid_focal_loss", [](auto& x, auto& y) { return sigmoid_focal_loss(x, y); }},
      {"mse_loss", [](auto& x, auto& y) { return mse_loss(x, y); }},
      {"smooth_l1_loss", [](auto& x, auto& y) { return smooth_l1_loss(x, y); }},
      {"gaussian_nll_loss", [](auto& x, auto& y) { return gaussian_nll_loss(x, y, y + 1.0); }},
      {"poisson_nll_loss", [](auto& x, auto& y) { return poisson_nll_loss(x, y, {.full = true}); }},
      {"multi_margin_loss", [=](auto& x, auto&) { return multi_margin_loss(x, labels); }},
      {"triplet_margin_loss", [](auto& x, auto& y) { return triplet_margin_loss(x, y, x * 2.0 - y); }},
      {"info_nce_loss", [](auto& x, auto& y) { return info_nce_loss(x, y, 0.5); }},
      {"nt_xent_loss", [](auto& x, auto& y) { return nt_xent_loss(x, y); }},
      {"dice_loss", [](auto& x, auto& y) { return dice_loss(x, y); }},
      {"ctc_loss",
       [](auto& x, auto&) {
         const auto numbers = [](std::int64_t value) { return tensor(std::vector<std::int64_t>{value}, {1}); };
         return ctc_loss(reshape(log_softmax(x, 1), {6, 1, 5}), numbers(3), numbers(6), numbers(1));
       }},
      {"softmin", [](auto& x, auto&) { return softmin(x, 1); }},
      {"sparsemax", [](auto& x, auto&) { return sparsemax(x, 1); }},
      {"gumbel_softmax",
       [](auto& x, auto&) {
         manual_seed(1);
         return gumbel_softmax(x);
       }},
  };
}

// The function's result and the gradient of x, as double.
std::pair<std::vector<double>, std::vector<double>> computed(const Named& function, Dtype dtype) {
  manual_seed(9);
  const Tensor drawn = rand({6, 5}, 0.0625, 1), other = rand({6, 5}, 0.0625, 1);
  // Exact in bfloat16, so that all types start from the same numbers.
  const auto exact = [dtype](const Tensor& t) { return to(to(t, Dtype::bfloat16), dtype).value(); };
  const Tensor x(exact(drawn), true), y(exact(other));
  const Tensor result = function.run(x, y);
  EXPECT_EQ(result.dtype(), dtype);
  sum(square(result)).backward();
  EXPECT_EQ(x.gradient().dtype(), dtype);
  const auto wide = [](const Array& array) {
    return to(contiguous(Tensor(array)), Dtype::float64).value().to_vector<double>();
  };
  return {wide(result.value()), wide(x.gradient())};
}

void expect_close(const std::vector<double>& got, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  double largest = 1;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(got[i], wanted[i], tolerance * largest) << i;
}

TEST(LossDtypes, AgreeWithFloat64) {
  for (const Named& function : functions()) {
    SCOPED_TRACE(function.name);
    const auto wanted = computed(function, Dtype::float64);
    for (const auto& [dtype, tolerance] :
         {std::pair(Dtype::float32, 3e-6), std::pair(Dtype::float16, 5e-3), std::pair(Dtype::bfloat16, 4e-2)}) {
      SCOPED_TRACE(name_of(dtype));
      const auto got = computed(function, dtype);
      expect_close(got.first, wanted.first, tolerance);
      expect_close(got.second, wanted.second, tolerance);
    }
  }
}

}  // namespace
}  // namespace joist
