#include <joist/data/dataset.h>
#include <joist/data/write.h>
#include <joist/tools/commands/data.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data convert site_cvat.xml --images photographs --to coco --out site.json
  joist data convert voc_folder --to yolo --out site_yolo
      labels/, images/ (linked, not copied) and data.yaml
  joist data convert train.csv --images photographs --to labelme --out corrected --json report.json
What the new format cannot hold is listed, with the place where it first occurs.)";

struct Given {
  DataPlace place{};
  std::string to{}, out{}, json{}, part{};
  bool labels_only = false;
};

int convert(const Given& given) {
  // Pictures are needed for their sizes only, and by no means where these are recorded.
  const Dataset dataset =
      read_dataset(given.place.path, {.images = given.place.images, .require_pictures = false, .split = given.part});
  fmt::print("{}\n", summary(dataset));
  const WriteReport report =
      write_dataset(dataset, given.to, given.out, {.images = given.place.images, .with_pictures = !given.labels_only});
  fmt::print("{}: {} pictures, {} boxes in {} {} at {}\n", given.to, report.pictures, report.boxes, report.files,
             report.files == 1 ? "file" : "files", report.path);
  if (!report.losses.empty()) fmt::print("not kept, because {} cannot hold it:\n", given.to);
  for (const Loss& loss : report.losses) fmt::print("  {}: {} (first: {})\n", loss.what, loss.count, loss.where);
  write_result(given.json, to_json(report, dataset, given.to) + "\n");
  return 0;
}

}  // namespace

void add_data_convert(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand("convert", "Turns one annotation format into another");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--to", given->to, "the format to write")
      ->type_name(fmt::format("{}", fmt::join(writable_formats(), "|")))
      ->required();
  command->add_option("--out", given->out, "folder, or file where the format has one")->type_name("PATH")->required();
  command->add_option("--part", given->part, "only this part of a set that has several")->type_name("train|val|test");
  command->add_flag("--labels-only", given->labels_only, "do not link the pictures (YOLO)");
  command->add_option("--json", given->json, "write counts and losses here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return convert(*given); }; });
}

}  // namespace joist::commands
