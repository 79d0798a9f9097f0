#include <joist/core/text.h>
#include <joist/tools/training/onnx/call.h>
#include <joist/tools/training/onnx/program.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace joist {
namespace {

using onnx_ops::Call;
using onnx_ops::Outputs;

void collect_unknown(const OnnxBody& body, std::set<std::string>& unknown) {
  for (const OnnxOperation& operation : body.operations) {
    if (!operation.domain.empty())
      unknown.insert(printable(operation.domain + "." + operation.op));
    else if (!onnx_ops::table().contains(operation.op))
      unknown.insert(printable(operation.op));
    for (const auto& [name, value] : operation.attributes)
      if (const auto* inner = std::get_if<std::shared_ptr<const OnnxBody>>(&value)) collect_unknown(**inner, unknown);
  }
}

// Values by name; a body sees those around it.
struct Scope {
  std::map<std::string, Tensor> values{};
  const Scope* outer = nullptr;

  const Tensor* find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer)
      if (const auto found = scope->values.find(name); found != scope->values.end()) return &found->second;
    return nullptr;
  }
};

class Run {
 public:
  Run(const std::string& where, std::int64_t operator_set) : where_(where), operator_set_(operator_set) {}

  Outputs body(const OnnxBody& body, Scope& scope) const {
    const Call::RunBody inner = [&](const OnnxBody& nested, const std::vector<Tensor>& arguments) {
      if (arguments.size() != nested.inputs.size())
        throw DataError({.where = where_, .what = "a body of a loop or branch with another number of inputs"});
      Scope own{.outer = &scope};
      for (const NamedArray& each : nested.initializers) own.values[each.name] = Tensor(each.array);
      for (std::size_t i = 0; i < arguments.size(); ++i) own.values[nested.inputs[i]] = arguments[i];
      return this->body(nested, own);
    };
    for (const OnnxOperation& operation : body.operations) {
      std::vector<Tensor> inputs;
      for (const std::string& name : operation.inputs) inputs.push_back(name.empty() ? Tensor() : value(scope, name));
      const Outputs outputs = step(Call(operation, std::move(inputs), operator_set_, inner), operation);
      for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        if (operation.outputs[i].empty()) continue;
        if (i >= outputs.size() || !outputs[i].defined())
          throw UnsupportedError({.where = where_, .what = fmt::format("output {} of {}", i, operation.op)});
        scope.values[operation.outputs[i]] = outputs[i];
      }
    }
    Outputs results;
    for (const std::string& name : body.outputs) results.push_back(value(scope, name));
    return results;
  }

 private:
  const Tensor& value(const Scope& scope, const std::string& name) const {
    const Tensor* found = scope.find(name);
    if (found == nullptr)
      throw DataError({.where = where_,
                       .what = "nothing gives the value \"" + printable(name) + "\"",
                       .expected = "operations in the order in which they need each other"});
    return *found;
  }

  // What the engine says of operands that do not fit is a fault of the model or of its inputs here.
  Outputs step(const Call& call, const OnnxOperation& operation) const {
    const auto where = [&] { return fmt::format("{}: {} \"{}\"", where_, operation.op, printable(operation.name)); };
    try {
      return onnx_ops::table().find(operation.op)->second(call);
    } catch (const ShapeError& error) {
      throw DataError({.where = where(), .what = error.what()});
    } catch (const DtypeError& error) {
      throw UnsupportedError({.where = where(), .what = error.what()});
    } catch (const InternalError& error) {
      throw UnsupportedError({.where = where(), .what = error.what()});
    } catch (const UsageError& error) {
      throw DataError({.where = where(), .what = error.what()});
    }
  }

  const std::string& where_;
  std::int64_t operator_set_;
};

}  // namespace

OnnxProgram::OnnxProgram(OnnxModel model, std::string where) : model_(std::move(model)), where_(std::move(where)) {
  std::set<std::string> unknown;
  collect_unknown(model_.graph, unknown);
  if (!unknown.empty())
    throw UnsupportedError(
        {.where = where_, .what = fmt::format("operators that joist does not have: {}", fmt::join(unknown, ", "))});
  const std::int64_t set = model_.operator_sets.contains("") ? model_.operator_sets.at("") : 0;
  if (set < 6 || set > 21)
    throw UnsupportedError({.where = where_, .what = fmt::format("operator set {}", set), .expected = "6 to 21"});
  for (const NamedArray& each : model_.graph.initializers)
    initializers_.emplace(each.name, Tensor(each.array, is_floating(each.array.dtype())));
}

std::map<std::string, Tensor> OnnxProgram::run(const std::map<std::string, Tensor>& inputs) const {
  Scope scope{.values = initializers_};
  std::vector<std::string> missing;
  for (const std::string& name : model_.graph.inputs)
    if (const auto found = inputs.find(name); found != inputs.end())
      scope.values[name] = found->second;
    else
      missing.push_back(printable(name));
  if (!missing.empty())
    throw DataError({.where = where_,
                     .what = fmt::format("inputs are missing: {}", fmt::join(missing, ", ")),
                     .expected = fmt::format("{}", fmt::join(model_.graph.inputs, ", "))});
  const Outputs results = Run(where_, model_.operator_sets.at("")).body(model_.graph, scope);
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < results.size(); ++i) named[model_.graph.outputs[i]] = results[i];
  return named;
}

}  // namespace joist
