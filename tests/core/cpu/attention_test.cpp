// Attention's results do not depend on how its blocks are shared out, and 16-bit inputs lose no more than their own
// rounding.
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/threads.h>

#include <cmath>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Inputs {
  Tensor q, k, v, mask;
};
// One sequence of keys for three heads: with one thread all gradients come from one pass, with more from two.
Inputs inputs(Dtype dtype = Dtype::float32) {
  manual_seed(4);
  const auto leaf = [dtype](const Shape& shape) {
    const Tensor x = to(randn(shape), dtype).detach();
    x.set_requires_grad(true);
    return x;
  };
  return {leaf({1, 3, 211, 20}), leaf({1, 1, 300, 20}), leaf({1, 1, 300, 24}), leaf({1, 3, 211, 300})};
}

std::vector<std::vector<float>> results(const Inputs& in, const AttentionOptions& options) {
  const Tensor y = scaled_dot_product_attention(in.q, in.k, in.v, options, in.mask);
  manual_seed(9);
  sum(y * to(randn(y.shape()), y.dtype())).backward();
  std::vector<std::vector<float>> all{to(y.detach(), Dtype::float32).value().to_vector<float>()};
  for (const Tensor& x : {in.q, in.k, in.v, in.mask})
    all.push_back(to(Tensor(x.gradient()), Dtype::float32).value().to_vector<float>());
  return all;
}

class ThreadsRestored : public testing::Test {
  int before_ = threads();
  void TearDown() override { set_threads(before_); }
};
using AttentionBlocks = ThreadsRestored;

TEST_F(AttentionBlocks, SameBitsWithAnyNumberOfThreads) {
  for (const AttentionOptions& options :
       {AttentionOptions{}, AttentionOptions{.causal = true, .align_end = true},
        AttentionOptions{.window = 40, .dropout = 0.25, .key = {.seed = 3, .stream = Stream::dropout}}}) {
    set_threads(1);
    const auto wanted = results(inputs(), options);
    for (const int count : {2, 3, 5}) {
      set_threads(count);
      EXPECT_EQ(results(inputs(), options), wanted) << count << " threads";
    }
  }
}

TEST_F(AttentionBlocks, HalfPrecisionIsRoundedOnlyAtTheEnds) {
  for (const auto& [dtype, tolerance] : {std::pair{Dtype::float16, 2e-3F}, {Dtype::bfloat16, 1.6e-2F}}) {
    const Inputs half = inputs(dtype);
    Inputs wide = half;
    for (Tensor* x : {&wide.q, &wide.k, &wide.v, &wide.mask}) {
      *x = to(x->detach(), Dtype::float32);
      x->set_requires_grad(true);
    }
    const auto got = results(half, {.causal = true}), wanted = results(wide, {.causal = true});
    for (std::size_t i = 0; i < got.size(); ++i) {
      float largest = 0, difference = 0;
      for (std::size_t k = 0; k < wanted[i].size(); ++k) {
        largest = std::max(largest, std::abs(wanted[i][k]));
        difference = std::max(difference, std::abs(got[i][k] - wanted[i][k]));
      }
      EXPECT_LE(difference, tolerance * largest) << name_of(dtype) << ", result " << i;
    }
  }
}

}  // namespace
}  // namespace joist
