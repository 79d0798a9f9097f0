#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/export_model.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist export --model runs/site/best.h5 --to site.onnx
  joist export --model runs/site/best.h5 --to site-8.onnx --batch 8)";

struct Given {
  std::string model, to, verify;
  std::int64_t batch = 1;
};

int run(const Given& given, const ModelRegistry& registry) {
  if (!given.verify.empty())
    throw UnsupportedError(
        {.where = "--verify",
         .what = "this version cannot run ONNX graphs, so it cannot compare them",
         .remedy = "leave --verify out and compare `joist predict --json` with your runtime's boxes"});
  if (!given.to.ends_with(".onnx"))
    throw UnsupportedError(
        {.where = given.to, .what = "a format other than ONNX", .expected = "a name that ends in .onnx"});
  const Checkpoint checkpoint = read_checkpoint(given.model);
  const std::unique_ptr<Model> model = load_model(checkpoint, registry, given.model);
  const OnnxGraph graph = export_model(*model, model->fields(), checkpoint.description, given.batch);
  const std::vector<std::byte> bytes = onnx_bytes(graph);
  store_file(given.to, bytes);
  fmt::print("{}: {} nodes, {:.1f} MB; input {} {}, output {} {}\n", given.to, graph.nodes.size(),
             static_cast<double>(bytes.size()) / 1e6, graph.inputs[0].name, graph.inputs[0].shape.text(),
             graph.outputs[0].name, graph.outputs[0].shape.text());
  return 0;
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("export", "Writes a trained model as ONNX, with its pre- and post-processing described");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--model", given->model, "a checkpoint of joist")->type_name("FILE")->required();
  command->add_option("--to", given->to, "the file to write")->type_name("FILE.onnx")->required();
  command->add_option("--batch", given->batch, "pictures per call; part of the graph")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--verify", given->verify, "compare with the source on these pictures (not in this version)")
      ->type_name("PATH");
  command->callback([&context, given] { context.run = [&context, given] { return run(*given, context.registry); }; });
}

}  // namespace joist::commands
