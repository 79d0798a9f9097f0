#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/export_model.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/parity.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist export --model runs/site/best.h5 --to site.onnx --verify site/val.json
      writes the file only if it gives on these pictures what the checkpoint gives, box for box and in AP
  joist export --model runs/site/best.h5 --to site.onnx --batch 0
      takes any number of pictures at once; --batch 8: always eight
  joist export --model runs/site/best.h5 --to site.onnx --nms --confidence 0.4
      chooses the boxes inside the graph: an output "detections" with rows of picture, x1, y1, x2, y2, score, class
  How pictures go in (letterbox, RGB, /255) and what comes out stands in the file's metadata, as JSON.)";

struct Given {
  std::string model, to, json;
  ExportOptions options{};
  ParityOptions parity{};
};

// Of the bytes that are about to be written.
int verify(const Given& given, const Model& model, const Checkpoint& checkpoint, const std::vector<std::byte>& bytes) {
  const Interruptible interruptible;
  const ExportedModel exported = ExportedModel::memory(given.to, bytes);
  const std::optional<Parity> parity = compare_with_source(model, checkpoint.description, exported, given.parity);
  if (!parity) return interrupted();
  write_result(given.json, to_json(*parity) + "\n");
  const bool detector = checkpoint.description.task == TaskKind::detect;
  std::string text = fmt::format("{} pictures: largest difference of {} {:.2g}", parity->pictures,
                                 detector ? "probabilities" : "logits (relative)", parity->score_difference);
  if (detector) text += fmt::format(", of box corners {:.2g} pixels", parity->box_difference);
  if (parity->metric_source)
    text +=
        fmt::format("; {} {:.4f} before, {:.4f} after; largest change of any {} {:.2g}", detector ? "AP" : "top-1",
                    *parity->metric_source, *parity->metric_export, detector ? "AP" : "metric", parity->metric_change);
  if (!parity->passed)
    throw DataError({.where = given.to,
                     .what = "the exported graph does not give what the checkpoint gives: " + text,
                     .expected = fmt::format("differences of at most {} (boxes: {} pixels)", given.parity.tolerance,
                                             given.parity.box_tolerance),
                     .remedy = "nothing was written; a report with the checkpoint"});
  fmt::print("verified on {}\n", text);
  return 0;
}

int run(const Given& given, const ModelRegistry& registry) {
  if (!given.to.ends_with(".onnx"))
    throw UnsupportedError(
        {.where = given.to, .what = "a format other than ONNX", .expected = "a name that ends in .onnx"});
  const Checkpoint checkpoint = read_checkpoint(given.model);
  const std::unique_ptr<Model> model = load_model(checkpoint, registry, given.model);
  const OnnxGraph graph = export_model(*model, model->fields(), checkpoint.description, given.options);
  const std::vector<std::byte> bytes = onnx_bytes(graph);
  if (!given.parity.data.empty())
    if (const int signal = verify(given, *model, checkpoint, bytes)) return signal;
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
  command->add_option("--batch", given->options.batch, "pictures per call; part of the graph; 0: any number")
      ->type_name("N")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->add_flag("--nms", given->options.suppress, "detectors choose the boxes inside the graph")
      ->group("Detectors");
  command->add_option("--confidence", given->options.thresholds.confidence, "of --nms, and of what the metadata advise")
      ->type_name("P")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Detectors");
  command->add_option("--overlap", given->options.thresholds.overlap, "likewise: of two boxes, keep the better one")
      ->type_name("IOU")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group("Detectors");
  command
      ->add_option("--verify", given->parity.data,
                   "compare with the source on these pictures, annotated or not; write nothing on a mismatch")
      ->type_name("PATH")
      ->group("Verification");
  command->add_option("--pictures", given->parity.pictures, "at most so many of them, spread over the set")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str()
      ->group("Verification");
  command->add_option("--tolerance", given->parity.tolerance, "largest difference of probabilities, and of any AP")
      ->type_name("D")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group("Verification");
  command->add_option("--json", given->json, "write the result of --verify here")
      ->type_name("FILE")
      ->group("Verification");
  command->callback([&context, given] { context.run = [&context, given] { return run(*given, context.registry); }; });
}

}  // namespace joist::commands
