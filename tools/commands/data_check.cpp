#include <joist/core/error.h>
#include <joist/data/check.h>
#include <joist/data/dataset.h>
#include <joist/data/write.h>
#include <joist/tools/commands/data.h>

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist data check site/train.json
      every fault with its file and line; exit code 3 if the labels would train wrongly
  joist data check site/train.json --val site/val.json --json findings.json
      also pictures that are in both, or look as if
  joist data check voc_folder --policy repair --out mended.json
      clips, scales and drops as training does, lists each change and writes the rest as COCO JSON
joist train does the same before every run: --labels fail|repair|drop, --max-loss.)";

struct Given {
  DataPlace place{};
  std::string val{}, policy = "report", out{}, json{};
  int size = 320;
  bool quick = false;
};

Policy policy_named(const std::string& name) {
  if (name == "report") return Policy::report;
  if (name == "fail") return Policy::fail;
  if (name == "repair") return Policy::repair;
  if (name == "drop") return Policy::drop;
  throw UsageError({.where = "--policy", .what = "\"" + name + "\"", .expected = "report, fail, repair or drop"});
}

/// Whether labels would train wrongly, as check() judges.
bool is_harmless(const std::string& kind) {
  for (const char* harmless :
       {"duplicate box", "same picture", "near-duplicate picture", "tiny object", "no label file", "turned"}) {
    if (kind == harmless) return true;
  }
  return false;
}

int check_data(const Given& given) {
  const Policy policy = policy_named(given.policy);
  Dataset dataset = read_dataset(given.place.path, {.images = given.place.images, .lenient = true});
  fmt::print("{}\n", summary(dataset));
  const CheckOptions options{
      .policy = policy == Policy::fail ? Policy::report : policy, .decode_pictures = !given.quick, .size = given.size};
  CheckReport report = check(dataset, options);
  if (!given.val.empty()) {
    const Dataset val = read_dataset(given.val, {.images = given.place.images, .lenient = true});
    add(report, leaks(dataset, val));
  }
  fmt::print("{}", to_text(report));
  write_result(given.json, to_json(report) + "\n");
  if (report.findings.empty()) fmt::print("nothing wrong was found\n");
  const bool mends = policy == Policy::repair || policy == Policy::drop;
  if (mends) {
    fmt::print("left: {} of {} pictures, {} of {} boxes\n", report.pictures, report.read_pictures, report.boxes,
               report.read_boxes);
    if (!given.out.empty()) write_coco(dataset, given.out);
    return 0;
  }
  std::int64_t harmful = 0;
  for (const auto& [kind, count] : report.counts) harmful += is_harmless(kind) ? 0 : count;
  if (harmful == 0) return 0;
  throw DataError({.where = dataset.source,
                   .what = fmt::format("{} faults would train wrongly", harmful),
                   .remedy = "correct the labels, or --policy repair or drop"});
}

}  // namespace

void add_data_check(CLI::App& data, Context& context) {
  CLI::App* command = data.add_subcommand(
      "check", "Says what is wrong with labels and pictures; exit code 3 if they would train wrongly");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  add_place(*command, given->place);
  command->add_option("--val", given->val, "validation data, compared with these")->type_name("PATH");
  command->add_option("--policy", given->policy, "only list faults, or mend the labels as training would")
      ->type_name("report|fail|repair|drop")
      ->capture_default_str();
  command->add_option("--size", given->size, "side of the model's input, for objects that are too small in it; 0: none")
      ->type_name("PIXELS")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str();
  command->add_flag("--quick", given->quick, "look at the pictures' headers and ends only, compare none");
  command->add_option("--out", given->out, "write what --policy repair or drop leaves, as COCO JSON")
      ->type_name("FILE");
  command->add_option("--json", given->json, "write the findings here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return check_data(*given); }; });
}

}  // namespace joist::commands
