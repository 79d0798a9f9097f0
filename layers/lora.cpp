#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/layers/freeze.h>
#include <joist/layers/init.h>
#include <joist/layers/lora.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

bool fits(const std::string& pattern, const std::string& layer) {
  return matches(pattern, layer) || matches("**." + pattern, layer);
}

// What can be adapted; norms' and biases' vectors cannot.
std::string adaptable(const Lora::Parameters& parameters) {
  std::vector<std::string> names;
  for (const auto& [name, parameter] : parameters) {
    const std::string layer = layer_of_parameter(name), last = layer.substr(layer.rfind('.') + 1);
    if (parameter->rank() >= 2 && std::find(names.begin(), names.end(), last) == names.end()) names.push_back(last);
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string layer_of_parameter(const std::string& name) {
  constexpr std::string_view last = ".weight";
  return name.ends_with(last) ? name.substr(0, name.size() - last.size()) : name;
}

Lora::Lora(const Parameters& parameters, const LoraOptions& options) : options_(options) {
  if (options.rank < 1 || !std::isfinite(options.alpha))
    throw UsageError({.where = "Lora",
                      .what = "rank " + std::to_string(options.rank) + ", alpha " + std::to_string(options.alpha),
                      .expected = "a rank of 1 or more",
                      .remedy = "rank 8 or 16, alpha twice the rank"});
  for (const std::string& pattern : options.targets)
    if (std::none_of(parameters.begin(), parameters.end(), [&](const auto& one) {
          return one.second->rank() >= 2 && fits(pattern, layer_of_parameter(one.first));
        }))
      throw UsageError({.where = "Lora",
                        .what = "no layer with a weight of two axes or more fits \"" + pattern + "\"",
                        .expected = "one of " + adaptable(parameters),
                        .remedy = "the last part of a layer's name, or a pattern such as layers.1.**"});
  for (const auto& [name, parameter] : parameters) {
    const std::string layer = layer_of_parameter(name);
    parameter->set_requires_grad(false);
    if (parameter->rank() < 2 || std::none_of(options.targets.begin(), options.targets.end(),
                                              [&](const std::string& pattern) { return fits(pattern, layer); }))
      continue;
    const Shape& shape = parameter->shape();
    const bool turned = options.transposed && shape.rank() == 2;
    std::vector<std::int64_t> b(static_cast<std::size_t>(shape.rank()), 1);
    b[0] = turned ? shape[1] : shape[0];
    b[1] = options.rank;
    const Shape a = turned ? Shape{options.rank, shape[0]} : shape.with(0, options.rank);
    adapters_.push_back({.layer = layer,
                         .member = parameter,
                         .base = *parameter,
                         .a = init::fan_in_uniform(a),
                         .b = init::zeros(Shape(b))});
  }
  if (adapters_.empty())
    throw UsageError({.where = "Lora",
                      .what = "no targets",
                      .expected = "patterns of layers: " + adaptable(parameters),
                      .remedy = ".targets = {\"q_proj\", \"v_proj\"}"});
}

Lora::~Lora() { detach(); }

double Lora::scale() const {
  const auto rank = static_cast<double>(options_.rank);
  return options_.alpha / (options_.rslora ? std::sqrt(rank) : rank);
}

std::vector<Field> Lora::fields() const {
  std::vector<Field> found;
  for (const Adapter& one : adapters_) {
    found.push_back({one.layer + ".lora_A.weight", one.a, true});
    found.push_back({one.layer + ".lora_B.weight", one.b, true});
  }
  return found;
}

std::vector<std::string> Lora::layers() const {
  std::vector<std::string> names;
  for (const Adapter& one : adapters_) names.push_back(one.layer);
  return names;
}

// scale · B · A in the shape of the weight.
Tensor Lora::change(const Adapter& one) const {
  const Tensor a = reshape(one.a, {options_.rank, -1}), b = reshape(one.b, {-1, options_.rank}) * scale();
  const bool turned = options_.transposed && one.base.rank() == 2;
  return turned ? matmul(transpose(a, 0, 1), transpose(b, 0, 1)) : reshape(matmul(b, a), one.base.shape());
}

void Lora::attach() {
  for (const Adapter& one : adapters_) static_cast<Tensor&>(*one.member) = one.base + change(one);
}

void Lora::detach() {
  for (const Adapter& one : adapters_) *one.member = one.base;
}

void Lora::merge() {
  const NoGradient off;
  for (const Adapter& one : adapters_) {
    const Array merged = (one.base + change(one)).value();
    kernels(merged).elementwise.copy(merged, {one.base.value(), false});
    one.base.value().bump_version();
    kernels(merged).elementwise.fill(0, one.b.value());
    one.b.value().bump_version();
  }
  detach();
}

}  // namespace joist
