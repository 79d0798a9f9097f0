#include <joist/tests/cases/cases.h>

namespace joist::cases {
namespace {

Case conv(const std::string& name, const Input& x, const Input& weight, const ConvolutionOptions& options = {}) {
  return {
      name, {x, weight, uniform({weight.shape[0]})}, [options](auto t) { return conv2d(t[0], t[1], t[2], options); }};
}
Case large(Case one) {
  one.large = true;
  return one;
}
// x, gamma, beta, running mean and variance, weight -> y and the running statistics.
Case normalized(const std::string& name, const Input& x, const Input& weight, const Unary& activation,
                const ConvolutionOptions& options = {}) {
  const Shape channels{x.shape[1]};
  return {"normalized_" + name,
          {x, uniform(channels, 0.5, 1.5), uniform(channels, -1, 1), constant(uniform(channels, -1, 1)),
           constant(uniform(channels, 0.5, 2)), weight},
          [options, activation](auto t) {
            const BatchNormOptions normalization{.activation = activation};
            return std::vector{normalized_conv2d(t[0], t[1], t[2], t[3], t[4], normalization, true, t[5], options),
                               t[3], t[4]};
          }};
}
Case frozen(Case one, std::size_t input) {
  one.inputs[input].gradient = false;
  one.name += "_frozen_" + std::to_string(input);
  return one;
}
// Each convolution hands the sums of its results on to the normalization behind it: x, two 1x1 weights with a depthwise
// one between, vectors -> y and the running statistics.
Case chain(const std::string& name, const Input& x, std::int64_t middle, std::int64_t out) {
  const Shape inner{middle}, last{out};
  return {"normalized_chain_" + name,
          {x, uniform({middle, x.shape[1], 1, 1}), uniform({middle, 1, 3, 3}), uniform({out, middle, 1, 1}),
           uniform(inner, 0.5, 1.5), uniform(inner, -1, 1), uniform(last, 0.5, 1.5), constant(uniform(last, -1, 1)),
           constant(uniform(last, 0.5, 2)), constant(uniform(inner, -1, 1)), constant(uniform(inner, 0.5, 2))},
          [middle](auto t) {
            const BatchNormOptions smooth{.activation = Silu{}};
            ChannelSums first, second, third;
            const Tensor a = conv2d(t[0], t[1], {}, {}, &first);
            const Tensor b = normalized_conv2d(a, t[4], t[5], t[9], t[10], smooth, true, t[2],
                                               {.padding = {1, 1}, .groups = middle}, &first, &second);
            const Tensor c = normalized_conv2d(b, t[5], t[4], {}, {}, smooth, true, t[3], {}, &second, &third);
            return std::vector{batch_norm(c, t[6], {}, t[7], t[8], {}, true, &third), t[7], t[8], t[9], t[10]};
          }};
}
// A 1x1 convolution whose gradient is late: that of the normalization behind it, computed as it is read. x, a widening
// weight, a depthwise one, vectors, running statistics -> y, and the convolution's result used elsewhere too: nowhere,
// before (what is late is computed when more arrives) or afterwards (nothing is late).
enum class Elsewhere { nowhere, before, afterwards };
Case late(const std::string& name, const Input& x, std::int64_t middle, const Shape& kernel,
          const ConvolutionOptions& options = {}, Elsewhere elsewhere = Elsewhere::nowhere) {
  const Shape inner{middle};
  return {"late_" + name,
          {x, uniform({middle, x.shape[1], 1, 1}), uniform({middle, 1, kernel[0], kernel[1]}), uniform(inner, 0.5, 1.5),
           uniform(inner, -1, 1), constant(uniform(inner, -1, 1)), constant(uniform(inner, 0.5, 2))},
          [middle, options, elsewhere](auto t) {
            const BatchNormOptions smooth{.activation = Silu{}};
            ConvolutionOptions depthwise = options;
            depthwise.groups = middle;
            ChannelSums first, second;
            const Tensor a = conv2d(t[0], t[1], {}, {}, &first);
            const Tensor before = elsewhere == Elsewhere::before ? a * a : Tensor();
            std::vector<Tensor> results{
                normalized_conv2d(a, t[3], t[4], t[5], t[6], smooth, true, t[2], depthwise, &first, &second)};
            if (elsewhere == Elsewhere::before) results.push_back(before);
            if (elsewhere == Elsewhere::afterwards) results.push_back(a * a);
            return results;
          }};
}
// The same by batch_norm() alone.
Case late_normalization(const std::string& name, const Input& x, std::int64_t out, const Unary& activation) {
  const Shape channels{out};
  return {"late_normalization_" + name,
          {x, uniform({out, x.shape[1], 1, 1}), uniform(channels, 0.5, 1.5), uniform(channels, -1, 1)},
          [activation](auto t) {
            ChannelSums sums;
            const Tensor a = conv2d(t[0], t[1], {}, {}, &sums);
            return batch_norm(a, t[2], t[3], {}, {}, {.activation = activation}, true, &sums);
          }};
}
void add_late(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const ConvolutionOptions same{.padding = {1, 1}}, strided{.stride = {2, 2}, .padding = {2, 2}};
  const Case small = late("small", last({3, 3, 7, 6}), 6, {3, 3}, same);
  cases.push_back(small);
  for (std::size_t input : {0, 1, 2, 3}) cases.push_back(frozen(small, input));
  cases.push_back(late("twice_before", last({3, 3, 7, 6}), 6, {3, 3}, same, Elsewhere::before));
  cases.push_back(late("twice_afterwards", last({3, 3, 7, 6}), 6, {3, 3}, same, Elsewhere::afterwards));
  cases.push_back(late("narrowing", last({3, 6, 7, 6}), 4, {3, 3}, same));
  cases.push_back(late("row_major", uniform({3, 3, 7, 6}), 6, {3, 3}, same));
  cases.push_back(late("strided", last({2, 3, 8, 7}), 7, {5, 5}, strided));
  cases.push_back(late("padding_beyond_kernel", last({2, 3, 4, 5}), 6, {1, 2}, {.padding = {2, 3}}));
  cases.push_back(large(late("wide", last({3, 33, 17, 13}), 530, {3, 3}, same)));
  // More than the caches hold: results are written past them.
  cases.push_back(large(late("past_caches", last({16, 4, 131, 127}), 32, {3, 3}, strided)));
  cases.push_back(late_normalization("small", last({3, 3, 7, 6}), 6, Silu{}));
  cases.push_back(late_normalization("not_fused", last({3, 3, 7, 6}), 6, HyperbolicTangent{}));
  cases.push_back(large(late_normalization("large", last({3, 33, 17, 13}), 70, Relu{})));
}
// x, vectors, running statistics -> what squeeze and excitation makes of a normalization and its means. `widening`: x
// is a 1x1 convolution's result, whose gradient is late. `only`: 0 or 1 of the two results are used.
Case pooled(const std::string& name, const Input& x, const Unary& activation, std::int64_t widening = 0,
            int only = -1) {
  const Shape channels{widening > 0 ? widening : x.shape[1]};
  std::vector<Input> inputs{x, uniform(channels, 0.5, 1.5), uniform(channels, -1, 1),
                            constant(uniform(channels, -1, 1)), constant(uniform(channels, 0.5, 2))};
  if (widening > 0) inputs.push_back(uniform({widening, x.shape[1], 1, 1}));
  return {"pooled_" + name, inputs, [activation, widening, only](auto t) {
            ChannelSums sums;
            const Tensor a = widening > 0 ? conv2d(t[0], t[5], {}, {}, &sums) : t[0];
            const Pooled y = pooled_batch_norm(a, t[1], t[2], t[3], t[4], {.activation = activation}, true, &sums);
            std::vector<Tensor> results{t[3], t[4]};
            if (only != 1) results.push_back(y.values * (only == 0 ? y.values : y.mean));
            if (only != 0) results.push_back(y.mean * y.mean);
            return results;
          }};
}
void add_pooled(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const Case small = pooled("small", last({5, 3, 4, 3}), Silu{});
  cases.push_back(small);
  for (std::size_t input : {0, 1, 2}) cases.push_back(frozen(small, input));
  cases.push_back(pooled("values_only", last({5, 3, 4, 3}), Silu{}, 0, 0));
  cases.push_back(pooled("mean_only", last({5, 3, 4, 3}), Silu{}, 0, 1));
  cases.push_back(pooled("mean_only_late", last({5, 3, 4, 3}), Silu{}, 7, 1));
  cases.push_back(pooled("late", last({5, 3, 4, 3}), HardSwish{}, 7));
  cases.push_back(pooled("one_pixel", last({20, 3, 1, 1}), Relu{}));
  cases.push_back(pooled("one_picture", last({1, 3, 4, 3}), Silu{}));
  cases.push_back(pooled("row_major", uniform({5, 3, 4, 3}), Silu{}));
  cases.push_back(pooled("not_fused", last({5, 3, 4, 3}), HyperbolicTangent{}));
  cases.push_back(large(pooled("large", last({18, 70, 13, 17}), Silu{})));
  cases.push_back(large(pooled("wide_late", last({18, 33, 5, 7}), Silu{}, 530)));
}
// x, gates, weight -> y, normalized with its sums.
Case gated(const std::string& name, const Input& x, const Input& gates, std::int64_t out) {
  return {"gated_" + name, {x, gates, uniform({out, x.shape[1], 1, 1}), uniform({out}, 0.5, 1.5)}, [](auto t) {
            ChannelSums sums;
            const Tensor y = gated_conv2d(t[0], t[1], t[2], &sums);
            return std::vector{batch_norm(y, t[3], {}, {}, {}, {}, true, &sums)};
          }};
}
void add_gated(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const Case small = gated("small", last({5, 3, 4, 3}), uniform({5, 3, 1, 1}), 4);
  cases.push_back(small);
  for (std::size_t input : {0, 1, 2}) cases.push_back(frozen(small, input));
  cases.push_back(gated("one_pixel", last({20, 3, 1, 1}), last({20, 3, 1, 1}), 4));
  cases.push_back(gated("one_picture", last({1, 3, 4, 3}), uniform({1, 3, 1, 1}), 4));
  cases.push_back(gated("row_major", uniform({5, 3, 4, 3}), uniform({5, 3, 1, 1}), 4));
  cases.push_back(gated("of_all", last({5, 3, 4, 3}), uniform({1, 3, 1, 1}), 4));  // broadcast: two operations
  cases.push_back(large(gated("large", last({18, 70, 13, 17}), uniform({18, 70, 1, 1}), 37)));
  cases.push_back(large(gated("wide", last({18, 530, 5, 7}), last({18, 530, 1, 1}), 33)));
  cases.push_back({"gated_by_itself", {last({20, 3, 2, 3}), uniform({4, 3, 1, 1})}, [](auto t) {
                     return gated_conv2d(t[0], global_average_pool(t[0]), t[1]);
                   }});
}
// x and others side by side, and weights of as many channels -> y. `halves`: x is two slices of channels.
Case joined(const std::string& name, const Input& x, const std::vector<Input>& others, std::int64_t out,
            bool halves = false) {
  std::vector<Input> inputs{x};
  std::int64_t channels = x.shape[1];
  for (const Input& other : others) {
    inputs.push_back(other);
    channels += other.shape[1];
  }
  inputs.push_back(uniform({out, channels, 1, 1}));
  return {"joined_" + name, inputs, [halves](auto t) {
            std::vector<Tensor> parts = halves ? chunk(t[0], 2, 1) : std::vector<Tensor>{t[0]};
            for (std::size_t i = 1; i + 1 < t.size(); ++i) parts.push_back(t[i]);
            return conv2d_of_joined(parts, t[t.size() - 1]);
          }};
}
void add_joined(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const std::vector<Case> small{
      joined("two", last({2, 3, 4, 5}), {last({2, 5, 4, 5})}, 4),
      joined("halves", last({2, 6, 4, 5}), {last({2, 5, 4, 5})}, 4, true),
      joined("one_pixel", last({2, 3, 1, 1}), {last({2, 5, 1, 1})}, 4),
      joined("one_picture", last({1, 3, 1, 4}), {last({1, 5, 1, 4})}, 4),
      joined("row_major", uniform({2, 3, 4, 5}), {uniform({2, 5, 4, 5})}, 4),
      joined("mixed", last({2, 3, 4, 5}), {uniform({2, 5, 4, 5}), last({2, 1, 4, 5})}, 4),
      joined("spaced", last({2, 3, 4, 5}), {in(Layout::channel_slice, uniform({2, 5, 4, 5}))}, 4),
      joined("one", last({2, 3, 4, 5}), {}, 4)};
  cases.insert(cases.end(), small.begin(), small.end());
  for (std::size_t input : {0, 1, 2}) cases.push_back(frozen(small[0], input));
  cases.push_back({"joined_twice", {last({2, 3, 4, 5}), uniform({4, 6, 1, 1})}, [](auto t) {
                     return conv2d_of_joined(std::vector{t[0], t[0]}, t[1]);
                   }});
  cases.push_back(large(joined("large", last({3, 40, 13, 17}), {last({3, 33, 13, 17})}, 70, true)));
}
void add_normalized(std::vector<Case>& cases) {
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  const auto depthwise = [&](const std::string& name, const Shape& x, const Shape& kernel, const Shape& stride,
                             const Shape& padding, const Unary& activation) {
    return normalized("depthwise_" + name, last(x), uniform({x[1], 1, kernel[0], kernel[1]}), activation,
                      {.stride = stride, .padding = padding, .groups = x[1]});
  };
  const std::vector<Case> small{
      normalized("pointwise", last({2, 5, 4, 3}), uniform({3, 5, 1, 1}), Clamp{0, 6}),
      normalized("pointwise_identity", last({2, 5, 4, 3}), uniform({3, 5, 1, 1}), Identity{}),
      normalized("row_major", uniform({2, 5, 4, 3}), uniform({3, 5, 1, 1}), Silu{}),
      normalized("channel_slice", in(Layout::channel_slice, uniform({2, 5, 4, 3})), uniform({3, 5, 1, 1}), Silu{}),
      normalized("three", last({2, 3, 5, 4}), uniform({4, 3, 3, 3}), Silu{}, {.padding = {1, 1}}),
      normalized("gelu", last({2, 5, 4, 3}), uniform({3, 5, 1, 1}), Gelu{}),
      depthwise("3", {2, 5, 6, 5}, {3, 3}, {1, 1}, {1, 1}, Silu{}),
      depthwise("3_stride", {2, 5, 7, 6}, {3, 3}, {2, 2}, {1, 1}, Clamp{0, 6}),
      depthwise("3_stride_even", {3, 4, 6, 8}, {3, 3}, {2, 2}, {1, 1}, HardSwish{}),
      depthwise("5", {2, 3, 6, 7}, {5, 5}, {1, 1}, {2, 2}, Relu{}),
      depthwise("5_stride", {1, 3, 9, 8}, {5, 5}, {2, 2}, {2, 2}, Silu{}),
      depthwise("unpadded", {2, 3, 5, 6}, {3, 2}, {1, 2}, {0, 0}, Silu{}),
      depthwise("padded_wide", {2, 3, 4, 3}, {2, 3}, {1, 3}, {3, 4}, Silu{}),
      depthwise("stride_beyond_kernel", {2, 3, 7, 8}, {1, 2}, {3, 4}, {0, 0}, LeakyRelu{0.1F}),
      depthwise("beyond_picture", {2, 3, 1, 2}, {3, 3}, {1, 1}, {1, 1}, Silu{})};
  cases.insert(cases.end(), small.begin(), small.end());
  for (std::size_t input : {0, 1, 2, 5}) {
    cases.push_back(frozen(small[0], input));
    cases.push_back(frozen(small[6], input));
  }
  cases.push_back(chain("small", last({4, 4, 7, 6}), 6, 5));
  cases.push_back(chain("row_major", uniform({4, 4, 7, 6}), 6, 5));
  cases.push_back(large(chain("large", last({5, 19, 17, 13}), 70, 35)));
  cases.push_back(large(normalized("pointwise_large", last({3, 70, 13, 17}), uniform({37, 70, 1, 1}), Silu{})));
  cases.push_back(large(normalized("pointwise_wide", last({2, 33, 9, 11}), uniform({130, 33, 1, 1}), Clamp{0, 6})));
  cases.push_back(large(depthwise("large", {3, 70, 13, 17}, {3, 3}, {1, 1}, {1, 1}, Silu{})));
  cases.push_back(large(depthwise("large_stride", {18, 20, 9, 11}, {5, 5}, {2, 2}, {2, 2}, Relu{})));
}

}  // namespace

Family convolution_cases() {
  const ConvolutionOptions padded{.padding = {1, 1}}, strided{.stride = {2, 2}, .padding = {1, 1}};
  const auto grouped = [](std::int64_t groups) { return ConvolutionOptions{.padding = {1, 1}, .groups = groups}; };
  const auto last = [](const Shape& shape) { return in(Layout::channels_last, uniform(shape)); };
  Family family{
      "convolution",
      3e-6,
      {
          conv("one_by_one", uniform({2, 3, 4, 5}), uniform({4, 3, 1, 1})),
          conv("three", uniform({2, 3, 5, 6}), uniform({4, 3, 3, 3})),
          conv("padded", uniform({2, 3, 5, 6}), uniform({4, 3, 3, 3}), padded),
          conv("stride", uniform({2, 3, 7, 6}), uniform({4, 3, 3, 3}), strided),
          conv("stride_without_rest", uniform({1, 2, 8, 8}), uniform({3, 2, 2, 2}), {.stride = {2, 2}}),
          conv("stride_beyond_kernel", uniform({1, 2, 8, 9}), uniform({3, 2, 1, 1}), {.stride = {3, 2}}),
          conv("dilation", uniform({1, 2, 7, 8}), uniform({3, 2, 3, 3}), {.padding = {2, 2}, .dilation = {2, 2}}),
          conv("uneven", uniform({2, 2, 6, 9}), uniform({3, 2, 1, 5}),
               {.stride = {1, 3}, .padding = {0, 2}, .dilation = {1, 2}}),
          conv("five_stride_dilation", uniform({1, 1, 11, 12}), uniform({2, 1, 5, 4}),
               {.stride = {2, 1}, .padding = {3, 2}, .dilation = {2, 1}}),
          conv("wider_than_input", uniform({2, 2, 1, 2}), uniform({3, 2, 3, 3}), padded),
          conv("stem", uniform({1, 3, 8, 7}), uniform({2, 3, 7, 7}), {.stride = {2, 2}, .padding = {3, 3}}),
          conv("groups", uniform({2, 4, 5, 5}), uniform({6, 2, 3, 3}), grouped(2)),
          conv("depthwise", uniform({2, 5, 6, 5}), uniform({5, 1, 3, 3}), grouped(5)),
          conv("depthwise_stride", uniform({2, 5, 6, 5}), uniform({5, 1, 3, 3}),
               {.stride = {2, 2}, .padding = {1, 1}, .groups = 5}),
          conv("depthwise_multiplied", uniform({2, 3, 6, 5}), uniform({6, 1, 3, 3}), grouped(3)),
          conv("single_channels", uniform({1, 1, 5, 5}), uniform({1, 1, 3, 3}), padded),
          conv("one_pixel", uniform({3, 4, 1, 1}), uniform({2, 4, 1, 1})),
          conv("only_padding", uniform({2, 3, 0, 2}), uniform({4, 3, 1, 3}), padded),
          conv("beyond_padding", uniform({2, 3, 2, 2}), uniform({4, 3, 1, 1}), {.padding = {2, 1}}),
          conv("dilated_around", uniform({2, 3, 2, 2}), uniform({4, 3, 3, 3}), {.padding = {3, 3}, .dilation = {3, 3}}),
          conv("pointwise_stride", in(Layout::channels_last, uniform({2, 5, 7, 8})), uniform({4, 5, 1, 1}),
               {.stride = {2, 3}}),
          large(conv("winograd", last({3, 33, 9, 8}), uniform({35, 33, 3, 3}), padded)),
          large(conv("winograd_uneven", last({2, 32, 9, 10}), uniform({40, 32, 3, 3}), {.padding = {0, 2}})),
          conv("no_batch", uniform({0, 3, 5, 5}), uniform({4, 3, 3, 3}), padded),
          conv("channels_last", last({2, 3, 5, 6}), uniform({4, 3, 3, 3}), padded),
          conv("channels_last_weight", last({2, 3, 5, 6}), last({4, 3, 3, 3}), strided),
          conv("channels_last_one_by_one", last({2, 8, 4, 5}), uniform({16, 8, 1, 1})),
          conv("channels_last_groups", last({2, 4, 5, 5}), uniform({6, 2, 3, 3}), grouped(2)),
          conv("channels_last_depthwise", last({2, 8, 6, 5}), uniform({8, 1, 3, 3}), grouped(8)),
          conv("channel_slice", in(Layout::channel_slice, uniform({2, 4, 5, 6})), uniform({3, 4, 3, 3}), padded),
          conv("channel_slice_one_by_one", in(Layout::channel_slice, uniform({2, 4, 5, 6})), uniform({3, 4, 1, 1})),
          conv("spaced", in(Layout::spaced, uniform({2, 3, 5, 4})), in(Layout::spaced, uniform({4, 3, 3, 3})), padded),
          conv("transposed", in(Layout::transposed, uniform({2, 3, 5, 4})),
               in(Layout::transposed, uniform({4, 3, 3, 3}))),
          conv("frozen_input", constant(uniform({2, 3, 5, 6})), uniform({4, 3, 3, 3}), padded),
          conv("frozen_weight", uniform({2, 3, 5, 6}), constant(uniform({4, 3, 3, 3})), padded),
          conv("only_bias", constant(uniform({2, 3, 5, 6})), constant(uniform({4, 3, 3, 3})), padded),
          large(conv("large", last({2, 19, 11, 13}), uniform({33, 19, 3, 3}), padded)),
          large(conv("large_stride", last({3, 32, 11, 12}), uniform({40, 32, 3, 3}), strided)),
          large(conv("large_one_by_one", last({2, 64, 13, 15}), uniform({37, 64, 1, 1}))),
          large(conv("large_stem", last({2, 3, 33, 37}), uniform({16, 3, 3, 3}), strided)),
          large(conv("large_depthwise", last({2, 40, 21, 23}), uniform({40, 1, 3, 3}), grouped(40))),
          large(conv("large_depthwise_five", last({2, 40, 21, 23}), uniform({40, 1, 5, 5}),
                     {.stride = {2, 2}, .padding = {2, 2}, .groups = 40})),
          large(conv("large_depthwise_blocks", last({2, 70, 9, 8}), uniform({70, 1, 5, 3}),
                     {.stride = {1, 3}, .padding = {3, 0}, .dilation = {2, 1}, .groups = 70})),
          large(conv("large_depthwise_pictures", last({19, 8, 5, 6}), uniform({8, 1, 4, 4}),
                     {.padding = {2, 1}, .groups = 8})),
          large(conv("large_row_major", uniform({2, 19, 11, 13}), uniform({33, 19, 3, 3}), padded)),
      }};
  family.cases.push_back({"no_bias", {uniform({2, 3, 5, 6}), uniform({4, 3, 3, 3})}, [padded](auto t) {
                            return conv2d(t[0], t[1], {}, padded);
                          }});
  family.cases.push_back({"channels_last_no_bias", {last({2, 3, 5, 6}), uniform({4, 3, 3, 3})}, [padded](auto t) {
                            return conv2d(t[0], t[1], {}, padded);
                          }});
  // Their gradients add up.
  const ConvolutionOptions five{.padding = {2, 2}, .groups = 8};
  family.cases.push_back({"depthwise_shared_weight",
                          {last({2, 8, 6, 5}), uniform({8, 1, 5, 5}), last({2, 8, 4, 4})},
                          [five](auto t) { return sum(conv2d(t[0], t[1], {}, five)) * conv2d(t[2], t[1], {}, five); }});
  add_normalized(family.cases);
  add_joined(family.cases);
  add_late(family.cases);
  add_gated(family.cases);
  add_pooled(family.cases);
  return family;
}

}  // namespace joist::cases
