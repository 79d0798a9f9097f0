#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/data/augment/dataset_pool.h>
#include <joist/data/check.h>
#include <joist/data/encode.h>
#include <joist/tools/commands/data.h>
#include <joist/tools/report/contact_sheet.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/page.h>
#include <joist/tools/training/augmentation.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data preview site/train.json --out preview
      what a training sees: preview/preview.png, .html and .json
  joist data preview site/train.json --augment site --out preview
  joist data preview site/train.json --config run.toml --out preview
      the list in run.toml, which joist train --config run.toml uses:
        [[augment]]
        op = "mosaic"
        [[augment]]
        op = "affine"
        degrees = 5
        [[augment]]
        op = "rain"
        p = 0.2
  joist data preview --operations
      every operation with its settings and their ranges
  joist data preview site/train.json --each --out operations
      every operation by itself, three times
  joist data preview --list site >> run.toml
      a ready list to start from)";

struct Given {
  DataPlace place{};
  std::string out{}, config{}, augment{}, list{};
  std::int64_t size = 320, count = 24, seed = 0, epoch = 0;
  bool operations = false, each = false;
};

struct Shown {
  std::size_t sample = 0;
  std::string caption{};
  Example example{};
};

void list_operations() {
  const char* group = "";
  for (const AugmentOperation& operation : augment_operations()) {
    if (std::string_view(group) != operation.group) fmt::print("\n{}\n", group = operation.group);
    const bool has_p = operation.kind != AugmentOperation::Kind::choice;
    fmt::print("  {:<20} {}{}\n", operation.name, operation.help,
               has_p && operation.p < 1 ? fmt::format(" (p {})", operation.p) : "");
    for (const AugmentParameter& one : operation.parameters)
      fmt::print("      {:<16} {:<8} {} to {}: {}\n", one.name, fmt::format("{:g}", one.value), one.least, one.most,
                 one.help);
  }
  fmt::print("\nLists: {}\n", fmt::join(augment_list_names(), ", "));
}

Picture with_boxes(const Example& example, const Dataset& dataset) {
  std::vector<DrawnBox> boxes;
  for (const LabelledBox& box : example.boxes)
    boxes.push_back({.box = {box.x1, box.y1, box.width(), box.height()},
                     .label = dataset.categories.at(static_cast<std::size_t>(box.category)),
                     .category = box.category});
  return draw_boxes(example.picture, boxes);
}

// Makes an example by the list, or by the fixed recipe where there is none.
class Maker {
 public:
  Maker(const std::optional<PipelineOptions>& list, const TrainOptions& options, int size) {
    if (list) {
      pipeline_.emplace(*list, size);
    } else {
      AugmentOptions fixed;
      if (options.mosaic >= 0) fixed.mosaic = static_cast<float>(options.mosaic);
      if (options.flip >= 0) fixed.flip_horizontal = static_cast<float>(options.flip);
      augmenter_.emplace(fixed, size);
    }
  }
  const Example& operator()(const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch, std::size_t sample) {
    return pipeline_ ? (*pipeline_)(pool, seed, epoch, sample) : (*augmenter_)(pool, seed, epoch, sample);
  }

 private:
  std::optional<Pipeline> pipeline_{};
  std::optional<Augmenter> augmenter_{};
};

TrainOptions options_of(const Given& given) {
  TrainOptions options;
  if (!given.config.empty()) {
    const std::vector<std::byte> bytes = read_file(given.config, 1 << 20);
    read_toml(options, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), given.config);
  }
  if (!given.augment.empty()) options.augment = {given.augment, {}};
  static_cast<void>(options.augment.operations());
  return options;
}

std::string text_of(const TrainOptions& options) {
  if (!options.augment.is_default()) return to_toml(options.augment.operations());
  return "# The fixed recipe of detectors; as a list it is about\n" + to_toml(named_augment_list("default"));
}

std::vector<Shown> preview(const Given& given, const Dataset& dataset, const TrainOptions& options) {
  const int size = static_cast<int>(given.size);
  const DatasetPool pool(dataset, size);
  std::vector<Shown> shown;
  const std::size_t all = dataset.samples.size();
  if (given.each) {
    for (const AugmentOperation& operation : augment_operations()) {
      if (operation.kind == AugmentOperation::Kind::choice) continue;
      PipelineOptions list{.list = {{operation.name, {{"p", 1}}, {}, ""}}};
      if (!options.backgrounds.empty()) list.backgrounds = picture_files(options.backgrounds);
      Pipeline pipeline(list, size);
      for (std::uint32_t i = 0; i < 3; ++i) {
        const std::size_t sample = (static_cast<std::size_t>(given.seed) + 7 * i) % all;
        shown.push_back({sample, operation.name,
                         pipeline(pool, static_cast<std::uint64_t>(given.seed),
                                  static_cast<std::uint32_t>(given.epoch) + i, sample)});
      }
    }
    return shown;
  }
  std::optional<PipelineOptions> list;
  if (!options.augment.is_default()) list = pipeline_options(options, false);
  Maker make(list, options, size);
  const std::size_t count = static_cast<std::size_t>(given.count);
  for (std::size_t i = 0; i < count; ++i) {
    // Spread over the set; a smaller set comes round again in the next epoch.
    const std::size_t sample = all >= count ? i * all / count : i % all;
    const auto epoch = static_cast<std::uint32_t>(given.epoch) + static_cast<std::uint32_t>(all >= count ? 0 : i / all);
    shown.push_back({sample, std::filesystem::path(dataset.samples[sample].path).filename().string(),
                     make(pool, static_cast<std::uint64_t>(given.seed), epoch, sample)});
  }
  return shown;
}

