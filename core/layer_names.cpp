#include <joist/core/custom.h>
#include <joist/core/elementwise.h>
#include <joist/core/layer_names.h>
#include <joist/core/tensor_state.h>

#include <string_view>
#include <variant>

namespace joist {
namespace {

// The type's own name, from the signature that the compiler writes: "… [with F = joist::Relu; …]".
template <class F>
std::string name_of_type() {
  const std::string_view text = __PRETTY_FUNCTION__;
  const std::size_t begin = text.find("F = ") + 4;
  std::string_view name = text.substr(begin, text.find_first_of(";]", begin) - begin);
  if (const std::size_t scope = name.rfind("::"); scope != std::string_view::npos) name = name.substr(scope + 2);
  return std::string(name);
}

template <class Variant>
std::string name_of_active(const Variant& function) {
  return std::visit([]<class F>(const F&) { return name_of_type<F>(); }, function);
}

}  // namespace

std::string describe(const Operation& operation) {
  if (const auto* unary = operation.attributes.as<Unary>()) return name_of_active(*unary);
  if (const auto* binary = operation.attributes.as<Binary>()) return name_of_active(*binary);
  if (const auto* custom = operation.attributes.as<CustomAttribute>()) return custom->name.data();
  return name_of(operation.op);
}

LayerNames::LayerNames(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    const std::size_t dot = field.name.rfind('.');
    layers_[field.tensor.state()] = dot == std::string::npos ? field.name : field.name.substr(0, dot);
    kept_.push_back(field.tensor);
  }
}

const std::string& LayerNames::of(std::span<const Tensor> inputs) const {
  static const std::string none;
  for (const Tensor& input : inputs)
    if (const auto found = layers_.find(input.state()); found != layers_.end()) return found->second;
  return none;
}

std::string LayerNames::place(std::span<const Tensor> inputs, std::span<const Tensor> outputs) {
  const std::string& own = of(inputs);
  const std::string place = !own.empty() ? own : last_.empty() ? "" : "after " + last_;
  if (!own.empty()) last_ = own;
  for (const Tensor& output : outputs)
    if (const Node* node = output.state()->origin.get()) places_[node] = place;
  return place;
}

std::string LayerNames::take_place(const Node& node) {
  const auto found = places_.find(&node);
  if (found == places_.end()) return "";
  std::string place = std::move(found->second);
  places_.erase(found);
  return place;
}

}  // namespace joist
