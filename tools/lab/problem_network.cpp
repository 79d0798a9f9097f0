// Networks that tell classes apart, from logistic regression to any sequence of layers that a file names.
#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/core/text.h>
#include <joist/layers/convolution.h>
#include <joist/layers/linear.h>
#include <joist/tools/lab/problems.h>
#include <joist/tools/lab/samples.h>

#include <sstream>

namespace joist::lab {
namespace {

struct Stage {
  std::string kind{};
  std::optional<Linear> linear{};
  std::optional<Conv2d> conv{};
  std::int64_t number = 0;
  double share = 0;

  Tensor operator()(const Tensor& x) const {
    if (linear) return (*linear)(x.rank() > 2 ? flatten(x) : x);
    if (conv) return (*conv)(x);
    if (kind == "pool") return max_pool2d(x, {.kernel = {number, number}});
    if (kind == "flatten") return flatten(x);
    if (kind == "dropout") return dropout(x, share);
    if (kind == "tanh") return tanh(x);
    if (kind == "sigmoid") return sigmoid(x);
    if (kind == "gelu") return gelu(x);
    return relu(x);
  }
  auto fields() { return joist::fields("", linear, "", conv); }
};

struct Network {
  std::vector<std::pair<std::string, Stage>> stages{};
  Tensor operator()(Tensor x) const {
    for (const auto& [name, stage] : stages) x = stage(x);
    return x;
  }
  auto fields() { return joist::fields("", stages); }
};

// "conv 32 5, relu, pool 2, linear 10": shapes are followed from `shape` (without the batch) on.
Network network_of(const std::string& text, Shape shape, const std::string& where) {
  Network network;
  std::istringstream parts(text);
  int weights = 0;
  const auto refuse = [&](const std::string& part, const std::string& why) {
    throw UsageError({.where = where,
                      .what = "layer \"" + printable(part) + "\": " + why,
                      .expected = "layers separated by commas: linear N, conv N K, pool K, dropout P, flatten, relu, "
                                  "tanh, sigmoid, gelu"});
  };
  for (std::string part; std::getline(parts, part, ',');) {
    std::istringstream words(part);
    Stage stage;
    std::string first, second, rest;
    words >> stage.kind >> first >> second >> rest;
    if (!rest.empty()) refuse(part, "too many words");
    const auto number = [&](const std::string& word, std::int64_t high) {
      if (word.empty()) refuse(part, "a number is missing");
      return integer_of(word, where + ": layer \"" + printable(part) + "\"",
                        {.low = 1, .high = static_cast<double>(high), .with_high = true});
    };
    const std::string name = stage.kind;
    if (name == "linear") {
      stage.linear.emplace(LinearOptions{.in = shape.elements(), .out = number(first, 100000)});
      shape = {stage.linear->weight.shape(0)};
    } else if (name == "conv" || name == "pool") {
      if (shape.rank() != 3) refuse(part, "stands behind numbers without height and width");
      if (name == "conv") {
        stage.conv.emplace(Conv2dOptions{
            .in = shape[0], .out = number(first, 4096), .kernel = second.empty() ? 3 : number(second, 31)});
        const std::int64_t kernel = stage.conv->weight.shape(2), lost = kernel % 2 == 0 ? 1 : 0;
        shape = {stage.conv->weight.shape(0), shape[1] - lost, shape[2] - lost};
      } else {
        stage.number = number(first, 64);
        shape = {shape[0], shape[1] / stage.number, shape[2] / stage.number};
      }
      if (shape.elements() == 0) refuse(part, "nothing is left of the picture");
    } else if (name == "dropout") {
      stage.share = number_of(first, where + ": layer \"" + printable(part) + "\"", below_one);
    } else if (name == "flatten") {
      shape = {shape.elements()};
    } else if (name != "relu" && name != "tanh" && name != "sigmoid" && name != "gelu") {
      refuse(part, "unknown");
    }
    const std::string shown = stage.linear || stage.conv ? name + std::to_string(++weights)
                                                         : name + "_" + std::to_string(network.stages.size());
    network.stages.emplace_back(shown, std::move(stage));
  }
  if (network.stages.empty()) refuse(text, "nothing");
  return network;
}

struct NetworkSettings {
  std::string data = "fashion-mnist";
  std::string layers{};
  std::int64_t width = 0, samples = 0, batch = 128;
  double l1 = 0, l2 = 0;
  std::string init = "pytorch", precision = "float32", judged_by = "test";

