#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/train.h>

#include <charconv>
#include <map>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist train --data site/train.json --val site/val.json --time 20m --out runs/site
      twenty minutes from scratch; the schedule is fitted to the time
  joist train --data voc_folder --epochs 100 --out runs/voc
      the same command twice gives the same weights
  joist train --data photos --model resnet18 --from resnet18.pth --freeze conv1,bn1,layer1 --out runs/few
      few pictures: from pretrained weights of PyTorch, whose head of other classes begins anew
  joist train --data photos --model resnet18 --from resnet18.pth --freeze 'conv1,bn1,layer*' \
      --unfreeze layer4=0.2,layer3=0.5 --rates 'layer*=0.1' --l2-sp 0.1 --out runs/gently
      the head first, then layer4 and layer3, slowly and never far from where they came from
  joist train --resume --out runs/site
      goes on after Ctrl-C, SIGTERM or a power cut, as if nothing had been
  joist train --data site/train.json --find-rate --out runs/rate
  joist train --data site/train.json --overfit-one-batch --out runs/test
      two minutes before a long run: is the rate right, do labels and model fit together?
  mpirun -np 4 joist train --data site/train.json --val site/val.json --epochs 100 --out runs/site
      four processes share each batch of --batch pictures, with the losses of one; so do torchrun's and srun's
  mpirun -np 4 joist train --resume --out runs/site
      goes on with what any number of processes saved
  joist train --config runs/site/config.toml --out runs/again
      repeats a run, also one with --time)";

/// The names of --model, in lines of 110.
std::string models_text(const ModelRegistry& registry) {
  std::string text = "\n\nModels (--model; --from takes the files of torchvision and timm):";
  const auto add = [&text](const std::string& title, const std::string& names) {
    std::string line = "  " + title;
    std::istringstream words(names);
    for (std::string word; words >> word;) {
      if (line.size() + 1 + word.size() > 110) text += "\n" + line, line = "     ";
      line += " " + word;
    }
    text += "\n" + line;
  };
  for (const TaskKind task : {TaskKind::detect, TaskKind::classify, TaskKind::sequence})
    add(std::string(name_of(task)) + ":", registry.names(task));
  return text;
}

/// What the command line said, before the configuration file is read.
struct Given {
  std::map<std::string, std::string> texts{};
  std::map<std::string, std::string> flags{};  ///< "true", "false" or, where one was not given, ""
  std::string config{};
  std::string deterministic{};
  std::string profile{};
  bool resume = false, find_rate = false, overfit = false;
};

template <class Number>
void read_number(const std::string& text, const char* name, Number& value, const char* expected) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    throw UsageError({.where = fmt::format("--{}", name), .what = "\"" + text + "\"", .expected = expected});
  value = number;
}

void read_text(const std::string& text, const char*, std::string& value) { value = text; }
void read_text(const std::string& text, const char* name, std::int64_t& value) {
  read_number(text, name, value, "a whole number");
}
void read_text(const std::string& text, const char* name, double& value) { read_number(text, name, value, "a number"); }
void read_text(const std::string& text, const char* name, bool& value) {
  if (text != "true" && text != "false")
    throw UsageError({.where = fmt::format("--{}", name), .what = "\"" + text + "\"", .expected = "true or false"});
  value = text == "true";
}
void read_text(const std::string& text, const char* name, Duration& value) {
  value = Duration::parse(text, fmt::format("--{}", name));
}

void read_text(const std::string& text, const char*, AugmentChoice& value) {
  value = {text, {}};
  static_cast<void>(value.operations());
}

/// Options that stand on the command line; lists stand in files only.
template <class Member>
constexpr bool is_listed =
    std::is_same_v<Member, AugmentChoice> || std::is_same_v<Member, std::string> ||
    std::is_same_v<Member, std::int64_t> || std::is_same_v<Member, double> || std::is_same_v<Member, Duration>;

std::string default_text(const std::string& value) { return value; }
std::string default_text(std::int64_t value) { return std::to_string(value); }
std::string default_text(double value) { return fmt::format("{}", value); }
std::string default_text(const AugmentChoice& value) { return value.name; }
std::string default_text(const Duration& value) { return value.seconds == 0 ? "" : value.text(); }

/// The configuration file, then the command line.
TrainOptions options_from(const Given& given) {
  TrainOptions options;
  if (!given.config.empty()) {
    const std::vector<std::byte> bytes = read_file(given.config, 1 << 20);
    read_toml(options, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), given.config);
  }
  // Another length than the file's: the plan recorded there is not the plan of this run.
  if (given.texts.contains("epochs") || given.texts.contains("time")) {
    options.plan.clear();
    options.evaluated.clear();
    options.epochs = 0;
    options.time = {};
  }
  visit_options(options, [&given, &options]<class Member>(const OptionInfo& info, Member& value) {
    if constexpr (is_listed<Member> || std::is_same_v<Member, bool>) {
      const auto& said = std::is_same_v<Member, bool> ? given.flags : given.texts;
      const auto found = said.find(info.name);
      if (found == said.end() || (std::is_same_v<Member, bool> && found->second.empty())) return;
      read_text(found->second, info.name, value);
      options.given.insert(info.name);
    }
  });
  if (!given.deterministic.empty()) options.deterministic = given.deterministic;
  options.resume = given.resume;
  options.profile = given.profile;
  options.find_rate = given.find_rate;
  options.overfit = given.overfit;
  return options;
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("train", "Trains a model; stops cleanly on Ctrl-C and SIGTERM");
  command->footer(examples + models_text(context.registry));
  const auto given = std::make_shared<Given>();
  command
      ->add_option("--config", given->config, "a TOML file with any of these options; the command line comes after it")
      ->type_name("FILE");
  command
      ->add_option("--profile", given->profile,
                   "write a Chrome trace of three steps here: every operation with its time and memory")
      ->type_name("FILE");
  command->add_flag("--find-rate", given->find_rate,
                    "no training: the loss under a rising learning rate, and which rate to take");
  command->add_flag("--overfit-one-batch", given->overfit,
                    "no training: whether the model can learn one batch by heart; if not, labels or rate are wrong");
  const TrainOptions defaults;
  visit_options(defaults, [&]<class Member>(const OptionInfo& info, const Member& value) {
    const std::string name = info.name;
    if (name == "resume") {
      command->add_flag("--resume", given->resume, info.help)->group(info.group);
    } else if (name == "deterministic") {
      command->add_flag("--deterministic{true}", given->deterministic, info.help)->group(info.group);
    } else if constexpr (std::is_same_v<Member, bool>) {
      command->add_flag("--" + name, given->flags[name], info.help)->group(info.group)->take_last();
    } else if constexpr (is_listed<Member>) {
      command
          ->add_option_function<std::string>(
              "--" + name, [given, name](const std::string& text) { given->texts[name] = text; }, info.help)
          ->type_name(info.value)
          ->default_str(default_text(value))
          ->group(info.group)
          ->take_last();
    }
  });
  command->callback([&context, given] {
    context.run = [&context, given] { return joist::train(options_from(*given), context.registry, context.began); };
  });
}

}  // namespace joist::commands
