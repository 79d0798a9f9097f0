#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/tools/training/receptive_field.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Axes = std::vector<ReceptiveField>;

// A window that is moved over the axis.
void slide(ReceptiveField& field, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
           std::int64_t dilation) {
  field.size += static_cast<double>(dilation * (kernel - 1)) * field.stride;
  field.padding += static_cast<double>(padding) * field.stride;
  field.stride *= static_cast<double>(stride);
}

// The smallest field that holds both.
void join(ReceptiveField& field, const ReceptiveField& other) {
  const double end = std::max(field.size - field.padding, other.size - other.padding);
  field.padding = std::max(field.padding, other.padding);
  field.size = end + field.padding;
  field.stride = std::max(field.stride, other.stride);
  field.whole = field.whole || other.whole;
}

// `lengths` are the spatial lengths of a tensor [batch, channel, …]; none for other ranks.
Shape spatial(const Shape& shape, std::size_t axes) {
  return shape.rank() == static_cast<int>(axes) + 2 ? shape.without(0).without(0) : Shape{};
}

// The options of a window along axis i of `count`; options name two axes even where the layer has one.
std::int64_t option(const Shape& values, std::size_t i, std::size_t count) {
  const int at = values.rank() - static_cast<int>(count) + static_cast<int>(i);
  return at < 0 ? 1 : values[at];
}

void convolve(Axes& axes, const Operation& operation, std::span<const Tensor> inputs) {
  const auto* options = operation.attributes.as<ConvolutionOptions>();
  if (!options || inputs.size() < 2) return;
  const Shape kernel = inputs[1].shape().without(0).without(0);
  for (std::size_t i = 0; i < axes.size(); ++i)
    slide(axes[i], option(kernel, i, axes.size()), option(options->stride, i, axes.size()),
          option(options->padding, i, axes.size()), option(options->dilation, i, axes.size()));
}

void pool(Axes& axes, const Operation& operation) {
  const auto* options = operation.attributes.as<PoolOptions>();
  if (!options) return;
  for (std::size_t i = 0; i < axes.size(); ++i)
    slide(axes[i], option(options->kernel, i, axes.size()), option(options->stride, i, axes.size()),
          option(options->padding, i, axes.size()), option(options->dilation, i, axes.size()));
}

// Enlarging or shrinking by the ratio of lengths; `neighbours` of the input meet in one number of the output.
void resize(Axes& axes, const Shape& from, const Shape& to, double neighbours) {
  for (std::size_t i = 0; i < axes.size() && from.rank() == to.rank() && from.rank() > static_cast<int>(i); ++i) {
    const auto at = static_cast<int>(i);
    axes[i].size += (neighbours - 1) * axes[i].stride;
    if (to[at] > 0) axes[i].stride *= static_cast<double>(from[at]) / static_cast<double>(to[at]);
  }
}

// A window k that writes every s places takes ⌈k / s⌉ numbers of the input into one of the output.
void enlarge(Axes& axes, const Shape& from, const Shape& to, std::span<const Tensor> inputs) {
  if (inputs.size() < 2 || from.rank() == 0 || to.rank() == 0) return;
  const Shape kernel = inputs[1].shape().without(0).without(0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto at = static_cast<int>(i);
    const double stride = std::max(1.0, std::round(static_cast<double>(to[at]) / static_cast<double>(from[at])));
    axes[i].size += (std::ceil(static_cast<double>(option(kernel, i, axes.size())) / stride) - 1) * axes[i].stride;
    axes[i].stride /= stride;
  }
}

void see_all(Axes& axes) {
  for (ReceptiveField& field : axes) field.whole = true;
}

// An axis of several numbers becomes one.
void pool_globally(Axes& axes, const Shape& from, const Shape& to) {
  for (std::size_t i = 0; i < axes.size() && from.rank() == to.rank() && from.rank() > static_cast<int>(i); ++i) {
    const auto at = static_cast<int>(i);
    if (from[at] > to[at]) axes[i].whole = true;
  }
}

}  // namespace

ReceptiveFields::ReceptiveFields(const Tensor& picture, std::span<const Field> parameters)
    : picture_(picture.rank() > 2 ? picture.shape().without(0).without(0) : Shape{}) {
  known_[picture.state()] = {picture.shared_state(), Axes(static_cast<std::size_t>(picture_.rank()))};
  for (const Field& field : parameters) {
    std::string name = field.name;
    if (name.ends_with(".weight")) name.resize(name.size() - 7);
    names_[field.tensor.state()] = name;
  }
}

std::vector<ReceptiveField> ReceptiveFields::of(const Tensor& x) const {
  const auto at = known_.find(x.state());
  if (at == known_.end() || at->second.tensor.expired()) return {};
  Axes axes = at->second.axes;
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i].whole) axes[i].size = static_cast<double>(picture_[static_cast<int>(i)]);
  return axes;
}