void write_results(const Given& given, const Dataset& dataset, const TrainOptions& options,
                   const std::vector<Shown>& shown) {
  nlohmann::ordered_json json{{"data", dataset.source},      {"seed", given.seed},
                              {"epoch", given.epoch},        {"size", given.size},
                              {"augment", text_of(options)}, {"pictures", nlohmann::json::array()}};
  std::vector<SheetPicture> sheet;
  Page page("Augmented pictures");
  page.paragraph(
      fmt::format("{}, seed {}, epoch {}, {} pixels", summary(dataset), given.seed, given.epoch, given.size));
  if (!given.each) page.heading("The list").preformatted(text_of(options)).heading("Pictures");
  std::size_t boxes = 0;
  for (const Shown& one : shown) {
    const Picture drawn = with_boxes(one.example, dataset);
    nlohmann::ordered_json entry{
        {"path", dataset.samples[one.sample].path}, {"sample", one.sample}, {"boxes", nlohmann::json::array()}};
    if (given.each) entry["op"] = one.caption;
    for (const LabelledBox& box : one.example.boxes)
      entry["boxes"].push_back({{"class", dataset.categories.at(static_cast<std::size_t>(box.category))},
                                {"box", {box.x1, box.y1, box.width(), box.height()}}});
    boxes += one.example.boxes.size();
    json["pictures"].push_back(entry);
    page.picture(drawn, fmt::format("{} ({} boxes)", one.caption, one.example.boxes.size()));
    sheet.push_back({drawn, one.caption});
  }
  const std::filesystem::path folder(given.out);
  const int columns = given.each ? 9 : 6, side = static_cast<int>(std::clamp<std::int64_t>(given.size, 32, 320));
  write_png((folder / "preview.png").string(),
            draw_contact_sheet(summary(dataset), sheet, columns, given.each ? std::min(side, 200) : side));
  store_file((folder / "preview.html").string(), page.html());
  store_file((folder / "preview.json").string(), json.dump(1) + "\n");
  fmt::print("{} pictures with {} boxes: {}, preview.html, preview.json\n", shown.size(), boxes,
             (folder / "preview.png").string());
}

int preview_data(const Given& given) {
  if (given.operations) {
    list_operations();
    return 0;
  }
  if (!given.list.empty()) {
    fmt::print("{}", to_toml(named_augment_list(given.list)));
    return 0;
  }
  if (given.place.path.empty() || given.out.empty())
    throw UsageError({.where = "joist data preview",
                      .what = "PATH or --out is missing",
                      .remedy = "joist data preview site/train.json --out preview"});
  const auto within = [](const char* option, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (value < least || value > most)
      throw UsageError(
          {.where = option, .what = fmt::format("{}", value), .expected = fmt::format("{} to {}", least, most)});
  };
  within("--size", given.size, 32, 4096);
  within("--count", given.count, 1, 400);
  within("--seed", given.seed, 0, INT64_MAX);
  within("--epoch", given.epoch, 0, 1 << 30);
  const TrainOptions options = options_of(given);
  Dataset dataset = read_dataset(given.place.path, {.images = given.place.images});
  fmt::print("{}\n", summary(dataset));
  const CheckReport report = check(dataset, {.policy = Policy::repair});
  if (!report.findings.empty())
    fmt::print("{} findings, repaired here as --labels repair does; joist data check lists them\n",
               report.findings.size());
  write_results(given, dataset, options, preview(given, dataset, options));
  return 0;
}

}  // namespace

void add_data_preview(CLI::App& data, Context& context) {
  CLI::App* command =
      data.add_subcommand("preview", "Shows augmented pictures with their boxes, and what there is to choose");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->get_option("path")->required(false);
  command->add_option("--out", given->out, "folder of preview.png, preview.html and preview.json")->type_name("DIR");
  command->add_option("--config", given->config, "a TOML file of joist train, with [[augment]] tables")
      ->type_name("FILE");
  command->add_option("--augment", given->augment, "a ready list by its name")->type_name("NAME");
  command->add_option("--size", given->size, "side of the pictures")->type_name("PIXELS")->capture_default_str();
  command->add_option("--count", given->count, "how many")->type_name("N")->capture_default_str();
  command->add_option("--seed", given->seed, "as of joist train")->type_name("N")->capture_default_str();
  command->add_option("--epoch", given->epoch, "which epoch's pictures")->type_name("N")->capture_default_str();
  command->add_flag("--each", given->each, "every operation by itself, three times");
  command->add_flag("--operations", given->operations, "list the operations and their settings");
  command->add_option("--list", given->list, "write a ready list as TOML")->type_name("NAME");
  command->callback([&context, given] { context.run = [given] { return preview_data(*given); }; });
}

}  // namespace joist::commands
