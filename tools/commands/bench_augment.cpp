#include <joist/core/error.h>
#include <joist/data/augment/dataset_pool.h>
#include <joist/tools/commands/bench.h>
#include <joist/tools/training/training_data.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Example:
  joist bench augment --data site/train.json --size 320 --json augment.json)";

struct Given {
  std::string data{}, labels = "drop", json{};
  std::int64_t size = 320;
  double seconds = 0.2;
};

// A few pictures in memory: files and decoding are the loader's benchmark.
class Few final : public ExamplePool {
 public:
  Few(const Dataset& dataset, int size) {
    const DatasetPool pool(dataset, size);
    const std::size_t all = pool.size(), count = std::min<std::size_t>(all, 16);
    for (std::size_t i = 0; i < count; ++i) pictures_.push_back(pool.load(i * all / count, boxes_.emplace_back()));
  }
  std::size_t size() const override { return pictures_.size(); }
  std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const override {
    boxes = boxes_.at(sample);
    return pictures_.at(sample);
  }

 private:
  std::vector<std::shared_ptr<const Picture>> pictures_{};
  std::vector<std::vector<LabelledBox>> boxes_{};
};

double pictures_per_second(const AugmentList& list, const Few& pool, const Given& given) {
  Pipeline pipeline({.list = list}, static_cast<int>(given.size));
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  std::int64_t count = 0;
  for (; count < 32 || seconds() < given.seconds; ++count)
    static_cast<void>(
        pipeline(pool, 1, static_cast<std::uint32_t>(count), static_cast<std::size_t>(count) % pool.size()));
  return static_cast<double>(count) / seconds();
}

int bench_augment(const Given& given) {
  if (given.size < 32 || given.size > 4096)
    throw UsageError({.where = "--size", .what = fmt::format("{}", given.size), .expected = "32 to 4096"});
  const Dataset dataset = read_checked_detection(given.data, {.labels = given.labels, .training = true});
  const Few pool(dataset, static_cast<int>(given.size));
  nlohmann::ordered_json operations, lists;
  fmt::print("One thread, {} × {} pixels, pictures in memory; pictures/s of the operation and the square around it\n",
             given.size, given.size);
  for (const AugmentOperation& operation : augment_operations()) {
    if (operation.kind == AugmentOperation::Kind::choice) continue;
    const double rate = pictures_per_second({{operation.name, {{"p", 1}}, {}, ""}}, pool, given);
    operations[operation.name] = rate;
    fmt::print("  {:<20} {:>8.0f}\n", operation.name, rate);
  }
  for (const std::string& name : augment_list_names()) {
    const double rate = pictures_per_second(named_augment_list(name), pool, given);
    lists[name] = rate;
    fmt::print("list {:<17} {:>8.0f}\n", name, rate);
  }
  const nlohmann::ordered_json json{{"size", given.size}, {"operations", operations}, {"lists", lists}};
  write_result(given.json, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_bench_augment(CLI::App& bench, Context& context) {
  CLI::App* command = bench.add_subcommand("augment", "Times every operation of augmentation on pictures in memory");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--data", given->data, "annotated pictures: a folder or one annotation file")
      ->type_name("PATH")
      ->required();
  command->add_option("--size", given->size, "side of the pictures that come out")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--seconds", given->seconds, "for each operation")->type_name("S")->capture_default_str();
  command->add_option("--labels", given->labels, "what to do about labels that are wrong")
      ->type_name("fail|repair|drop")
      ->capture_default_str();
  command->add_option("--json", given->json, "write the figures here")->type_name("FILE");
  command->callback([&context, given] { context.run = [given] { return bench_augment(*given); }; });
}

}  // namespace joist::commands
