#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/optim/named_schedule.h>
#include <joist/optim/registry.h>
#include <joist/tools/training/options.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace joist {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

// The text of one value; a number read back is the same number.
std::string value_text(const std::string& value) { return quoted(value); }
std::string value_text(std::int64_t value) { return std::to_string(value); }
std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(const Duration& value) { return quoted(value.text()); }
std::string value_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}
std::string value_text(const std::vector<std::int64_t>& values) { return fmt::format("[{}]", fmt::join(values, ", ")); }
std::string value_text(const std::vector<PlanPoint>& plan) {
  std::vector<std::string> points;
  for (const PlanPoint& point : plan) points.push_back(fmt::format("[{}, {}]", point.step, point.total));
  return fmt::format("[{}]", fmt::join(points, ", "));
}

// One line, in the inline form of [[augment]] tables.
std::string value_text(const AugmentList& list) {
  std::vector<std::string> entries;
  for (const AugmentOp& op : list) {
    std::string entry = "{op = " + quoted(op.op);
    for (const auto& [name, value] : op.settings) entry += fmt::format(", {} = {}", name, value_text(value));
    if (!op.of.empty()) entry += ", of = " + value_text(op.of);
    entries.push_back(entry + "}");
  }
  return fmt::format("[{}]", fmt::join(entries, ", "));
}
std::string value_text(const AugmentChoice& choice) {
  return choice.name.empty() ? value_text(choice.list) : quoted(choice.name);
}

/// One value of a file, with what is needed to complain about it.
struct Entry {
  const toml::node& node;
  std::string where;
  std::string name;

  [[noreturn]] void refuse(const char* expected) const {
    throw UsageError({.where = where, .what = "the value of " + name + " cannot be used", .expected = expected});
  }
};

void read(const Entry& entry, std::string& value) {
  if (const auto text = entry.node.value_exact<std::string>()) {
    value = *text;
  } else if (const auto number = entry.node.value_exact<std::int64_t>()) {
    value = std::to_string(*number);  // save-every = 50
  } else {
    entry.refuse("text in quotes");
  }
}
void read(const Entry& entry, std::int64_t& value) {
  const auto number = entry.node.value_exact<std::int64_t>();
  if (!number) entry.refuse("a whole number");
  value = *number;
}
void read(const Entry& entry, double& value) {
  const auto number = entry.node.value<double>();
  if (!number || !entry.node.is_number()) entry.refuse("a number");
  value = *number;
}
void read(const Entry& entry, bool& value) {
  const auto truth = entry.node.value_exact<bool>();
  if (!truth) entry.refuse("true or false");
  value = *truth;
}
void read(const Entry& entry, Duration& value) {
  std::string text;
  read(entry, text);
  value = Duration::parse(text, entry.where + ": " + entry.name);
}
void read(const Entry& entry, std::vector<std::int64_t>& values) {
  const toml::array* array = entry.node.as_array();
  if (!array) entry.refuse("a list of whole numbers");
  values.clear();
  for (const toml::node& node : *array) read(Entry{node, entry.where, entry.name}, values.emplace_back());
}
void read(const Entry& entry, std::vector<PlanPoint>& plan) {
  const toml::array* array = entry.node.as_array();
  if (!array) entry.refuse("a list of pairs [step, total]");
  plan.clear();
  for (const toml::node& node : *array) {
    std::vector<std::int64_t> pair;
    read(Entry{node, entry.where, entry.name}, pair);
    if (pair.size() != 2) entry.refuse("a list of pairs [step, total]");
    plan.push_back({pair[0], pair[1]});
  }
}

AugmentList augment_list(const Entry& entry) {
  const toml::array* array = entry.node.as_array();
  if (!array) entry.refuse("a list of operations: [{op = \"rain\", p = 0.1}, …] or [[augment]] tables");
  const std::string file = entry.where.substr(0, entry.where.rfind(':'));
  AugmentList list;
  for (const toml::node& node : *array) {
    AugmentOp& op = list.emplace_back();
    op.where = fmt::format("{}:{}", file, node.source().begin.line);
    const toml::table* table = node.as_table();
    if (!table) Entry{node, op.where, entry.name}.refuse("{op = \"NAME\", …}");
    for (const auto& [key, value] : *table) {
      const std::string name(key.str());
      const Entry below{value, fmt::format("{}:{}", file, value.source().begin.line), entry.name + "." + name};
      if (name == "op") {
        read(below, op.op);
      } else if (name == "of") {
        op.of = augment_list(below);
      } else if (const auto truth = value.value_exact<bool>()) {
        op.settings.emplace_back(name, *truth ? 1 : 0);
      } else {
        read(below, op.settings.emplace_back(name, 0.0).second);
      }
    }
    if (op.op.empty()) Entry{node, op.where, entry.name}.refuse("op = \"NAME\" in every entry");
  }
  return list;
}

void read(const Entry& entry, AugmentChoice& choice) {
  choice = {};
  if (!entry.node.is_array()) {
    read(entry, choice.name);
    static_cast<void>(choice.operations());
    return;
  }
  choice.name.clear();
  choice.list = augment_list(entry);
  check(choice.list);
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts(text.empty() ? 0 : 1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (c == ',' && depth <= 0)
      parts.emplace_back();
    else if (c != ' ')
      parts.back() += c;
  }
  return parts;
}

