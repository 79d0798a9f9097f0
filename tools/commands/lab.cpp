#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/data/text.h>
#include <joist/optim/registry.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/lab/around.h>
#include <joist/tools/lab/experiment.h>
#include <joist/tools/lab/laboratory.h>
#include <joist/tools/lab/problem.h>
#include <joist/tools/lab/report.h>
#include <joist/tools/lab/workers.h>
#include <joist/tools/training/interrupt.h>

#include <filesystem>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist lab run --problem rosenbrock --optimizer sgd --optimizer sgd,momentum=0.9,label=momentum --optimizer adam \
      --tune 9 --out lab
      three optimizers on a surface, learning rates tuned with nine trials each; open lab/report.html
  joist lab run --problem mlp --problem char-rnn --optimizer sgd --optimizer adamw --seeds 5 --tune 7 --out lab
      the same command again goes on where it was stopped; one optimizer more runs that one only
  joist lab ask momentum --out ravine  what momentum does in a ravine: an experiment with its reading
  joist lab list                       problems, optimizers and their settings)";

constexpr const char* run_examples = R"(Examples:
  joist lab run --problem ravine --optimizer sgd,lr=0.019 --optimizer sgd,lr=0.019,momentum=0.8,label=momentum --out lab
  joist lab run --problem mlp,data=site.csv,width=32 --optimizer adam --optimizer sam:sgd,lr=0.1 --out lab
  joist lab run --problem 2c2d --optimizer adam,schedule=cosine,warmup=100,lr=0.001 --instruments 10 --out lab
  joist lab run --config lab/config.toml --processes 2 --out again
A file may hold every setting, and
  [[problem]]
  name = "network"
  layers = "conv 16 5, relu, pool 2, linear 10"
  data = "fashion-mnist"
  [[optimizer]]
  name = "sgd"
  label = "momentum"
  momentum = 0.9)";

struct Given {
  std::string config{}, out{};
  std::vector<std::string> problems{}, optimizers{};
  std::map<std::string, std::string> texts{};
};

void read(const std::string& text, const lab::SpecInfo&, std::string& value) { value = text; }
void read(const std::string& text, const lab::SpecInfo&, bool& value) { value = text == "true"; }
void read(const std::string& text, const lab::SpecInfo& info, std::int64_t& value) {
  value = lab::integer_of(text, fmt::format("--{}", info.name), info.range);
}
void read(const std::string& text, const lab::SpecInfo& info, double& value) {
  value = lab::number_of(text, fmt::format("--{}", info.name), info.range);
}

lab::Spec spec_from(const Given& given) {
  lab::Spec spec;
  if (!given.config.empty()) lab::read_spec(spec, read_text(given.config, 1 << 20), given.config);
  lab::visit_spec(spec, [&](const lab::SpecInfo& info, auto& member) {
    const auto found = given.texts.find(info.name);
    if (found == given.texts.end()) return;
    read(found->second, info, member);
    if (found->first == "target") spec.has_target = true;
  });
  if (!given.problems.empty()) spec.problems.clear();
  if (!given.optimizers.empty()) spec.optimizers.clear();
  for (const std::string& one : given.problems) spec.problems.push_back(lab::parse_choice(one, "--problem"));
  for (const std::string& one : given.optimizers) spec.optimizers.push_back(lab::parse_choice(one, "--optimizer"));
  return spec;
}

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

int list(const std::string& name) {
  for (const lab::ProblemInfo& problem : lab::problem_list()) {
    if (name.empty()) fmt::print("{:18} {}\n", problem.name, problem.help);
    if (name != problem.name) continue;
    fmt::print("problem {}: {}\n", problem.name, problem.help);
    for (const lab::ProblemSetting& one : problem.settings)
      fmt::print("  {:14} {:16} {}\n", one.name, one.value.empty() ? "\"\"" : one.value, one.allowed);
    return 0;
  }
  if (name.empty()) {
    fmt::print("\noptimizers: {}\n", fmt::join(optimizer_names(), ", "));
    fmt::print("around another, with a colon (sam:sgd): {}\n\nwith every optimizer:\n",
               fmt::join(wrapper_names(), ", "));
    for (const lab::TrainingSetting& one : lab::training_settings()) fmt::print("  {:14} {}\n", one.name, one.help);
    fmt::print("\njoist lab list NAME shows the settings of a problem or an optimizer\n");
    return 0;
  }
  const std::vector<OptimizerOptionInfo> options = optimizer_options(name);  // throws for an unknown name
  fmt::print("optimizer {}\n", name);
  for (const OptimizerOptionInfo& one : options) fmt::print("  {:18} {:12} {}\n", one.name, one.value, one.allowed);
  return 0;
}

