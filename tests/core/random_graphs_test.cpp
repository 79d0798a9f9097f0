// A thousand random graphs of composed operations in float64: gradients against central differences. What the table of
// cases checks one by one meets here in all orders: shared nodes, the same tensor twice, views of views, branches that
// nothing uses.
// ctest: TIMEOUT 300
#include <joist/core/ops.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace joist {
namespace {

constexpr double step = 1e-6, tolerance = 1e-3, skipped_share = 0.05;
constexpr int graphs = 1000;
constexpr std::int64_t most_elements = 64;

// One instruction: from the tensors there are to one more. Chosen once by its shapes; run as often as wanted.
struct Instruction {
  std::string name;
  std::function<Tensor(std::span<const Tensor>)> run;
};

struct Program {
  std::vector<Shape> inputs;
  std::vector<Instruction> instructions;
  std::size_t sums = 6;  // how many of the last tensors the loss adds up

  Tensor loss(std::span<const Tensor> given) const {
    std::vector<Tensor> all(given.begin(), given.end());
    for (const Instruction& instruction : instructions) all.push_back(instruction.run(all));
    Tensor total;
    for (std::size_t i = all.size() - std::min(sums, all.size()); i < all.size(); ++i) {
      const Tensor part = mean(all[i] * (1.0 + 0.1 * static_cast<double>(i))) + mean(square(tanh(all[i]))) * 0.5;
      total = total.defined() ? total + part : part;
    }
    return total;
  }
  std::string text() const {
    std::string text;
    for (const Shape& shape : inputs) text += shape.text() + " ";
    for (std::size_t i = 0; i < instructions.size(); ++i)
      text += "\n  " + std::to_string(inputs.size() + i) + " = " + instructions[i].name;
    return text;
  }
};

class Composer {
 public:
  explicit Composer(std::uint64_t seed) : random_({.seed = seed, .stream = Stream::test}) {}

  Program compose() {
    const int inputs = 2 + below(2);
    for (int i = 0; i < inputs; ++i) {
      Shape shape;
      const int rank = 1 + below(3);
      for (int axis = 0; axis < rank; ++axis) shape = shape.inserted(axis, 1 + below(rank == 1 ? 8 : 3));
      add_input(shape);
    }
    add_input({2, 1, 2, 2});  // a convolution's weight
    const int length = 10 + below(16);
    while (static_cast<int>(program_.instructions.size()) < length) grow();
    return program_;
  }
  std::vector<std::vector<double>> values_of_inputs() const { return values_; }

