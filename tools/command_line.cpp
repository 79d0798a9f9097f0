#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/text.h>
#include <joist/tools/command_line.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/training/device.h>
#include <joist/tools/training/options.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>

namespace joist {
namespace {

constexpr const char* examples = R"(Examples:
  joist train --data site/train.json --val site/val.json --time 20m --out runs/site
  joist eval --model runs/site/best.h5 --data site/val.json --json ap.json
  joist data check site/train.json
  joist COMMAND --help                 options and examples of a command)";

/// The names that could have been meant at the place where the arguments went wrong.
std::vector<std::string> possible_names(const CLI::App& app) {
  std::vector<std::string> names;
  const CLI::App* place = &app;
  while (!place->get_subcommands().empty()) place = place->get_subcommands().front();
  for (const CLI::Option* option : place->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const CLI::App* command : place->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

int refuse(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = fmt::format("joist: {}\n", error.what());
  const std::vector<std::string> names = possible_names(app);
  for (const std::string& argument : app.remaining(true)) {
    const std::string near = nearest_name(argument.substr(0, argument.find('=')), names);
    if (!near.empty()) text += fmt::format("  try: {} instead of {}\n", near, argument);
  }
  std::string command = "joist";
  for (const CLI::App* place = &app; !place->get_subcommands().empty();) {
    place = place->get_subcommands().front();
    command += " " + place->get_name();
  }
  fmt::print(stderr, "{}  {} --help lists what there is\n", text, command);
  return static_cast<int>(Exit::usage);
}

int complain(Exit code, const std::string& text) {
  std::fflush(stdout);
  fmt::print(stderr, "joist: {}\n", text);
  return static_cast<int>(code);
}

int run_guarded(const commands::Context& context) {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow, the log of standard output say, is an error and not the end
  try {
    const int signal = context.run();
    return signal == 0 ? static_cast<int>(Exit::done) : 128 + signal;
  } catch (const Error& error) {
    return complain(error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return complain(Exit::environment, "out of memory\n  try: a smaller --batch or --size");
  } catch (const std::exception& error) {
    return complain(Exit::internal,
                    fmt::format("internal fault: {}\n  try: a report with the command that led here", error.what()));
  }
}

}  // namespace

namespace commands {

std::shared_ptr<std::string> add_device(CLI::App& command, const std::string& usual) {
  const auto device = std::make_shared<std::string>(usual);
  command.add_option("--device", *device, "where to compute; auto: on a GPU that can be used, else on the CPU")
      ->type_name("auto|cpu|cuda")
      ->capture_default_str();
  return device;
}

Device device_given(const std::string& text) {
  const DeviceChoice choice = choose_device(text);
  if (!choice.note.empty()) fmt::print(stderr, "joist: {}\n", choice.note);
  return choice.device;
}

void write_result(const std::string& file, std::string_view text) {
  if (!file.empty()) store_file(file, text);
}

}  // namespace commands

int command_line(int argc, char** argv, std::vector<ModelEntry> models) {
  const auto began = std::chrono::steady_clock::now();
  const ModelRegistry registry(std::move(models));
  commands::Context context{.registry = registry, .began = began};
  CLI::App app("Trains detectors and classifiers on your own pictures.", "joist");
  app.set_version_flag("--version", std::string("joist ") + JOIST_VERSION);
  app.footer(examples);
  app.require_subcommand(1);
  for (const auto add :
       {commands::add_train, commands::add_eval, commands::add_runs, commands::add_predict, commands::add_export,
        commands::add_inspect, commands::add_convert, commands::add_onnx, commands::add_data, commands::add_filter,
        commands::add_metrics, commands::add_bench, commands::add_lab, commands::add_generate, commands::add_embed,
        commands::add_tokenize, commands::add_lora, commands::add_doctor})
    add(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return refuse(app, error);
  }
  return run_guarded(context);
}

}  // namespace joist
