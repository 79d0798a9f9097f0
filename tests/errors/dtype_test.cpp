// Integers and truth values given to functions that are made for floating-point numbers: refused by the function's name
// before any work, with the types that it takes and how to convert.
#include <joist/core/ops.h>
#include <joist/tests/support/refusals.h>

#include <gtest/gtest.h>

namespace joist {
namespace {

struct Function {
  std::string name;
  std::function<Tensor(const Tensor& x)> call;
  Shape shape{};  // of x
};

const Shape line{2, 4, 5}, picture{2, 4, 5, 5}, volume{2, 4, 5, 5, 5};

std::vector<Function> convolutions() {
  // Weights of x's type: it is not the mixture that is refused.
  const auto like = [](const Tensor& x, const Shape& shape) { return zeros(shape, x.dtype()); };
  return {
      {"conv1d",
       [=](auto& x) {
         return conv1d(x, like(x, {4, 4, 3}));
       },
       line},
      {"conv2d",
       [=](auto& x) {
         return conv2d(x, like(x, {4, 4, 3, 3}));
       },
       picture},
      {"conv2d",
       [=](auto& x) {
         return conv2d(x, like(x, {4, 4, 2, 2}), {}, Padding::same, {});
       },
       picture},
      {"conv3d",
       [=](auto& x) {
         return conv3d(x, like(x, {4, 4, 3, 3, 3}));
       },
       volume},
      {"conv_transpose1d",
       [=](auto& x) {
         return conv_transpose1d(x, like(x, {4, 4, 3}));
       },
       line},
      {"conv_transpose2d",
       [=](auto& x) {
         return conv_transpose2d(x, like(x, {4, 4, 3, 3}));
       },
       picture},
      {"conv_transpose3d",
       [=](auto& x) {
         return conv_transpose3d(x, like(x, {4, 4, 3, 3, 3}));
       },
       volume},
      {"unfold", [](auto& x) { return unfold(x, {}); }, picture},
      {"fold",
       [](auto& x) {
         return fold(x, 4, 4, {.kernel = {2, 2}});
       },
       {2, 8, 9}},
  };
}

std::vector<Function> poolings() {
  return {
      {"max_pool1d", [](auto& x) { return max_pool1d(x, {}); }, line},
      {"max_pool2d", [](auto& x) { return max_pool2d(x, {}); }, picture},
      {"max_pool3d", [](auto& x) { return max_pool3d(x, {}); }, volume},
      {"max_pool2d", [](auto& x) { return max_pool2d_with_indices(x, {}).first; }, picture},
      {"max_unpool2d", [](auto& x) { return max_unpool2d(x, zeros(x.shape(), Dtype::int64), {}); }, picture},
      {"avg_pool1d", [](auto& x) { return avg_pool1d(x, {}); }, line},
      {"avg_pool2d", [](auto& x) { return avg_pool2d(x, {}); }, picture},
      {"avg_pool3d", [](auto& x) { return avg_pool3d(x, {}); }, volume},
      {"lp_pool1d", [](auto& x) { return lp_pool1d(x, 2, {}); }, line},
      {"lp_pool2d", [](auto& x) { return lp_pool2d(x, 2, {}); }, picture},
      {"lp_pool3d", [](auto& x) { return lp_pool3d(x, 2, {}); }, volume},
      {"adaptive_avg_pool1d", [](auto& x) { return adaptive_avg_pool1d(x, {2}); }, line},
      {"adaptive_avg_pool2d", [](auto& x) { return adaptive_avg_pool2d(x, {2}); }, picture},
      {"adaptive_avg_pool3d", [](auto& x) { return adaptive_avg_pool3d(x, {2}); }, volume},
      {"adaptive_max_pool1d", [](auto& x) { return adaptive_max_pool1d(x, {2}); }, line},
      {"adaptive_max_pool2d", [](auto& x) { return adaptive_max_pool2d(x, {2}); }, picture},
      {"adaptive_max_pool3d", [](auto& x) { return adaptive_max_pool3d(x, {2}); }, volume},
      {"fractional_max_pool2d", [](auto& x) { return fractional_max_pool2d(x, {.output_size = {2}}); }, picture},
      {"global_average_pool", [](auto& x) { return global_average_pool(x); }, picture},
  };
}

std::vector<Function> resamplings() {
  const auto with = [](InterpolateMode mode) {
    return [mode](auto& x) { return interpolate(x, {.scale_factor = {2}, .mode = mode}); };
  };
  return {
      {"interpolate", with(InterpolateMode::nearest), picture},
      {"interpolate", with(InterpolateMode::nearest_exact), volume},
      {"interpolate", with(InterpolateMode::bilinear), picture},
      {"interpolate", with(InterpolateMode::bicubic), picture},
      {"interpolate", with(InterpolateMode::area), picture},
      {"interpolate", [](auto& x) { return interpolate(x, 8, 8); }, picture},
      {"grid_sample",
       [](auto& x) {
         return grid_sample(x, zeros({2, 3, 3, 2}, x.dtype()), {});
       },
       picture},
  };
}

std::vector<Function> normalizations() {
  return {
      {"batch_norm", [](auto& x) { return batch_norm(x, {}, {}, {}, {}, {}, true); }, picture},
      {"layer_norm", [](auto& x) { return layer_norm(x, {5}); }, picture},
      {"rms_norm", [](auto& x) { return rms_norm(x, {5}); }, picture},
      {"group_norm", [](auto& x) { return group_norm(x, 2); }, picture},
      {"instance_norm", [](auto& x) { return instance_norm(x); }, picture},
      {"local_response_norm", [](auto& x) { return local_response_norm(x, 3); }, picture},
      {"normalize", [](auto& x) { return normalize(x); }, picture},
      {"vector_norm", [](auto& x) { return vector_norm(x); }, picture},
      {"softmax", [](auto& x) { return softmax(x, 1); }, picture},
      {"log_softmax", [](auto& x) { return log_softmax(x, 1); }, picture},
      {"softmin", [](auto& x) { return softmin(x, 1); }, picture},
      {"sparsemax", [](auto& x) { return sparsemax(x, 1); }, picture},
      {"softmax_2d", [](auto& x) { return softmax_2d(x); }, picture},
      {"gumbel_softmax", [](auto& x) { return gumbel_softmax(x); }, picture},
      {"dropout", [](auto& x) { return dropout(x, 0.5, true); }, picture},
      {"mean", [](auto& x) { return mean(x); }, picture},
      {"var", [](auto& x) { return var(x); }, picture},
      {"scaled_dot_product_attention", [](auto& x) { return scaled_dot_product_attention(x, x, x); }, picture},
  };
}

void expect_floating(const std::vector<Function>& functions) {
  for (const Function& function : functions)
    for (const Dtype dtype : {Dtype::int64, Dtype::int32, Dtype::int8, Dtype::uint8, Dtype::boolean}) {
      const Tensor x = zeros(function.shape, dtype);
      expect_refusals({wrong_dtype(function.name, [&] { return function.call(x); },
                                   {function.name + ":", "of " + std::string(name_of(dtype)),
                                    "float32, float64, float16 or bfloat16", "to(x, Dtype::float32)"})});
    }
}

TEST(DtypeErrors, Convolutions) { expect_floating(convolutions()); }
TEST(DtypeErrors, Poolings) { expect_floating(poolings()); }
TEST(DtypeErrors, Resamplings) { expect_floating(resamplings()); }
TEST(DtypeErrors, Normalizations) { expect_floating(normalizations()); }

// The same calls with the types that the messages promise.
TEST(DtypeErrors, FloatingTypesAreTaken) {
  for (const auto& functions : {convolutions(), poolings(), resamplings(), normalizations()})
    for (const Function& function : functions)
      for (const Dtype dtype : {Dtype::float32, Dtype::float64, Dtype::float16, Dtype::bfloat16}) {
        SCOPED_TRACE(function.name + " of " + std::string(name_of(dtype)));
        EXPECT_NO_THROW(EXPECT_TRUE(is_floating(function.call(ones(function.shape, dtype)).dtype())));
      }
}

}  // namespace
}  // namespace joist
