// Transposed convolution.
#pragma once

#include <joist/core/fields.h>
#include <joist/core/ops.h>
#include <joist/layers/check.h>
#include <joist/layers/init.h>
#include <joist/layers/per_axis.h>
#include <joist/layers/required.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace joist {

struct ConvTransposeOptions {
  Required<std::int64_t> in;
  Required<std::int64_t> out;
  PerAxis kernel = 3;
  PerAxis stride = 1;
  PerAxis padding = 0;
  PerAxis output_padding = 0;
  PerAxis dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
};

/// torch.nn.ConvTranspose1d, 2d and 3d: [batch, in, length ...] -> [batch, out, length' ...].
template <int axes>
struct ConvTranspose {
  explicit ConvTranspose(const ConvTransposeOptions& given)
      : options{.stride = given.stride.on(axes, name(), "stride", 1),
                .padding = given.padding.on(axes, name(), "padding", 0),
                .output_padding = given.output_padding.on(axes, name(), "output_padding", 0),
                .dilation = given.dilation.on(axes, name(), "dilation", 1),
                .groups = given.groups},
        weight(init::fan_in_uniform(weight_shape(given))) {
    for (int i = 0; i < axes; ++i)
      if (options.output_padding[i] >= std::max(options.stride[i], options.dilation[i]))
        throw UsageError({.where = name(),
                          .what = "output_padding " + options.output_padding.text() + " with stride " +
                                  options.stride.text() + " and dilation " + options.dilation.text(),
                          .expected = "less than the stride or the dilation",
                          .remedy = "pad() the result"});
    if (given.bias)
      bias = init::uniform({given.out}, 1.0 / std::sqrt(static_cast<double>(weight.shape().elements(1, axes + 2))));
  }

  Tensor operator()(const Tensor& x) const {
    if constexpr (axes == 1) return conv_transpose1d(x, weight, bias, options);
    if constexpr (axes == 2) return conv_transpose2d(x, weight, bias, options);
    if constexpr (axes == 3) return conv_transpose3d(x, weight, bias, options);
  }
  auto fields() { return joist::fields("weight", weight, "bias", bias); }

  TransposedConvolutionOptions options;
  Parameter weight;  // [in, out/groups, kernel ...]
  Parameter bias{};  // [out]

 private:
  static std::string name() { return layer_name("ConvTranspose", axes); }
  static Shape weight_shape(const ConvTransposeOptions& given) {
    require_grouped(name(), given.in, given.out, given.groups);
    const Shape kernel = given.kernel.on(axes, name(), "kernel", 1);
    return kernel.inserted(0, given.out / given.groups).inserted(0, given.in);
  }
};
using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;
using ConvTranspose3d = ConvTranspose<3>;

}  // namespace joist