  OptionTable table(const Choice& choice) {
    OptionTable result{free_text("data", data, choice),
                       {"samples", samples, {.low = 0, .high = 1e8}},
                       {"batch", batch, {.low = 0, .high = 1e8}},
                       {"l1", l1, not_negative},
                       {"l2", l2, not_negative},
                       {"init", init, {"pytorch", "deepobs", "zero"}},
                       {"precision", precision, {"float32", "float64"}},
                       {"judged_by", judged_by, {"test", "train"}}};
    if (width > 0) result.push_back({"width", width, {.low = 1, .high = 100000}});
    if (layers.empty() || width > 0) return result;
    result.push_back(free_text("layers", layers, choice));
    return result;
  }
};

class NetworkProblem final : public Problem {
 public:
  NetworkProblem(const Choice& choice, const NetworkSettings& settings, const std::string& layers, std::uint64_t seed)
      : data_(load_samples(settings.data, settings.samples)),
        order_(data_.train.count(), settings.batch, seed),
        l1_(settings.l1),
        l2_(settings.l2),
        on_train_(settings.judged_by == "train"),
        dtype_(settings.precision == "float64" ? Dtype::float64 : Dtype::float32) {
    const Shape& shape = data_.train.inputs.shape();
    const bool ends = layers.find("linear CLASSES") != std::string::npos;
    std::string text = layers;
    if (ends) text.replace(text.find("CLASSES"), 7, std::to_string(data_.classes));
    network_ = network_of(text, shape.without(0), choice.name);
    visit_fields(network_, [&](const std::string& name, auto& field) {
      const bool bias = name.ends_with("bias");
      if (settings.init == "zero") field = Parameter(init::zeros(field.shape()));
      if (settings.init == "deepobs")
        field = bias ? init::constant(field.shape(), 0.05) : init::trunc_normal(field.shape(), 0, 0.05, -0.1, 0.1);
      if (dtype_ != Dtype::float32) field = Parameter(to(field.detach(), dtype_).value());
    });
    fields_ = fields_of(network_);
    Tensor probe;
    {
      const Inference quiet;
      probe = network_(inputs(data_.test, 0, 1));
    }
    if (probe.rank() != 2 || probe.shape(1) < data_.classes)
      throw UsageError({.where = choice.name,
                        .what = "the layers end in " + probe.shape().text(),
                        .expected = "[batch, classes] with at least " + std::to_string(data_.classes) + " classes",
                        .remedy = "linear " + std::to_string(data_.classes) + " as the last layer"});
  }

  Tensor loss(std::int64_t batch) override {
    const Array rows = order_.indices(batch);
    if (!rows.defined() && !whole_.defined()) whole_ = inputs(data_.train, 0, data_.train.count());
    const Tensor x = rows.defined() ? to(index_select(Tensor(data_.train.inputs), rows), dtype_) : whole_;
    const Array y = rows.defined() ? index_select(Tensor(data_.train.classes), rows).value() : data_.train.classes;
    return with_penalties(mean(cross_entropy(network_(x), y)));
  }
  Measure test() override {
    const Inference quiet;
    double losses = 0, right = 0;
    const Samples& judges = on_train_ ? data_.train : data_.test;
    const std::int64_t n = judges.count(), chunk = 500;
    for (std::int64_t first = 0; first < n; first += chunk) {
      const std::int64_t last = std::min(n, first + chunk);
      const Tensor logits = network_(inputs(judges, first, last));
      const Array y = judges.classes.sliced(0, first, last);
      losses += sum(to(cross_entropy(logits, y), Dtype::float64)).item();
      right += sum(eq(argmax(logits, 1), Tensor(y))).item();
    }
    const double loss = losses / static_cast<double>(n);
    const double penalty = on_train_ ? with_penalties(Tensor::zeros({}, dtype_)).item() : 0;
    return {.loss = loss + penalty, .accuracy = right / static_cast<double>(n)};
  }
  const char* measure() const override { return on_train_ ? "training loss" : "test loss"; }
  std::int64_t batches() const override { return order_.batches(); }
  std::int64_t batch_size() const override { return order_.batch(); }

 private:
  Tensor with_penalties(Tensor loss) const {
    for (const Field& field : fields_) {
      if (field.name.ends_with("bias")) continue;
      if (l2_ > 0) loss = loss + 0.5 * l2_ * sum(square(field.tensor));
      if (l1_ > 0) loss = loss + l1_ * sum(abs(field.tensor));
    }
    return loss;
  }
  Tensor inputs(const Samples& samples, std::int64_t first, std::int64_t last) const {
    return to(Tensor(samples.inputs.sliced(0, first, last)), dtype_);
  }
  const DataSplit& data_;
  BatchOrder order_;
  double l1_, l2_;
  bool on_train_;
  Dtype dtype_;
  Network network_{};
  Tensor whole_{};
};

ProblemKind kind(const std::string& name, const std::string& help, NetworkSettings defaults,
                 const std::string& layers) {
  return {.info = {.name = name, .help = help, .settings = settings_of(defaults)},
          .make = [defaults, layers](const Choice& choice, std::uint64_t seed) -> std::unique_ptr<Problem> {
            const NetworkSettings settings = options_from(defaults, choice);
            std::string text = settings.width == 0 && !settings.layers.empty() ? settings.layers : layers;
            for (std::size_t at; (at = text.find("WIDTH")) != std::string::npos;)
              text.replace(at, 5, std::to_string(settings.width));
            return std::make_unique<NetworkProblem>(choice, settings, text, seed);
          }};
}

}  // namespace

std::vector<ProblemKind> network_problems() {
  return {
      kind("logistic", "multinomial logistic regression with L2: convex, one minimum",
           {.batch = 128, .l2 = 1e-3, .init = "zero"}, "linear CLASSES"),
      kind("mlp", "two hidden layers", {.width = 64}, "linear WIDTH, relu, linear WIDTH, relu, linear CLASSES"),
      kind("2c2d", "DeepOBS' small convolutional network", {.init = "deepobs"},
           "conv 32 5, relu, pool 2, conv 64 5, relu, pool 2, linear 1024, relu, linear CLASSES"),
      kind("network", "any layers (layers = \"conv 16 5, relu, pool 2, linear 10\") on any data",
           {.layers = "linear 64, relu, linear 10"}, ""),
  };
}

}  // namespace joist::lab