void ReceptiveFields::on_record(const Operation& operation, std::span<const Tensor> inputs,
                                std::span<const Tensor> outputs) {
  Axes axes;
  const Tensor* first = nullptr;
  int known = 0;
  for (const Tensor& input : inputs) {
    if (!input.defined()) continue;
    const Axes other = of(input);
    if (other.empty()) continue;
    ++known;
    if (!first) {
      first = &input;
      axes = other;
    } else {
      for (std::size_t i = 0; i < axes.size(); ++i) join(axes[i], other[i]);
    }
  }
  if (!first || outputs.empty()) return;
  const Shape from = spatial(first->shape(), axes.size()), to = spatial(outputs[0].shape(), axes.size());
  const auto before = [](const Axes& a) {
    std::vector<double> numbers;
    for (const ReceptiveField& f : a) numbers.insert(numbers.end(), {f.size, f.stride, f.padding, f.whole ? 1.0 : 0.0});
    return numbers;
  };
  const std::vector<double> unchanged = before(axes);
  bool shown = false;
  switch (operation.op) {
    case Op::convolution:
      convolve(axes, operation, inputs);
      shown = true;
      break;
    case Op::convolution_transposed:
      enlarge(axes, from, to, inputs);
      shown = true;
      break;
    case Op::max_pool:
    case Op::average_pool:
      pool(axes, operation);
      shown = true;
      break;
    case Op::resize_nearest: resize(axes, from, to, 1); break;
    case Op::resample: resize(axes, from, to, 2); break;
    case Op::adaptive_average_pool:
    case Op::adaptive_max_pool: pool_globally(axes, from, to); break;
    case Op::sum:
      if (const auto* sum = operation.attributes.as<SumAttribute>())
        pool_globally(axes, from, spatial(sum->kept, axes.size()));
      break;
    case Op::linear:  // one row per picture mixes what is left of the positions
      if (first->shape(0) == 1) see_all(axes);
      shown = true;
      break;
    case Op::matmul:
      if (known > 1) see_all(axes);
      break;
    case Op::attention:
    case Op::recurrent:
    case Op::grid_sample:
    case Op::roi_align:
    case Op::fft: see_all(axes); break;
    case Op::slice:
      if (const auto* slice = operation.attributes.as<SliceAttribute>(); slice && from.rank() > 0 && slice->axis >= 2) {
        ReceptiveField& field = axes[static_cast<std::size_t>(slice->axis - 2)];
        field.padding -= static_cast<double>(slice->start) * field.stride;
        field.stride *= static_cast<double>(slice->step);
      }
      break;
    case Op::pad:
      if (const auto* pad = operation.attributes.as<PadOptions>(); pad && from.rank() > 0)
        for (std::size_t i = 0; i < axes.size(); ++i)
          axes[i].padding += static_cast<double>(pad->before[static_cast<int>(i) + 2]) * axes[i].stride;
      break;
    default: break;
  }
  for (const Tensor& output : outputs) known_[output.state()] = {output.shared_state(), axes};
  if (!shown && before(axes) == unchanged) return;
  const auto named = inputs.size() > 1 && inputs[1].defined() ? names_.find(inputs[1].state()) : names_.end();
  layers_.push_back({.name = named != names_.end() ? named->second : "",
                     .operation = name_of(operation.op),
                     .output = outputs[0].shape(),
                     .axes = of(outputs[0])});
}

std::vector<LayerField> receptive_fields(Model& model, std::int64_t channels, std::int64_t side) {
  const Inference inference;
  const Tensor picture(
      Array::from(std::vector<float>(static_cast<std::size_t>(channels * side * side)), {1, channels, side, side}));
  const std::vector<Field> fields = model.fields();
  ReceptiveFields listener(picture, fields);
  const Listening listening(listener);
  if (model.task() == TaskKind::detect)
    model.detect(picture);
  else
    model.classify(picture);
  return listener.layers();
}

std::string to_text(std::span<const LayerField> layers) {
  const auto pair = [](const std::vector<ReceptiveField>& axes, auto member) {
    std::string text;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::string number = fmt::format("{:.4g}", axes[i].*member);
      if (i == 0)
        text = number;
      else if (axes.size() != 2 || number != text)
        text += "×" + number;
    }
    return text;
  };
  std::string text = fmt::format("{:<40} {:<22} {:<20} {:>9} {:>8} {:>8}\n", "layer", "operation", "output", "field",
                                 "stride", "padding");
  for (const LayerField& layer : layers) {
    const bool whole = std::all_of(layer.axes.begin(), layer.axes.end(), [](const auto& axis) { return axis.whole; });
    text += fmt::format("{:<40} {:<22} {:<20} ", layer.name.empty() ? "-" : layer.name, layer.operation,
                        layer.output.text());
    text += whole ? fmt::format("{:>9}\n", "whole")
                  : fmt::format("{:>9} {:>8} {:>8}\n", pair(layer.axes, &ReceptiveField::size),
                                pair(layer.axes, &ReceptiveField::stride), pair(layer.axes, &ReceptiveField::padding));
  }
  return text;
}

std::string to_json(std::span<const LayerField> layers) {
  auto list = nlohmann::ordered_json::array();
  for (const LayerField& layer : layers) {
    nlohmann::ordered_json entry{{"name", layer.name},
                                 {"operation", layer.operation},
                                 {"output", std::vector<std::int64_t>(layer.output.begin(), layer.output.end())}};
    for (const ReceptiveField& axis : layer.axes) {
      entry["size"].push_back(axis.size);
      entry["stride"].push_back(axis.stride);
      entry["padding"].push_back(axis.padding);
      entry["whole"].push_back(axis.whole);
    }
    list.push_back(std::move(entry));
  }
  return list.dump(1) + "\n";
}

}  // namespace joist