void add_run(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("run", "Runs optimizers on problems and writes what came of it");
  command->footer(run_examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--config", given->config, "a TOML file with any of these; the command line comes after it")
      ->type_name("FILE");
  command->add_option("--problem", given->problems, "what to minimize; more than one may be given")
      ->type_name("NAME[,SETTING=VALUE…]")
      ->allow_extra_args(false);
  command
      ->add_option("--optimizer", given->optimizers,
                   "who competes; more than one may be given. label=TEXT names it in the report")
      ->type_name("NAME[,SETTING=VALUE…]")
      ->allow_extra_args(false);
  const lab::Spec defaults;
  lab::visit_spec(defaults, [&]<class Member>(const lab::SpecInfo& info, const Member& value) {
    const std::string name = info.name;
    const auto take = [given, name](const std::string& text) { given->texts[name] = text; };
    if constexpr (std::is_same_v<Member, bool>)
      command->add_flag_callback(
          "--" + name, [take] { take("true"); }, info.help);
    else
      command->add_option_function<std::string>("--" + name, take, info.help)
          ->type_name(info.value)
          ->default_str(name == "target" ? "" : fmt::format("{}", value))
          ->take_last();
  });
  command
      ->add_option("--out", given->out, "folder of report.html, results.json, timings.json, figures and finished runs")
      ->type_name("DIR")
      ->required();
  command->callback([&context, given] {
    context.run = [given] {
      const Interruptible stop;
      const int signal = lab::run_lab(spec_from(*given), given->out, say);
      if (signal == 0) fmt::print("{0}/report.html, {0}/results.json\n", given->out);
      return signal;
    };
  });
}

void add_ask(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("ask", "Answers a question by an experiment");
  std::string list = "Questions:\n";
  for (const lab::Question& one : lab::questions()) list += fmt::format("  {:12} {}\n", one.name, one.text);
  command->footer(list + "Example:\n  joist lab ask adam --out adam");
  const auto question = std::make_shared<std::string>();
  const auto options = std::make_shared<lab::AskOptions>();
  command->add_option("question", *question, "which one")->type_name("QUESTION")->required();
  command->add_option("--processes", options->processes, "runs at the same time; 0: one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  command->add_option("--seeds", options->seeds, "runs of each kind; 0: as the experiment wants")
      ->type_name("N")
      ->check(CLI::Range(0, 10000));
  command
      ->add_option("--first-seed", options->first_seed, "the seeds are N, N + 1, …; with others the answer should hold")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000000));
  command->add_option("--out", options->out, "folder of report.html and results.json")->type_name("DIR")->required();
  command->callback([&context, question, options] {
    context.run = [question, options] {
      const Interruptible stop;
      options->say = say;
      return lab::ask(*question, *options);
    };
  });
}

}  // namespace

void add_lab(CLI::App& app, Context& context) {
  CLI::App* lab = app.add_subcommand("lab", "The optimizer laboratory: see, measure and compare how optimizers behave");
  lab->footer(examples);
  lab->require_subcommand(1);
  lab::use_models(context.registry);
  add_run(*lab, context);
  add_ask(*lab, context);

  CLI::App* names = lab->add_subcommand("list", "Problems, optimizers and their settings");
  const auto name = std::make_shared<std::string>();
  names->add_option("name", *name, "a problem or an optimizer")->type_name("NAME");
  names->callback([&context, name] { context.run = [name] { return list(*name); }; });

  CLI::App* report = lab->add_subcommand("report", "Draws the report of a folder's results.json again");
  const auto folder = std::make_shared<std::string>();
  report->add_option("folder", *folder, "of joist lab run")->type_name("DIR")->required();
  report->callback([&context, folder] {
    context.run = [folder] {
      const std::string timings = *folder + "/timings.json";
      std::error_code error;
      lab::write_report(read_text(*folder + "/results.json", std::int64_t{1} << 30),
                        std::filesystem::exists(timings, error) ? read_text(timings, std::int64_t{1} << 30) : "",
                        *folder);
      return 0;
    };
  });

  CLI::App* work = lab->add_subcommand("work", "")->group("");  // what the laboratory starts for each process
  const auto threads = std::make_shared<std::int64_t>(1);
  const auto runs = std::make_shared<std::string>();
  work->add_option("--folder", *runs)->required();
  work->add_option("--threads", *threads);
  work->callback([&context, runs, threads] { context.run = [runs, threads] { return lab::work(*runs, *threads); }; });
}

}  // namespace joist::commands
