#include <joist/core/error.h>
#include <joist/data/dataset.h>
#include <joist/data/split.h>
#include <joist/data/write.h>
#include <joist/tools/commands/data.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data split site.json --out site_split
      site_split/train.json and val.json, 80 and 20 of 100; frames of a camera or video and pictures that look alike
      stay together, every class is shared out, the same seed gives the same parts
  joist data split voc_folder --val 0.15 --test 0.15 --to yolo --out site_yolo
  joist data split site.csv --group 'cam([0-9]+)' --out by_camera)";

struct Given {
  DataPlace place{};
  SplitOptions options{};
  std::string to = "coco", out{}, json{};
  bool quick = false;
};

Dataset part_of(const Dataset& dataset, const std::string& name) {
  Dataset part = dataset;
  std::erase_if(part.samples, [&](const Sample& sample) { return sample.split != name; });
  for (Sample& sample : part.samples) sample.split.clear();
  return part;
}

int split_data(Given given) {
  given.options.compare_pictures = !given.quick;
  Dataset dataset = read_dataset(given.place.path, {.images = given.place.images});
  fmt::print("{}\n", summary(dataset));
  const SplitReport report = split(dataset, given.options);
  if (report.grouped_by == "none")
    fmt::print(
        "each picture by itself{}: {} groups; {} pictures are like another and stay with it\n",
        given.options.group == "auto" ? " (their names tell no cameras or videos; --group says how, if there are)" : "",
        report.groups, report.alike);
  else
    fmt::print("kept together by {}: {} groups; {} pictures are like another and stay with it\n", report.grouped_by,
               report.groups, report.alike);
  for (const SplitReport::Part& part : report.parts) {
    fmt::print("  {:<5} {} pictures", part.name, part.pictures);
    for (std::size_t c = 0; c < part.boxes.size(); ++c) fmt::print(", {} {}", dataset.categories[c], part.boxes[c]);
    fmt::print("\n");
    if (part.pictures == 0)
      throw DataError({.where = given.place.path,
                       .what = "nothing falls into the part " + part.name,
                       .expected = "more groups than parts",
                       .remedy = "--group none, or larger shares"});
  }
  const WriteOptions options{.images = given.place.images};
  if (given.to == "yolo") {
    write_dataset(dataset, given.to, given.out, options);
  } else {
    const auto formats = writable_formats();
    const bool is_known = std::find(formats.begin(), formats.end(), given.to) != formats.end();
    const std::string extension = given.to == "coco"                              ? ".json"
                                  : given.to == "csv" || given.to == "openimages" ? ".csv"
                                  : given.to == "cvat"                            ? ".xml"
                                                                                  : "";
    if (!is_known) write_dataset({}, given.to, given.out);  // says which there are
    for (const SplitReport::Part& part : report.parts)
      write_dataset(part_of(dataset, part.name), given.to,
                    (std::filesystem::path(given.out) / (part.name + extension)).string(), options);
  }
  fmt::print("written as {} to {}\n", given.to, given.out);
  write_result(given.json, to_json(report, dataset) + "\n");
  return 0;
}

}  // namespace

void add_data_split(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand("split", "Training, validation and test parts that share no scene");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--val", given->options.val, "share of the pictures for validation")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--test", given->options.test, "share of the pictures for a test")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--seed", given->options.seed, "another seed, other parts")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--group", given->options.group, "what stays together")
      ->type_name("auto|prefix|folder|none|REGEX")
      ->capture_default_str();
  command->add_flag("--quick", given->quick, "do not compare the pictures themselves");
  command->add_option("--to", given->to, "the format of the parts")
      ->type_name(fmt::format("{}", fmt::join(writable_formats(), "|")))
      ->capture_default_str();
  command->add_option("--out", given->out, "folder of the parts")->type_name("DIR")->required();
  command->add_option("--json", given->json, "write what fell where here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return split_data(*given); }; });
}

}  // namespace joist::commands
