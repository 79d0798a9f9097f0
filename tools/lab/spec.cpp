#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/optim/lab/surface.h>
#include <joist/optim/registry.h>
#include <joist/tools/lab/job.h>
#include <joist/tools/lab/problem.h>
#include <joist/tools/lab/spec.h>

#include <algorithm>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace joist::lab {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text)
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      result += c;
  return result + '"';
}

struct Place {
  const std::string& file;
  std::string operator()(const toml::node& node) const { return fmt::format("{}:{}", file, node.source().begin.line); }
};

[[noreturn]] void refuse(const std::string& where, const std::string& name, const char* expected) {
  throw UsageError({.where = where, .what = "the value of " + name + " cannot be used", .expected = expected});
}

std::string text_of(const toml::node& node, const std::string& where, const std::string& name) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto number = node.value_exact<std::int64_t>()) return fmt::format("{}", *number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  refuse(where, name, "text, a number, true or false");
}

std::vector<Choice> choices(const toml::node& node, const std::string& name, const Place& place) {
  const toml::array* list = node.as_array();
  if (!list) refuse(place(node), name, "[[tables]] with a name each, or a list of texts \"NAME,setting=value\"");
  std::vector<Choice> result;
  for (const toml::node& one : *list) {
    if (const auto text = one.value_exact<std::string>()) {
      result.push_back(parse_choice(*text, place(one)));
      continue;
    }
    const toml::table* table = one.as_table();
    if (!table) refuse(place(one), name, "[[tables]] with a name each, or a list of texts \"NAME,setting=value\"");
    Choice choice;
    std::string label;
    for (const auto& [key, value] : *table) {
      const std::string setting(key.str()), text = text_of(value, place(value), setting);
      if (setting == "name")
        choice.name = text;
      else if (setting == "label")
        label = text;
      else
        choice.settings.push_back({setting, text});
    }
    if (choice.name.empty()) refuse(place(one), name, "a table with name = \"…\"");
    choice.sort();
    choice.label = label.empty() ? choice.text() : label;
    result.push_back(std::move(choice));
  }
  return result;
}

void assign(const toml::node& node, const Place& place, const SpecInfo& info, std::string& value) {
  const auto text = node.value_exact<std::string>();
  if (!text) refuse(place(node), info.name, "text in quotes");
  value = *text;
}
void assign(const toml::node& node, const Place& place, const SpecInfo& info, bool& value) {
  const auto flag = node.value_exact<bool>();
  if (!flag) refuse(place(node), info.name, "true or false");
  value = *flag;
}
void assign(const toml::node& node, const Place& place, const SpecInfo& info, std::int64_t& value) {
  const auto number = node.value_exact<std::int64_t>();
  if (!number || !info.range.holds(static_cast<double>(*number)))
    refuse(place(node), info.name, ("a whole number, " + info.range.text(info.name)).c_str());
  value = *number;
}
void assign(const toml::node& node, const Place& place, const SpecInfo& info, double& value) {
  const auto number = node.value<double>();
  if (!number || !node.is_number() || !info.range.holds(*number))
    refuse(place(node), info.name, ("a number, " + info.range.text(info.name)).c_str());
  value = *number;
}

std::string value_text(const std::string& value) { return quoted(value); }
std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(std::int64_t value) { return std::to_string(value); }
std::string value_text(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

void require_distinct(const std::vector<Choice>& list, const char* what) {
  if (list.empty())
    throw UsageError({.where = "lab",
                      .what = std::string("no ") + what,
                      .expected = "at least one",
                      .remedy = std::string("--") + what + " NAME; joist lab list shows them"});
  std::set<std::string> labels;
  for (const Choice& one : list)
    if (!labels.insert(one.label).second)
      throw UsageError({.where = what,
                        .what = "\"" + printable(one.label) + "\" stands twice",
                        .expected = "different labels",
                        .remedy = "label=… tells two of a kind apart"});
}

}  // namespace

void read_spec(Spec& spec, const std::string& text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw UsageError({.where = fmt::format("{}:{}", name, error.source().begin.line),
                      .what = std::string(error.description()),
                      .expected = "a TOML file: settings, [[problem]] and [[optimizer]] tables"});
  }
  const Place place{name};
  std::vector<std::string> known{"problem", "optimizer"};
  visit_spec(spec, [&](const SpecInfo& info, auto& member) {
    known.emplace_back(info.name);
    if (const toml::node* node = table.get(info.name)) {
      assign(*node, place, info, member);
      if (std::string_view(info.name) == "target") spec.has_target = true;
    }
  });
  if (const toml::node* node = table.get("problem")) spec.problems = choices(*node, "problem", place);
  if (const toml::node* node = table.get("optimizer")) spec.optimizers = choices(*node, "optimizer", place);
  for (const auto& [key, node] : table) {
    const std::string unknown(key.str());
    if (std::find(known.begin(), known.end(), unknown) != known.end()) continue;
    const std::string near = nearest_name(unknown, known);
    throw UsageError({.where = place(node),
                      .what = "unknown key \"" + printable(unknown) + "\"",
                      .remedy = near.empty() ? "joist lab run --help lists them" : "did you mean \"" + near + "\"?"});
  }
}

std::string to_toml(const Spec& spec) {
  std::string text = "# joist lab run --config THIS_FILE --out DIR repeats it.\n";
  visit_spec(spec, [&](const SpecInfo& info, const auto& member) {
    if (std::string_view(info.name) == "target" && !spec.has_target) return;
    text += fmt::format("{} = {}\n", info.name, value_text(member));
  });
  for (const auto& [kind, list] : {std::pair("problem", &spec.problems), std::pair("optimizer", &spec.optimizers)})
    for (const Choice& one : *list) {
      text += fmt::format("\n[[{}]]\nname = {}\nlabel = {}\n", kind, quoted(one.name), quoted(one.label));
      for (const OptimizerOption& setting : one.settings)
        text += fmt::format("{} = {}\n", quoted(setting.name), quoted(setting.value));
    }
  return text;
}

void complete(Spec& spec) {
  require_distinct(spec.problems, "problem");
  require_distinct(spec.optimizers, "optimizer");
  if (spec.tune_low > 0 && spec.tune_high > 0 && spec.tune_low >= spec.tune_high)
    throw UsageError({.where = "tune-low",
                      .what = fmt::format("{} with tune-high {}", spec.tune_low, spec.tune_high),
                      .expected = "0 < tune-low < tune-high"});
  for (const Choice& one : spec.optimizers) check_optimizer(one);
  for (const Choice& one : spec.problems) static_cast<void>(make_problem(one, 1));
  if (spec.processes == 0)
    spec.processes = std::max<std::int64_t>(1, std::thread::hardware_concurrency() / spec.threads);
}

bool is_tuned(const Spec& spec, const Choice& optimizer) {
  const std::string kind = optimizer.name.substr(optimizer.name.rfind(':') + 1);
  const bool searches = kind == "newton" || kind == "conjugate_gradient" || kind == "prodigy" ||
                        (kind == "lbfgs" && optimizer.find("line_search_fn") == "strong_wolfe");
  return spec.tune > 0 && !searches && !optimizer.find("lr");
}

bool is_surface(const Choice& problem) {
  return std::any_of(surfaces().begin(), surfaces().end(),
                     [&](const Surface& one) { return one.name == problem.name; });
}

std::int64_t budget_of(const Spec& spec, const Choice& problem) {
  if (spec.budget > 0) return spec.budget;
  if (is_surface(problem)) return 300;
  return std::max<std::int64_t>(300, 3 * make_problem(problem, 1)->batches());
}

}  // namespace joist::lab