 private:
  void add_input(const Shape& shape) {
    std::vector<double> values(static_cast<std::size_t>(shape.elements()));
    for (double& value : values) value = random_.uniform(-1.5F, 1.5F);
    program_.inputs.push_back(shape);
    values_.push_back(values);
    all_.push_back(Tensor(Array::from(values, shape)));
  }
  int below(int bound) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(bound))); }
  // Any tensor, the newer ones more often.
  int pick() {
    const int count = static_cast<int>(all_.size());
    return below(3) == 0 ? below(count) : count - 1 - below(std::min(count, 4));
  }
  const Shape& shape(int at) const { return all_[static_cast<std::size_t>(at)].shape(); }
  static std::string of(const char* name, int a) { return std::string(name) + "(" + std::to_string(a) + ")"; }
  static std::string of(const char* name, int a, int b) {
    return std::string(name) + "(" + std::to_string(a) + ", " + std::to_string(b) + ")";
  }

  // Keeps the instruction when its result is small in both senses.
  void keep(std::string name, std::function<Tensor(std::span<const Tensor>)> run) {
    const Tensor y = run(all_);
    if (y.value().elements() == 0 || y.value().elements() > most_elements) return;
    double largest = 0;
    for (const double value : y.value().to_vector<double>()) largest = std::max(largest, std::abs(value));
    if (!(largest < 1e3)) return;
    program_.instructions.push_back({std::move(name), run});
    all_.push_back(y);
    if (largest > 20) {
      const std::size_t at = all_.size() - 1;
      keep(of("shrink", static_cast<int>(at)), [at](auto t) { return t[at] * 0.05; });
    }
  }

  void grow() {
    // Every input is used, the convolution's weight only by convolutions.
    const std::size_t grown = program_.instructions.size();
    const bool early = grown + 1 < program_.inputs.size();
    const int a = early ? static_cast<int>(grown) : pick(), b = pick();
    switch (below(12)) {
      case 0:
      case 1: return unary(a);
      case 2:
      case 3: return binary(a, below(5) == 0 ? a : b);
      case 4: return product(a, below(4) == 0 ? a : b);
      case 5: return reduce(a);
      case 6: return reorder(a);
      case 7: return cut(a);
      case 8: return join(a, b);
      case 9: return soft(a);
      case 10: return convolve(a);
      default: return spread(a);
    }
  }

  void unary(int a) {
    using Function = Tensor (*)(const Tensor&);
    static const std::vector<std::pair<const char*, Function>> functions{
        {"sin", [](const Tensor& x) { return sin(x); }},
        {"tanh", [](const Tensor& x) { return tanh(x); }},
        {"sigmoid", [](const Tensor& x) { return sigmoid(x); }},
        {"silu", [](const Tensor& x) { return silu(x); }},
        {"gelu", [](const Tensor& x) { return gelu(x); }},
        {"softplus", [](const Tensor& x) { return softplus(x); }},
        {"square", [](const Tensor& x) { return square(x * 0.5); }},
        {"exp", [](const Tensor& x) { return exp(tanh(x)); }},
        {"log", [](const Tensor& x) { return log(square(x) + 0.5); }},
        {"sqrt", [](const Tensor& x) { return sqrt(square(x) + 0.5); }},
        {"reciprocal", [](const Tensor& x) { return reciprocal(square(x) + 1.0); }},
        {"atan", [](const Tensor& x) { return atan(x); }},
        {"affine", [](const Tensor& x) { return 0.75 - x * 1.25; }},
        {"relu", [](const Tensor& x) { return relu(x); }},
        {"abs", [](const Tensor& x) { return abs(x); }},
        {"leaky_relu", [](const Tensor& x) { return leaky_relu(x); }},
        {"clamp", [](const Tensor& x) { return clamp(x, -1.25, 1); }}};
    const auto [name, function] = functions[static_cast<std::size_t>(below(static_cast<int>(functions.size())))];
    keep(of(name, a), [a, function = function](auto t) { return function(t[static_cast<std::size_t>(a)]); });
  }

  static bool fits(const Shape& a, const Shape& b) {
    const int rank = std::min(a.rank(), b.rank());
    for (int i = 1; i <= rank; ++i)
      if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1) return false;
    return true;
  }

  void binary(int a, int b) {
    if (!fits(shape(a), shape(b))) return;
    using Function = Tensor (*)(const Tensor&, const Tensor&);
    static const std::vector<std::pair<const char*, Function>> functions{
        {"add", [](const Tensor& x, const Tensor& y) { return x + y; }},
        {"subtract", [](const Tensor& x, const Tensor& y) { return x - y; }},
        {"multiply", [](const Tensor& x, const Tensor& y) { return x * y; }},
        {"multiply", [](const Tensor& x, const Tensor& y) { return x * y; }},
        {"divide", [](const Tensor& x, const Tensor& y) { return x / (square(y) + 1.0); }},
        {"atan2", [](const Tensor& x, const Tensor& y) { return atan2(x, square(y) + 0.5); }},
        {"hypot", [](const Tensor& x, const Tensor& y) { return hypot(x, square(y) + 0.5); }},
        {"logaddexp", [](const Tensor& x, const Tensor& y) { return logaddexp(x, y); }},
        {"maximum", [](const Tensor& x, const Tensor& y) { return maximum(x, y); }},
        {"where", [](const Tensor& x, const Tensor& y) { return where(gt(x, 0.0), x * y, y); }}};
    const auto [name, function] = functions[static_cast<std::size_t>(below(static_cast<int>(functions.size())))];
    keep(of(name, a, b), [a, b, function = function](auto t) {
      return function(t[static_cast<std::size_t>(a)], t[static_cast<std::size_t>(b)]);
    });
  }

  void product(int a, int b) {
    const Shape &p = shape(a), &q = shape(b);
    const auto at = [](auto t, int i) -> const Tensor& { return t[static_cast<std::size_t>(i)]; };
    if (p.rank() >= 2 && q.rank() >= 2 && p[-1] == q[-2] && fits(p.without(-1).without(-1), q.without(-1).without(-1)))
      return keep(of("matmul", a, b), [=](auto t) { return matmul(at(t, a), at(t, b)); });
    if (q.rank() == 2 && p.rank() >= 1 && p[-1] == q[1])
      return keep(of("linear", a, b), [=](auto t) { return linear(at(t, a), at(t, b)); });
    if (p.rank() >= 2)
      return keep(of("gram", a), [=](auto t) { return matmul(at(t, a), transpose(at(t, a), -1, -2)); });
    keep(of("outer", a), [=](auto t) { return matmul(reshape(at(t, a), {-1, 1}), reshape(at(t, a), {1, -1})); });
  }

  void reduce(int a) {
    const int axis = below(std::max(1, shape(a).rank()));
    if (shape(a).rank() == 0) return;
    const bool keep_axes = below(2) == 0, average = below(2) == 0;
    keep(of(average ? "mean" : "sum", a, axis), [=](auto t) {
      const Tensor& x = t[static_cast<std::size_t>(a)];
      return average ? mean(x, {axis}, keep_axes) : sum(x, {axis}, keep_axes);
    });
  }

  void reorder(int a) {
    const Shape& p = shape(a);
    const auto at = static_cast<std::size_t>(a);
    if (p.rank() >= 2 && below(2) == 0) {
      const int i = below(p.rank()), j = below(p.rank());
      return keep(of("transpose", a), [=](auto t) { return transpose(t[at], i, j); });
    }
    const std::int64_t count = p.elements();
    std::vector<std::int64_t> divisors;
    for (std::int64_t d = 1; d <= count; ++d)
      if (count % d == 0) divisors.push_back(d);
    const std::int64_t rows = divisors[static_cast<std::size_t>(below(static_cast<int>(divisors.size())))];
    const Shape to = below(3) == 0 ? Shape{count} : Shape{rows, -1};
    keep(of("reshape", a), [=](auto t) { return reshape(t[at], to); });
  }

  void cut(int a) {
    const Shape& p = shape(a);
    if (p.rank() == 0) return;
    const auto at = static_cast<std::size_t>(a);
    const int axis = below(p.rank());
    const int length = static_cast<int>(p[axis]);
    if (length % 2 == 0 && below(2) == 0) {
      const bool both = below(2) == 0;
      const auto half = static_cast<std::size_t>(below(2));
      return keep(of("chunk", a, axis), [=](auto t) {
        const auto parts = chunk(t[at], 2, axis);
        return both ? parts[0] * parts[1] : parts[half];
      });
    }
    const int start = below(length), stop = start + 1 + below(length - start), stride = 1 + below(2);
    keep(of("slice", a, axis), [=](auto t) { return slice(t[at], axis, start, stop, stride); });
  }

  void join(int a, int b) {
    const Shape& p = shape(a);
    if (p.rank() == 0) return;
    const int axis = below(p.rank());
    const bool fit = shape(b).rank() == p.rank() && shape(b).with(axis, 1) == p.with(axis, 1);
    const auto first = static_cast<std::size_t>(a), second = static_cast<std::size_t>(fit ? b : a);
    keep(of("concat", a, static_cast<int>(second)), [=](auto t) {
      return concat({t[first], t[second], t[first]}, axis);
    });
  }

  void soft(int a) {
    if (shape(a).rank() == 0) return;
    const int axis = below(shape(a).rank());
    const bool logarithm = below(2) == 0;
    keep(of(logarithm ? "log_softmax" : "softmax", a, axis), [=](auto t) {
      const Tensor& x = t[static_cast<std::size_t>(a)];
      return logarithm ? log_softmax(x, axis) : softmax(x, axis);
    });
  }

  void convolve(int a) {
    const Shape& p = shape(a);
    if (p.elements() < 4 || p.elements() % 2 != 0) return;
    const auto at = static_cast<std::size_t>(a), weight = program_.inputs.size() - 1;
    const ConvolutionOptions options{.padding = {below(2), below(2)}};
    const bool last = below(2) == 0;
    keep(of("conv2d", a), [=](auto t) {
      Tensor x = reshape(t[at], {1, 1, 2, -1});
      if (last) x = contiguous(x, Order::channels_last);
      return conv2d(x, t[weight], {}, options);
    });
  }

  void spread(int a) {
    const Shape& p = shape(a);
    const auto at = static_cast<std::size_t>(a);
    const Shape wide = p.inserted(0, 2);
    keep(of("expand", a), [=](auto t) { return expand(reshape(t[at], p.inserted(0, 1)), wide); });
  }

  Random random_;
  Program program_{};
  std::vector<Tensor> all_{};
  std::vector<std::vector<double>> values_{};
};