Duration Duration::parse(const std::string& text, const std::string& option) {
  const char* begin = text.c_str();
  char* end = nullptr;
  const double number = std::strtod(begin, &end);
  const std::string unit = end;
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" || unit == "min" ? 60 : unit == "h" ? 3600 : 0;
  if (end == begin || factor == 0 || !std::isfinite(number) || number < 0)
    throw UsageError(
        {.where = option, .what = "\"" + text + "\" is no length of time", .expected = "such as 90s, 20m or 1.5h"});
  return {number * factor};
}

std::string Duration::text() const {
  if (seconds >= 3600 && std::fmod(seconds, 3600) == 0) return fmt::format("{}h", seconds / 3600);
  if (seconds >= 60 && std::fmod(seconds, 60) == 0) return fmt::format("{}m", seconds / 60);
  return fmt::format("{}s", seconds);
}

std::string to_toml(const TrainOptions& options) {
  std::string text = "# joist train --config THIS_FILE --out DIR repeats the run.\n";
  const char* group = "";
  visit_options(options, [&](const OptionInfo& info, const auto& value) {
    if (std::string_view(info.name) == "resume") return;
    if (std::string_view(group) != info.group) text += fmt::format("\n# {}\n", group = info.group);
    text += fmt::format("{} = {}\n", info.name, value_text(value));
  });
  return text;
}

void read_toml(TrainOptions& options, const std::string& text, const std::string& name) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw UsageError(
        {.where = fmt::format("{}:{}", name, error.source().begin.line), .what = std::string(error.description())});
  }
  const auto where = [&name](const toml::node& node) { return fmt::format("{}:{}", name, node.source().begin.line); };
  std::vector<std::string> known;
  visit_options(options, [&](const OptionInfo& info, auto& value) {
    known.emplace_back(info.name);
    const toml::node* node = table.get(info.name);
    if (!node) return;
    read(Entry{*node, where(*node), info.name}, value);
    options.given.insert(info.name);
  });
  for (const auto& [key, node] : table) {
    const std::string unknown(key.str());
    if (std::find(known.begin(), known.end(), unknown) != known.end()) continue;
    const std::string near = nearest_name(unknown, known);
    throw UsageError({.where = where(node),
                      .what = "unknown key \"" + unknown + "\"",
                      .remedy = near.empty() ? "joist train --help lists them" : "did you mean \"" + near + "\"?"});
  }
}

TrainOptions resumed_options(const TrainOptions& saved, const TrainOptions& now) {
  std::vector<std::string> texts, differences;
  visit_options(saved, [&](const OptionInfo&, const auto& value) { texts.push_back(value_text(value)); });
  std::string harmless;  // what may change, as TOML
  visit_options(now, [&, i = std::size_t{0}](const OptionInfo& info, const auto& value) mutable {
    const std::string name = info.name, text = value_text(value), before = texts[i++];
    if (name == "resume" || !now.given.contains(name)) return;
    if (!info.exact) harmless += fmt::format("{} = {}\n", name, text);
    if (info.exact && text != before)
      differences.push_back(fmt::format("--{} {} (the run has {})", name, text, before));
  });
  if (!differences.empty())
    throw UsageError({.where = "--resume",
                      .what = fmt::format("this would be another run: {}", fmt::join(differences, "; ")),
                      .remedy = "leave these options out to go on with the run, or choose another --out"});
  TrainOptions merged = saved;
  read_toml(merged, harmless, "--resume");
  merged.resume = true;
  merged.given = now.given;
  return merged;
}

void require_meaning(const TrainOptions& options, bool language) {
  const std::vector<std::string> of_texts{"lora", "packing", "learn", "chat-format"},
      of_pictures{"leave-out",     "group",        "labels",       "max-loss",       "map",
                  "l2-sp",         "mosaic",       "close-mosaic", "flip",           "augment",
                  "tile",          "tile-overlap", "backgrounds",  "multi-scale",    "balance",
                  "class-weights", "unreadable",   "cache-folder", "label-smoothing"};
  const std::vector<std::string>& foreign = language ? of_pictures : of_texts;
  std::vector<std::string> usual;
  const TrainOptions untouched;
  visit_options(untouched, [&](const OptionInfo&, const auto& value) { usual.push_back(value_text(value)); });
  visit_options(options, [&, i = std::size_t{0}](const OptionInfo& info, const auto& value) mutable {
    const std::string before = usual[i++];
    if (std::find(foreign.begin(), foreign.end(), info.name) == foreign.end() || value_text(value) == before) return;
    throw UsageError({.where = std::string("--") + info.name,
                      .what = language ? "of pictures; this run learns from texts"
                                       : "of language models; this run learns from pictures",
                      .remedy = "leave it out"});
  });
}

const char* optimizer_help() {
  static const std::string help = [] {
    std::string text = "auto: adamw; or";
    for (const std::string& name : optimizer_names())
      if (!optimizer_needs_closure(name)) text += " " + name;
    text += "; lookahead:NAME, cautious:NAME, centralized:NAME around one of them";
    return text;
  }();
  return help.c_str();
}

const char* schedule_help() {
  static const std::string help = [] {
    std::string text = "how the rate changes over the run, down to --final-lr:";
    for (const schedule::ShapeInfo& one : schedule::shapes()) text += " " + one.name;
    return text + "; joist lab list describes them";
  }();
  return help.c_str();
}

}  // namespace joist
