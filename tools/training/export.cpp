#include <joist/core/gradient.h>
#include <joist/core/mode.h>
#include <joist/tools/training/export.h>
#include <joist/tools/training/export_nodes.h>

#include <unordered_map>

namespace joist {
namespace {

class Tracer final : public Listener {
 public:
  Tracer(const NamedTensor& input, const std::vector<Field>& state) {
    for (const Field& field : state) names_.emplace(field.tensor.state(), "weight:" + field.name);
    state_ = state;
    builder_.graph.inputs.push_back({input.name, input.tensor.dtype(), input.tensor.shape()});
    name(input.tensor, input.name);
  }

  void on_record(const Operation& operation, std::span<const Tensor> inputs, std::span<const Tensor> outputs) override {
    std::vector<std::string> from, to;
    for (const Tensor& input : inputs) from.push_back(input.defined() ? name_of_input(input) : "");
    for (const Tensor& output : outputs) {
      const std::string fresh = builder_.fresh();
      name(output, fresh);
      to.push_back(fresh);
    }
    add_nodes(builder_, operation, inputs, from, outputs, to);
  }

  OnnxGraph finish(const std::vector<NamedTensor>& outputs) {
    for (const NamedTensor& output : outputs) {
      builder_.add("Identity", {name_of_input(output.tensor)}, {output.name});
      builder_.graph.outputs.push_back({output.name, output.tensor.dtype(), output.tensor.shape()});
    }
    return std::move(builder_.graph);
  }

 private:
  void name(const Tensor& tensor, const std::string& text) {
    alive_.push_back(tensor);  // so that no later tensor gets the same address
    names_[tensor.state()] = text;
  }

  std::string name_of_input(const Tensor& tensor) {
    const auto found = names_.find(tensor.state());
    if (found == names_.end()) {
      alive_.push_back(tensor);
      return names_[tensor.state()] = builder_.constant(tensor.value());
    }
    constexpr std::string_view mark = "weight:";
    if (!found->second.starts_with(mark)) return found->second;
    // A parameter: an initializer the first time it is used.
    found->second = found->second.substr(mark.size());
    builder_.graph.initializers.push_back({found->second, tensor.value()});
    return found->second;
  }

  OnnxBuilder builder_;
  std::vector<Field> state_;
  std::vector<Tensor> alive_;
  std::unordered_map<const TensorState*, std::string> names_;
};

}  // namespace

OnnxGraph trace_onnx(const NamedTensor& input, const std::vector<Field>& state,
                     const std::function<std::vector<NamedTensor>(const Tensor&)>& forward) {
  const Inference inference;
  Tracer tracer(input, state);
  std::vector<NamedTensor> outputs;
  {
    const Listening listening(tracer);
    outputs = forward(input.tensor);
  }
  return tracer.finish(outputs);
}

}  // namespace joist