std::vector<Tensor> placed(const Program& program, const std::vector<std::vector<double>>& values, bool gradient) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < values.size(); ++i)
    tensors.emplace_back(Array::from(values[i], program.inputs[i]), gradient);
  return tensors;
}

TEST(RandomGraphs, GradientsAgreeWithDifferences) {
  std::int64_t checked = 0, skipped = 0, reached = 0;
  for (int graph = 0; graph < graphs; ++graph) {
    Composer composer(static_cast<std::uint64_t>(graph));
    const Program program = composer.compose();
    std::vector<std::vector<double>> values = composer.values_of_inputs();
    const std::vector<Tensor> inputs = placed(program, values, true);
    program.loss(inputs).backward();
    const auto loss = [&] {
      const NoGradient off;
      return program.loss(placed(program, values, false)).item();
    };
    const double center = loss();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      std::vector<double> gradient(values[i].size(), 0.0);  // an input that nothing uses has none
      if (inputs[i].gradient().defined()) gradient = inputs[i].gradient().to_vector<double>();
      double scale = 0;
      for (const double value : gradient) scale = std::max(scale, std::abs(value));
      if (scale > 0) ++reached;
      for (std::size_t k = 0; k < gradient.size(); ++k) {
        const double before = values[i][k];
        values[i][k] = before + step;
        const double up = (loss() - center) / step;
        values[i][k] = before - step;
        const double down = (center - loss()) / step;
        values[i][k] = before;
        const double noise = 1e-14 * (1 + std::abs(center)) / step;
        const double bound = tolerance * std::max(std::abs(gradient[k]), 1e-3 * scale) + noise;
        ++checked;
        if (std::abs((up + down) / 2 - gradient[k]) <= bound) continue;
        if (std::abs(up - down) > bound) {
          ++skipped;
          continue;
        }
        ADD_FAILURE() << "graph " << graph << ", input " << i << ", element " << k << ": gradient " << gradient[k]
                      << ", differences " << (up + down) / 2 << "\n"
                      << program.text();
        return;
      }
    }
  }
  EXPECT_GT(checked, 15 * graphs);
  EXPECT_GT(reached, 2 * graphs);  // the graphs hang together
  EXPECT_LE(static_cast<double>(skipped), skipped_share * static_cast<double>(checked)) << "kinks";
}

TEST(RandomGraphs, ComposeTheSameEachTime) {
  for (const std::uint64_t seed : {0U, 17U, 999U})
    EXPECT_EQ(Composer(seed).compose().text(), Composer(seed).compose().text());
}

}  // namespace
}  // namespace joist
