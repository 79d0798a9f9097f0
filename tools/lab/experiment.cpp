#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/text.h>
#include <joist/tools/lab/experiments.h>
#include <joist/tools/lab/laboratory.h>
#include <joist/tools/lab/report.h>

#include <limits>

namespace joist::lab {
namespace {

std::vector<Experiment> all() {
  std::vector<Experiment> list = experiments_of_runs();
  for (Experiment& one : experiments_with_theory()) list.push_back(std::move(one));
  return list;
}

}  // namespace

std::vector<Question> questions() {
  std::vector<Question> result;
  for (const Experiment& one : all()) result.push_back(one.question);
  return result;
}

int ask(const std::string& name, const AskOptions& options) {
  std::vector<std::string> names;
  std::string listed;
  for (const Experiment& one : all()) {
    names.push_back(one.question.name);
    listed += (listed.empty() ? "" : ", ") + one.question.name;
    if (one.question.name != name) continue;
    ensure_folder(options.out);
    Answer answer = one.run(options);
    if (answer.signal != 0) return answer.signal;
    for (const ExperimentJson& part : answer.results)
      for (const ExperimentJson& line : part.at("reading"))
        if (line.get<std::string>().find("at the edge") != std::string::npos) answer.sentences.push_back(line);
    ExperimentJson json{{"title", one.question.text},
                        {"version", 1},
                        {"question", one.question.text},
                        {"answer", answer.sentences},
                        {"figures", answer.figures}};
    json["seeds"] = json["tune"] = 0;
    json["problems"] = json["profile"] = json["reading"] = ExperimentJson::array();
    for (const ExperimentJson& part : answer.results) {
      json["seeds"] = part.at("seeds");
      json["tune"] = part.at("tune");
      if (answer.results.size() == 1) json["profile"] = part.at("profile");
      for (const ExperimentJson& problem : part.at("problems")) json["problems"].push_back(problem);
    }
    const std::string text = json.dump(-1, ' ', false, ExperimentJson::error_handler_t::replace) + "\n";
    store_file(options.out + "/results.json", text);
    write_report(text, "", options.out);
    options.say(one.question.text);
    for (const std::string& sentence : answer.sentences) options.say("  " + sentence);
    return 0;
  }
  const std::string near = nearest_name(name, names);
  throw UsageError(
      {.where = "lab ask",
       .what = "no question \"" + printable(name) + "\"",
       .expected = listed,
       .remedy = near.empty() ? "joist lab ask --help tells what each asks" : "did you mean \"" + near + "\"?"});
}

ExperimentJson run_part(Spec spec, const AskOptions& options, Answer& answer) {
  if (options.processes > 0) spec.processes = options.processes;
  if (options.seeds > 0) spec.seeds = options.seeds;
  spec.first_seed = options.first_seed;
  complete(spec);
  const Finished finished = run_contests(spec, options.out, options.say);
  answer.signal = finished.signal;
  if (finished.signal != 0) return {};
  answer.results.push_back(ExperimentJson::parse(results_json(spec, finished.contests)));
  return answer.results.back();
}

ExperimentJson figure(const std::string& title, const std::string& x, const std::string& y, bool log_x, bool log_y) {
  return {{"title", title}, {"x", x}, {"y", y}, {"logx", log_x}, {"logy", log_y}, {"series", ExperimentJson::array()}};
}

void add_series(ExperimentJson& figure, const std::string& name, const std::vector<std::pair<double, double>>& points,
                bool dots) {
  figure["series"].push_back({{"name", name}, {"points", points}, {"dots", dots}});
}

const ExperimentJson& optimizer_of(const ExperimentJson& problem, const std::string& label) {
  for (const ExperimentJson& one : problem.at("optimizers"))
    if (one.at("label") == label) return one;
  throw InternalError({.where = "experiment", .what = "no runs of " + label});
}

std::vector<double> finals_of(const ExperimentJson& optimizer) {
  std::vector<double> result;
  for (const ExperimentJson& run : optimizer.at("runs")) {
    const ExperimentJson& last = run.at("test").back();
    result.push_back(run.at("diverged").get<bool>() || last.is_null() ? std::numeric_limits<double>::infinity()
                                                                      : last.get<double>());
  }
  return result;
}

}  // namespace joist::lab
