#include <joist/core/error.h>
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/store.h>
#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/onnx/program.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist onnx run model.onnx --inputs in.npz --outputs out.npz
      in.npz holds an array per input of the graph, out.npz gets one per output
  joist onnx run model.onnx --inputs in.npz --outputs out.npz --gradients grads.npz
      and the derivative of the sum of outputs · seed_OUTPUT by every floating input and initializer; an array
      seed_OUTPUT in in.npz that is left out counts as ones)";

struct Given {
  std::string model{}, inputs{}, outputs{}, gradients{};
};

Archive gradients_of(const OnnxProgram& program, const std::map<std::string, Tensor>& inputs,
                     const std::map<std::string, Tensor>& outputs) {
  Tensor total;
  for (const auto& [name, value] : outputs) {
    if (!is_floating(value.dtype())) continue;
    const auto seed = inputs.find("seed_" + name);
    const Tensor weighed = sum(seed == inputs.end() ? value : value * to(seed->second, value.dtype()));
    total = total.defined() ? total + to(weighed, total.dtype()) : weighed;
  }
  if (total.defined() && total.requires_grad()) total.backward();
  Archive archive;
  const auto add = [&](const std::string& name, const Tensor& value) {
    if (!value.requires_grad()) return;
    const Array gradient = value.gradient();
    archive.arrays.push_back({name, gradient.defined() ? gradient : zeros_like(value.detach()).value()});
  };
  for (const std::string& name : program.inputs()) add(name, inputs.at(name));
  for (const auto& [name, value] : program.initializers()) add(name, value);
  return archive;
}

int run(const Given& given) {
  const std::filesystem::path path = given.model;
  const OnnxProgram program(read_onnx_model(Input::file(path), path.parent_path()), given.model);
  const Archive values = load(open_checkpoint_file(given.inputs));
  std::map<std::string, Tensor> inputs;
  for (const auto& [name, array] : values.arrays) {
    const bool leaf = !given.gradients.empty() && is_floating(array.dtype()) && !name.starts_with("seed_");
    inputs.emplace(name, Tensor(array, leaf));
  }
  const std::map<std::string, Tensor> outputs = program.run(inputs);
  Archive results;
  for (const auto& [name, value] : outputs) results.arrays.push_back({name, value.value()});
  if (!given.gradients.empty())
    store_file(given.gradients, checkpoint_file_bytes(gradients_of(program, inputs, outputs), given.gradients));
  store_file(given.outputs, checkpoint_file_bytes(results, given.outputs));
  for (const auto& [name, value] : outputs)
    fmt::print("{} {} {}\n", name, name_of(value.dtype()), value.shape().text());
  return 0;
}

}  // namespace

void add_onnx(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("onnx", "Runs ONNX graphs on joist's own operations");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand("run", "Runs a graph on given inputs, and its gradients on request");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("model", given->model, "an ONNX file of operator set 7 to 21")->type_name("MODEL")->required();
  command->add_option("--inputs", given->inputs, "an array per input of the graph")->type_name("FILE.npz")->required();
  command->add_option("--outputs", given->outputs, "the file to write")->type_name("FILE.npz")->required();
  command->add_option("--gradients", given->gradients, "write gradients here")->type_name("FILE.npz");
  command->callback([&context, given] { context.run = [given] { return run(*given); }; });
}

}  // namespace joist::commands
