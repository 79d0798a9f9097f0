// What the commands share. Each file of this folder adds one command with its options, and calls a library to do the
// work.
#pragma once

#include <joist/tools/training/model.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace joist::commands {

struct Context {
  const ModelRegistry& registry;
  std::chrono::steady_clock::time_point began;
  /// Set by the command that was given; returns 0, or the signal after which everything was saved.
  std::function<int()> run{};
};

void add_train(CLI::App& app, Context& context);
void add_eval(CLI::App& app, Context& context);
void add_predict(CLI::App& app, Context& context);
void add_runs(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_inspect(CLI::App& app, Context& context);
void add_convert(CLI::App& app, Context& context);
void add_onnx(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_filter(CLI::App& app, Context& context);
void add_metrics(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_lab(CLI::App& app, Context& context);
void add_generate(CLI::App& app, Context& context);
void add_embed(CLI::App& app, Context& context);
void add_tokenize(CLI::App& app, Context& context);
void add_lora(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);

/// Adds --device; the value that is given.
std::shared_ptr<std::string> add_device(CLI::App& command, const std::string& usual = "auto");
/// The device of that name; where `auto` leaves a GPU aside, standard error says why.
Device device_given(const std::string& text);

/// Writes to a file, or nothing where no file was asked for.
void write_result(const std::string& file, std::string_view text);

}  // namespace joist::commands
