#include <joist/core/checkpoint.h>
#include <joist/core/custom.h>
#include <joist/core/hooks.h>
#include <joist/tests/cases/cases.h>

namespace joist::cases {

Family composition_cases() {
  Family family{"composition", 5e-6, {}};
  auto& cases = family.cases;
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run) {
    cases.push_back({name, std::move(inputs), run});
  };
  const ConvolutionOptions padded{.padding = {1, 1}};
  const Input picture = in(Layout::channels_last, uniform({2, 4, 5, 6}));

  add("shared_result", {uniform({4, 5})}, [](auto t) {
    const Tensor y = sigmoid(t[0]);
    return y * y + y;
  });
  add("shared_input", {uniform({4, 5})}, [](auto t) { return t[0] * sigmoid(t[0]) - t[0]; });
  // The gradient of `y` arrives as a view first, then as a sum: the view must not be written to.
  add("view_then_sum", {uniform({4, 6})}, [](auto t) {
    const Tensor y = silu(t[0]);
    const Tensor z = tanh(y);
    return std::vector{y + z, transpose(y, 0, 1), reshape(y, {24})};
  });
  add("add_twice", {uniform({4, 5})}, [](auto t) {
    const Tensor y = silu(t[0]);
    return (y + y) + (y + t[0]);
  });
  add("slices_overlap", {uniform({4, 6})}, [](auto t) {
    const Tensor y = silu(t[0]);
    return slice(y, 1, 0, 4) * slice(y, 1, 1, 5) + slice(y, 1, 2, 6);
  });
  add("expand_and_add", {uniform({3, 1})}, [](auto t) { return expand(t[0], {3, 4}) + expand(t[0], {3, 4}); });
  add("sum_of_transposed", {uniform({4, 5})}, [](auto t) { return sum(transpose(silu(t[0]), 0, 1), {0}); });
  add("unused_branch", {uniform({4, 5})}, [](auto t) {
    const Tensor unused = exp(t[0]);
    return square(t[0]);
  });
  add("residual_block", {picture, uniform({4, 4, 3, 3}, -0.5, 0.5), uniform({4}, 0.5, 1.5), uniform({4}, -1, 1)},
      [padded](auto t) {
        const Tensor mean = Tensor::zeros({4}, t[0].dtype(), t[0].device());
        const Tensor variance = Tensor::full({4}, 1, t[0].dtype(), t[0].device());
        const BatchNormOptions options{.activation = Silu{}};
        return t[0] + batch_norm(conv2d(t[0], t[1], {}, padded), t[2], t[3], mean, variance, options, true);
      });
  add("split_block", {picture, uniform({2, 2, 3, 3}, -0.5, 0.5)}, [padded](auto t) {
    const auto halves = chunk(silu(t[0]), 2, 1);
    return concat({halves[0], halves[1], relu(conv2d(halves[1], t[1], {}, padded))}, 1);
  });
  add("pyramid_block", {picture}, [](auto t) {
    const PoolOptions options{.kernel = {5, 5}, .stride = {1, 1}, .padding = {2, 2}};
    const Tensor a = max_pool2d(t[0], options), b = max_pool2d(a, options);
    return concat({t[0], a, b}, 1);
  });
  add("upsample_block",
      {in(Layout::channels_last, uniform({1, 3, 2, 3})), in(Layout::channels_last, uniform({1, 2, 4, 6}))}, [](auto t) {
        return concat({interpolate(t[0], 4, 6), t[1]}, 1);
      });
  add("head_block",
      {in(Layout::channels_last, uniform({2, 8, 3, 2})), in(Layout::channels_last, uniform({2, 8, 1, 2}))}, [](auto t) {
        const Tensor rows = concat({flatten(t[0], 2), flatten(t[1], 2)}, 2);
        return softmax(permute(reshape(rows, {2, 2, 4, 8}), {0, 3, 1, 2}), -1);
      });
  add("checkpoint", {uniform({3, 4}), uniform({4, 4})}, [](auto t) {
    const Tensor x = sin(t[0]);
    const auto part = [w = t[1]](std::span<const Tensor> in) { return tanh(matmul(in[0], w)) * in[0] + in[0]; };
    return checkpoint(part, {x}) * x;
  });
  add("register_hook", {uniform({3, 4})}, [](auto t) {
    const Tensor x = sin(t[0]);
    if (x.requires_grad()) register_hook(x, [](const Array&) { return Array(); });
    return x * x + tanh(x);
  });
  add("custom", {uniform({3, 4}), uniform({3, 4})}, [](auto t) {
    return custom(
        "product", {sin(t[0]), t[1]},
        [](CustomContext& context, std::span<const Tensor> x) {
          context.save(x);
          return x[0] * x[1];
        },
        [](const CustomContext& context, std::span<const Tensor> dy) {
          return std::vector{dy[0] * context.saved(1), dy[0] * context.saved(0)};
        });
  });
  add("alias", {uniform({3, 4})}, [](auto t) {
    const Tensor x = alias(sin(t[0]));
    return x * alias(x);
  });
  add("attention_block", {uniform({2, 5, 4}), uniform({2, 5, 4}), uniform({2, 5, 4})},
      [](auto t) { return matmul(softmax(matmul(t[0], transpose(t[1], 1, 2)) * 0.5, -1), t[2]); });
  return family;
}

}  // namespace joist::cases
