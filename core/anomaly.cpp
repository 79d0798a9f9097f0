#include <joist/core/anomaly.h>
#include <joist/core/kernels/elementwise.h>

#include <algorithm>
#include <cmath>

namespace joist {
namespace {

struct Found {
  std::int64_t nan = 0, infinite = 0;
  bool any(const AnomalyOptions& options) const { return nan > 0 || (options.infinities && infinite > 0); }
  std::string text() const {
    std::string text;
    if (nan > 0) text = std::to_string(nan) + " NaN";
    if (infinite > 0) text += (text.empty() ? "" : " and ") + std::to_string(infinite) + " infinite";
    return text;
  }
};

Found look(const Array& x) {
  Found found;
  if (!x.defined() || !is_floating(x.dtype()) || x.elements() == 0 || !x.device().on_host()) return found;
  const auto count = [&found](const auto* values, std::int64_t elements) {
    for (std::int64_t i = 0; i < elements; ++i) {
      if (std::isnan(values[i])) ++found.nan;
      if (std::isinf(values[i])) ++found.infinite;
    }
  };
  if (x.dtype() == Dtype::float32 && x.is_dense()) {
    count(x.data<float>(), x.elements());
  } else {
    const Array wide = Array::empty(x.shape(), Dtype::float64, x.device());
    kernels_of<ElementwiseKernels>(x).copy(x, {wide, false});
    count(wide.data<double>(), wide.elements());
  }
  return found;
}

}  // namespace

struct DetectAnomaly::Memory {
  AnomalyOptions options;
  LayerNames names;
  std::vector<std::vector<bool>> wrong_before{};  // per running backward: inputs whose gradient was wrong already
};

DetectAnomaly::DetectAnomaly(const std::vector<Field>& fields, AnomalyOptions options)
    : memory_(std::make_unique<Memory>(Memory{.options = options, .names = LayerNames(fields)})),
      before_(joist::listening()),
      listening_(*this) {}
DetectAnomaly::~DetectAnomaly() = default;

void DetectAnomaly::on_record(const Operation& operation, std::span<const Tensor> inputs,
                              std::span<const Tensor> outputs) {
  if (before_) before_->on_record(operation, inputs, outputs);
  const std::string place = memory_->names.place(inputs, outputs);
  for (const Tensor& output : outputs) {
    const Found found = look(output.value());
    if (!found.any(memory_->options)) continue;
    const bool given = std::any_of(inputs.begin(), inputs.end(), [this](const Tensor& input) {
      return input.defined() && look(input.value()).any(memory_->options);
    });
    if (given) continue;
    std::string shapes;
    for (const Tensor& input : inputs)
      if (input.defined()) shapes += (shapes.empty() ? "" : ", ") + input.shape().text();
    throw DataError(
        {.where = "forward of " + describe(operation) + (place.empty() ? "" : " (" + place + ")"),
         .what = found.text() + " of " + std::to_string(output.value().elements()) +
                 " elements in the result of shape " + output.shape().text(),
         .expected = "finite numbers, as in its inputs of shape " + (shapes.empty() ? "none" : shapes),
         .remedy = "a lower learning rate, or an epsilon where this operation divides or takes a logarithm"});
  }
}

void DetectAnomaly::on_backward(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward(node, output_gradients);
  std::vector<bool> wrong;
  for (int i = 0; i < node.inputs(); ++i) wrong.push_back(look(node.arrived(i)).any(memory_->options));
  memory_->wrong_before.push_back(std::move(wrong));
}

void DetectAnomaly::on_backward_done(const Node& node, std::span<const Array> output_gradients) {
  if (before_) before_->on_backward_done(node, output_gradients);
  if (memory_->wrong_before.empty()) return;  // made while this node's backward was running
  const std::vector<bool> wrong = std::move(memory_->wrong_before.back());
  memory_->wrong_before.pop_back();
  const std::string place = memory_->names.take_place(node);
  const bool given = std::any_of(output_gradients.begin(), output_gradients.end(),
                                 [this](const Array& dy) { return look(dy).any(memory_->options); });
  if (given) return;
  for (int i = 0; i < node.inputs(); ++i) {
    if (wrong[static_cast<std::size_t>(i)]) continue;
    const Array gradient = node.arrived(i);
    const Found found = look(gradient);
    if (!found.any(memory_->options)) continue;
    throw DataError({.where = "backward of " + describe(node.operation()) + (place.empty() ? "" : " (" + place + ")"),
                     .what = found.text() + " of " + std::to_string(gradient.elements()) +
                             " elements in the gradient of input " + std::to_string(i) + " of shape " +
                             gradient.shape().text(),
                     .expected = "finite numbers, as in the gradient of its result",
                     .remedy = "keep its input away from where its slope is infinite (sqrt, log and pow at 0)"});
  }
}

}  // namespace joist
