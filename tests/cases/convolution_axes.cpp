// One and three spatial axes, transposed convolutions, padding by rule.
#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

using Function = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const ConvolutionOptions&);
using Transposed = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const TransposedConvolutionOptions&);

Case conv(const std::string& name, Function function, const Input& x, const Input& weight,
          const ConvolutionOptions& options = {}) {
  return {name, {x, weight, uniform({weight.shape[0]})}, [=](auto t) { return function(t[0], t[1], t[2], options); }};
}
Case transposed(const std::string& name, Transposed function, const Input& x, const Input& weight,
                const TransposedConvolutionOptions& options = {}) {
  return {name, {x, weight, uniform({weight.shape[1] * options.groups})}, [=](auto t) {
            return function(t[0], t[1], t[2], options);
          }};
}
Case large(Case one) {
  one.large = true;
  return one;
}

}  // namespace

Family convolution_axes_cases() {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  Family family{
      "convolution_axes",
      3e-6,
      {
          conv("conv1d", conv1d, uniform({2, 3, 9}), uniform({4, 3, 3})),
          conv("conv1d_options", conv1d, uniform({2, 4, 11}), uniform({6, 2, 3}),
               {.stride = {2}, .padding = {3}, .dilation = {2}, .groups = 2}),
          conv("conv1d_depthwise", conv1d, uniform({2, 5, 9}), uniform({5, 1, 4}), {.padding = {1}, .groups = 5}),
          conv("conv1d_one", conv1d, uniform({1, 1, 1}), uniform({1, 1, 1})),
          conv("conv1d_no_batch", conv1d, uniform({0, 3, 5}), uniform({4, 3, 3})),
          conv("conv1d_spaced", conv1d, in(Layout::spaced, uniform({2, 3, 7})), in(Layout::spaced, uniform({4, 3, 3}))),
          conv("conv1d_transposed_memory", conv1d, in(Layout::transposed, uniform({2, 3, 7})), uniform({4, 3, 3})),
          large(conv("conv1d_large", conv1d, uniform({2, 19, 301}), uniform({33, 19, 5}), {.padding = {2}})),
          conv("conv3d", conv3d, uniform({2, 2, 4, 3, 5}), uniform({3, 2, 2, 3, 2})),
          conv("conv3d_padded", conv3d, uniform({1, 2, 3, 4, 3}), uniform({3, 2, 3, 3, 3}), {.padding = {1}}),
          conv("conv3d_options", conv3d, uniform({1, 4, 5, 4, 6}), uniform({2, 2, 2, 1, 3}),
               {.stride = {2, 1, 2}, .padding = {1, 0, 2}, .dilation = {1, 1, 2}, .groups = 2}),
          conv("conv3d_depthwise", conv3d, uniform({2, 3, 3, 4, 3}), uniform({3, 1, 2, 3, 3}),
               {.padding = {1, 1, 1}, .groups = 3}),
          conv("conv3d_pointwise_stride", conv3d, uniform({2, 3, 4, 3, 5}), uniform({2, 3, 1, 1, 1}),
               {.stride = {2, 1, 3}}),
          conv("conv3d_beyond_padding", conv3d, uniform({1, 2, 2, 2, 2}), uniform({3, 2, 1, 1, 1}),
               {.padding = {2, 1, 0}}),
          conv("conv3d_one", conv3d, uniform({1, 1, 1, 1, 1}), uniform({1, 1, 1, 1, 1})),
          conv("conv3d_no_batch", conv3d, uniform({0, 2, 3, 3, 3}), uniform({3, 2, 2, 2, 2})),
          conv("conv3d_spaced", conv3d, in(Layout::spaced, uniform({1, 2, 3, 3, 4})),
               in(Layout::transposed, uniform({3, 2, 2, 2, 2}))),
          conv("conv3d_frozen_weight", conv3d, uniform({1, 2, 3, 3, 3}), constant(uniform({3, 2, 2, 2, 2}))),
          large(conv("conv3d_large", conv3d, uniform({2, 7, 9, 11, 10}), uniform({13, 7, 3, 3, 3}), {.padding = {1}})),
          transposed("conv_transpose1d", conv_transpose1d, uniform({2, 3, 5}), uniform({3, 4, 3})),
          transposed("conv_transpose1d_options", conv_transpose1d, uniform({2, 4, 5}), uniform({4, 3, 4}),
                     {.stride = {3}, .padding = {2}, .output_padding = {1}, .dilation = {2}, .groups = 2}),
          transposed("conv_transpose2d", conv_transpose2d, uniform({2, 3, 4, 5}), uniform({3, 4, 3, 2})),
          transposed("conv_transpose2d_double", conv_transpose2d, uniform({2, 3, 4, 5}), uniform({3, 4, 4, 4}),
                     {.stride = {2, 2}, .padding = {1, 1}}),
          transposed("conv_transpose2d_output_padding", conv_transpose2d, last({2, 3, 4, 5}), uniform({3, 4, 3, 3}),
                     {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}}),
          transposed("conv_transpose2d_dilation", conv_transpose2d, uniform({1, 3, 4, 3}), uniform({3, 2, 2, 3}),
                     {.padding = {1, 2}, .dilation = {3, 2}}),
          transposed("conv_transpose2d_wide_output_padding", conv_transpose2d, uniform({1, 3, 4, 3}),
                     uniform({3, 2, 2, 3}), {.padding = {0, 2}, .output_padding = {2, 1}, .dilation = {3, 2}}),
          transposed("conv_transpose2d_groups", conv_transpose2d, last({2, 4, 3, 3}), uniform({4, 3, 3, 3}),
                     {.stride = {2, 2}, .padding = {1, 1}, .groups = 2}),
          transposed("conv_transpose2d_depthwise", conv_transpose2d, last({2, 8, 3, 4}), uniform({8, 1, 3, 3}),
                     {.stride = {2, 2}, .groups = 8}),
          transposed("conv_transpose2d_one", conv_transpose2d, uniform({1, 1, 1, 1}), uniform({1, 1, 1, 1})),
          transposed("conv_transpose2d_no_batch", conv_transpose2d, uniform({0, 3, 4, 5}), uniform({3, 4, 3, 2})),
          transposed("conv_transpose2d_channel_slice", conv_transpose2d,
                     in(Layout::channel_slice, uniform({2, 4, 3, 5})), in(Layout::spaced, uniform({4, 3, 2, 2}))),
          transposed("conv_transpose2d_frozen", conv_transpose2d, constant(uniform({2, 3, 4, 5})),
                     uniform({3, 4, 3, 2})),
          transposed("conv_transpose2d_frozen_weight", conv_transpose2d, uniform({2, 3, 4, 5}),
                     constant(uniform({3, 4, 3, 2}))),
          large(transposed("conv_transpose2d_large", conv_transpose2d, last({2, 19, 11, 13}), uniform({19, 33, 4, 4}),
                           {.stride = {2, 2}, .padding = {1, 1}})),
          transposed("conv_transpose3d", conv_transpose3d, uniform({1, 2, 3, 2, 3}), uniform({2, 3, 2, 3, 2})),
          transposed("conv_transpose3d_options", conv_transpose3d, uniform({1, 4, 2, 3, 2}), uniform({4, 2, 3, 2, 2}),
                     {.stride = {2, 1, 2}, .padding = {1, 0, 1}, .output_padding = {1, 0, 0}, .groups = 2}),
      }};
  const auto add = [&](const std::string& name, std::vector<Input> inputs, auto run) {
    family.cases.push_back({name, std::move(inputs), run});
  };
  add("conv1d_same", {uniform({2, 3, 8}), uniform({4, 3, 4}), uniform({4})},
      [](auto t) { return conv1d(t[0], t[1], t[2], Padding::same, {.dilation = {2}}); });
  add("conv2d_same", {last({2, 3, 5, 6}), uniform({4, 3, 2, 3})},
      [](auto t) { return conv2d(t[0], t[1], {}, Padding::same); });
  add("conv2d_same_even", {last({2, 3, 5, 6}), uniform({4, 3, 3, 5})},
      [](auto t) { return conv2d(t[0], t[1], {}, Padding::same); });
  add("conv2d_valid", {uniform({2, 3, 5, 6}), uniform({4, 3, 2, 3})}, [](auto t) {
    return conv2d(t[0], t[1], {}, Padding::valid, {.stride = {2, 2}, .padding = {1, 1}});
  });
  add("conv3d_same", {uniform({1, 2, 3, 4, 3}), uniform({2, 2, 2, 3, 1})},
      [](auto t) { return conv3d(t[0], t[1], {}, Padding::same); });
  add("conv2d_with_itself", {uniform({2, 2, 3, 3})}, [](auto t) { return conv2d(t[0], t[0]); });
  add("conv_transpose2d_with_itself", {uniform({2, 2, 3, 3})}, [](auto t) { return conv_transpose2d(t[0], t[0]); });
  add("conv_transpose2d_no_bias", {uniform({2, 3, 4, 5}), uniform({3, 4, 3, 2})},
      [](auto t) { return conv_transpose2d(t[0], t[1]); });
  return family;
}

}  // namespace joist::cases
