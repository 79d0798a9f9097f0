// The operations of the benchmarked models, at the shapes and batches that they have there.
#include <joist/core/ops.h>
#include <joist/optim/adam.h>
#include <joist/optim/sgd.h>
#include <joist/tools/training/op_benchmark.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <memory>

#include <fmt/format.h>

namespace joist {
namespace {

Tensor leaf(const Shape& shape, Order order = Order::row_major) {
  const Tensor made = contiguous(rand(shape, -1, 1), order);
  made.set_requires_grad(true);
  return made;
}
Tensor pictures(const Shape& shape) { return leaf(shape, Order::channels_last); }

// A case whose operands are made by `operands` and given to `compute`.
template <class Operands, class Compute>
OpCase over(std::string name, double flops, Operands operands, Compute compute) {
  return {.name = std::move(name), .flops = flops, .make = [operands, compute] {
            const std::vector<Tensor> made = operands();
            return OpCall{[made, compute] { return compute(made); }, made};
          }};
}
template <class Compute>
OpCase of_pictures(const std::string& name, const Shape& shape, Compute compute) {
  return over(
      fmt::format("{} {}", name, shape.text()), 0, [shape] { return std::vector{pictures(shape)}; },
      [compute](const std::vector<Tensor>& t) { return compute(t[0]); });
}

struct ConvolutionShape {
  const char* model;
  std::int64_t batch, in, out, kernel, stride, side, groups = 1;
};
OpCase convolution(const ConvolutionShape& s) {
  const std::int64_t padding = (s.kernel - 1) / 2, after = (s.side + 2 * padding - s.kernel) / s.stride + 1;
  const ConvolutionOptions options{.stride = {s.stride, s.stride}, .padding = {padding, padding}, .groups = s.groups};
  const Shape weight{s.out, s.in / s.groups, s.kernel, s.kernel};
  return over(
      fmt::format("{} {}×{} {}→{} @{}{}", s.model, s.kernel, s.kernel, s.in, s.out, s.side,
                  s.stride > 1 ? fmt::format(" /{}", s.stride) : ""),
      2.0 * static_cast<double>(s.batch * after * after * weight.elements()),
      [s, weight] {
        return std::vector{pictures({s.batch, s.in, s.side, s.side}), pictures(weight)};
      },
      [options](const std::vector<Tensor>& t) { return conv2d(t[0], t[1], {}, options); });
}

std::vector<OpCase> convolutions() {
  std::vector<OpCase> cases;
  for (const ConvolutionShape& shape : std::initializer_list<ConvolutionShape>{{"resnet18", 16, 3, 64, 7, 2, 224},
                                                                               {"resnet18", 16, 64, 64, 3, 1, 56},
                                                                               {"resnet18", 16, 64, 128, 3, 2, 56},
                                                                               {"resnet18", 16, 128, 128, 3, 1, 28},
                                                                               {"resnet18", 16, 256, 256, 3, 1, 14},
                                                                               {"resnet18", 16, 512, 512, 3, 1, 7},
                                                                               {"mobilenet_v2", 16, 3, 32, 3, 2, 224},
                                                                               {"mobilenet_v2", 16, 16, 96, 1, 1, 112},
                                                                               {"mobilenet_v2", 16, 144, 24, 1, 1, 56},
                                                                               {"mobilenet_v2", 16, 64, 384, 1, 1, 14},
                                                                               {"mobilenet_v2", 16, 320, 1280, 1, 1, 7},
                                                                               {"yolo_n", 16, 16, 32, 3, 2, 160},
                                                                               {"yolo_n", 16, 16, 16, 3, 1, 80},
                                                                               {"yolo_n", 16, 64, 80, 3, 1, 40},
                                                                               {"mnist_cnn", 64, 32, 64, 3, 1, 14}})
    cases.push_back(convolution(shape));
  return cases;
}

std::vector<OpCase> depthwise() {
  std::vector<OpCase> cases;
  struct Filter {
    const char* model;
    std::int64_t batch, channels, kernel, stride, side;
  };
  for (const Filter& f : std::initializer_list<Filter>{{"mobilenet_v2", 16, 32, 3, 1, 112},
                                                       {"mobilenet_v2", 16, 96, 3, 2, 112},
                                                       {"mobilenet_v2", 16, 144, 3, 1, 56},
                                                       {"mobilenet_v2", 16, 384, 3, 1, 14},
                                                       {"mobilenet_v2", 16, 960, 3, 1, 7},
                                                       {"efficientnet_b0", 8, 240, 5, 1, 28},
                                                       {"efficientnet_b0", 8, 672, 5, 1, 14},
                                                       {"efficientnet_b0", 8, 1152, 5, 1, 7}})
    cases.push_back(convolution({f.model, f.batch, f.channels, f.channels, f.kernel, f.stride, f.side, f.channels}));
  return cases;
}

OpCase product(const char* model, std::int64_t rows, std::int64_t in, std::int64_t out) {
  return over(
      fmt::format("{} {}×{}·{}", model, rows, in, out), 2.0 * static_cast<double>(rows * in * out),
      [=] {
        return std::vector{leaf({rows, in}), leaf({out, in}), leaf({out})};
      },
      [](const std::vector<Tensor>& t) { return linear(t[0], t[1], t[2]); });
}
std::vector<OpCase> products() {
  return {product("gpt", 2048, 384, 1152),    product("gpt", 2048, 384, 384),      product("gpt", 2048, 384, 1536),
          product("gpt", 2048, 1536, 384),    product("gpt", 2048, 384, 65),       product("lstm", 4096, 512, 2048),
          product("lstm", 4096, 512, 65),     product("vit_tiny", 3152, 192, 576), product("vit_tiny", 3152, 192, 768),
          product("resnet18", 16, 512, 1000), product("mnist_cnn", 64, 3136, 128)};
}

OpCase normalized(const char* model, const Shape& shape, const char* activation_name, const Unary& activation) {
  return over(
      fmt::format("{} {} {}", model, activation_name, shape.text()), 0,
      [shape] {
        return std::vector{pictures(shape), leaf({shape[1]}), leaf({shape[1]})};
      },
      [activation, mean = Tensor::zeros({shape[1]}),
       variance = Tensor::full({shape[1]}, 1)](const std::vector<Tensor>& t) {
        return batch_norm(t[0], t[1], t[2], mean, variance, {.activation = activation}, true);
      });
}
std::vector<OpCase> batch_norms() {
  return {normalized("resnet18", {16, 64, 112, 112}, "relu", Relu{}),
          normalized("resnet18", {16, 64, 56, 56}, "identity", Identity{}),
          normalized("resnet18", {16, 512, 7, 7}, "relu", Relu{}),
          normalized("mobilenet_v2", {16, 96, 112, 112}, "relu6", Clamp{0, 6}),
          normalized("mobilenet_v2", {16, 144, 56, 56}, "relu6", Clamp{0, 6}),
          normalized("mobilenet_v2", {16, 960, 7, 7}, "relu6", Clamp{0, 6}),
          normalized("efficientnet_b0", {8, 240, 28, 28}, "silu", Silu{}),
          normalized("yolo_n", {16, 16, 160, 160}, "silu", Silu{})};
}

std::vector<OpCase> poolings() {
  const auto maximum = [](std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
    return [=](const Tensor& x) {
      return max_pool2d(x, {.kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {padding, padding}});
    };
  };
  const auto mean_of_all = [](const Tensor& x) { return global_average_pool(x); };
  return {of_pictures("resnet18 max 3×3 /2", {16, 64, 112, 112}, maximum(3, 2, 1)),
          of_pictures("mnist_cnn max 2×2 /2", {64, 32, 28, 28}, maximum(2, 2, 0)),
          of_pictures("yolo_n max 5×5", {16, 128, 10, 10}, maximum(5, 1, 2)),
          of_pictures("mobilenet_v2 global mean", {16, 1280, 7, 7}, mean_of_all),
          of_pictures("efficientnet_b0 global mean", {8, 96, 112, 112}, mean_of_all)};
}

std::vector<OpCase> elementwise() {
  const auto two = [](const char* name, const Shape& a, const Shape& b, auto compute) {
    return over(
        fmt::format("{} {} {}", name, a.text(), b.text()), 0,
        [a, b] {
          return std::vector{pictures(a), pictures(b)};
        },
        [compute](const std::vector<Tensor>& t) { return compute(t[0], t[1]); });
  };
  const auto add = [](const Tensor& a, const Tensor& b) { return a + b; };
  const auto multiply = [](const Tensor& a, const Tensor& b) { return a * b; };
  return {of_pictures("resnet18 relu", {16, 64, 56, 56}, [](const Tensor& x) { return relu(x); }),
          two("resnet18 add", {16, 64, 56, 56}, {16, 64, 56, 56}, add),
          two("mobilenet_v2 add", {16, 24, 56, 56}, {16, 24, 56, 56}, add),
          two("efficientnet_b0 weigh channels", {8, 240, 28, 28}, {8, 240, 1, 1}, multiply),
          of_pictures("mnist_cnn relu", {64, 32, 28, 28}, [](const Tensor& x) { return relu(x); }),
          of_pictures("gpt gelu", {2048, 1536}, [](const Tensor& x) { return gelu(x); }),
          two("gpt add", {2048, 384}, {2048, 384}, add)};
}

std::vector<OpCase> reductions() {
  return {of_pictures("all of", {16, 64, 56, 56}, [](const Tensor& x) { return sum(x); }),
          of_pictures("gpt over rows of", {2048, 1536}, [](const Tensor& x) { return sum(x, {0}); }),
          of_pictures("gpt over columns of", {2048, 1536}, [](const Tensor& x) { return sum(x, {1}); }),
          of_pictures("largest of the columns of", {16, 1000}, [](const Tensor& x) { return amax(x, {1}); })};
}

template <class Kind, class Options>
OpCase update(const char* name, std::int64_t count, double arrays_moved, const Options& options) {
  return {.name = fmt::format("{}, {} numbers", name, count),
          .make =
              [count, options] {
                struct Training {
                  Training(std::int64_t numbers, const Options& o)
                      : weight(rand({numbers}).value()),
                        parameters(std::vector<Field>{{"weight", weight, true}}),
                        optimizer(parameters, o) {}
                  Parameter weight;
                  FlatParameters parameters;
                  Kind optimizer;
                };
                const auto training = std::make_shared<Training>(count, options);
                return OpCall{[training] {
                                training->optimizer.step();
                                return Tensor();
                              },
                              {}};
              },
          .updated_bytes = arrays_moved * 4 * static_cast<double>(count)};
}
std::vector<OpCase> optimizers() {
  SgdOptions sgd{.lr = 1e-9, .momentum = 0.9, .weight_decay = 1e-4, .clear_gradients = false};
  AdamWOptions adamw{.lr = 1e-9, .clear_gradients = false};
  // SGD: parameter, velocity and gradient in, the first two out; AdamW: one more of each.
  return {update<Sgd>("mnist_cnn SGD", 421642, 5, sgd), update<Sgd>("mobilenet_v2 SGD", 3504872, 5, sgd),
          update<Sgd>("resnet18 SGD", 11689512, 5, sgd), update<AdamW>("lstm AdamW", 3728193, 7, adamw),
          update<AdamW>("gpt AdamW", 10795841, 7, adamw)};
}

std::vector<OpCase> softmaxes() {
  const auto loss = [](const char* name, std::int64_t rows, std::int64_t classes) {
    const Array target = Array::from(std::vector<std::int64_t>(static_cast<std::size_t>(rows), 1), {rows});
    return of_pictures(name, {rows, classes}, [target](const Tensor& x) { return mean(cross_entropy(x, target)); });
  };
  return {loss("gpt cross entropy", 2048, 65), loss("lstm cross entropy", 4096, 65),
          loss("resnet18 cross entropy", 16, 1000),
          of_pictures("rows", {2048, 256}, [](const Tensor& x) { return softmax(x, 1); })};
}

std::vector<OpCase> layer_norms() {
  const auto rows = [](const char* model, std::int64_t count, std::int64_t width) {
    return over(
        fmt::format("{} {} rows of {}", model, count, width), 0,
        [=] {
          return std::vector{leaf({count, width}), leaf({width}), leaf({width})};
        },
        [width](const std::vector<Tensor>& t) { return layer_norm(t[0], {width}, t[1], t[2]); });
  };
  return {rows("gpt", 2048, 384), rows("vit_tiny", 3152, 192)};
}

std::vector<OpCase> attentions() {
  const auto heads = [](const char* model, const Shape& shape, bool causal) {
    // Two products of [length, length] with the width; a causal one computes half of each.
    const double flops = 4.0 * static_cast<double>(shape.elements() * shape[2]) * (causal ? 0.5 : 1);
    return over(
        fmt::format("{} {}{}", model, shape.text(), causal ? " causal" : ""), flops,
        [shape] {
          return std::vector{leaf(shape), leaf(shape), leaf(shape)};
        },
        [causal](const std::vector<Tensor>& t) {
          return scaled_dot_product_attention(t[0], t[1], t[2], {.causal = causal});
        });
  };
  return {heads("gpt", {8, 6, 256, 64}, true), heads("gpt", {8, 6, 256, 64}, false),
          heads("vit_tiny", {16, 3, 197, 64}, false)};
}

std::vector<OpCase> recurrent() {
  const auto layer = [](std::int64_t time, std::int64_t batch, std::int64_t in, std::int64_t hidden) {
    return over(
        fmt::format("lstm {}→{}, {} steps, batch {}", in, hidden, time, batch),
        2.0 * static_cast<double>(time * batch * 4 * hidden * (in + hidden)),
        [=] {
          const double bound = 1 / std::sqrt(static_cast<double>(hidden));
          std::vector<Tensor> made{leaf({time, batch, in})};
          for (const Shape& shape :
               {Shape{4 * hidden, in}, Shape{4 * hidden, hidden}, Shape{4 * hidden}, Shape{4 * hidden}}) {
            made.push_back(rand(shape, -bound, bound));
            made.back().set_requires_grad(true);
          }
          return made;
        },
        [](const std::vector<Tensor>& t) {
          const std::vector<RecurrentWeights> weights{{t[1], t[2], t[3], t[4]}};
          return lstm(t[0], weights).output;
        });
  };
  return {layer(128, 32, 256, 512), layer(128, 32, 512, 512)};
}

struct Family {
  const char* name;
  std::vector<OpCase> (*cases)();
};
constexpr Family families[] = {{"convolution", convolutions}, {"depthwise", depthwise},  {"matmul", products},
                               {"batch_norm", batch_norms},   {"pooling", poolings},     {"elementwise", elementwise},
                               {"reduction", reductions},     {"optimizer", optimizers}, {"softmax", softmaxes},
                               {"layer_norm", layer_norms},   {"attention", attentions}, {"recurrent", recurrent}};

}  // namespace

const std::vector<std::string>& op_families() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Family& family : families) list.emplace_back(family.name);
    return list;
  }();
  return names;
}

std::vector<OpCase> op_cases(const std::string& family) {
  for (const Family& known : families)
    if (family == known.name) return known.cases();
  throw UsageError({.where = "bench op",
                    .what = "no family is named \"" + family + "\"",
                    .expected = fmt::format("all, {}", fmt::join(op_families(), ", "))});
}

}  // namespace joist
