#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/tools/lab/choice.h>

#include <algorithm>
#include <charconv>

namespace joist::lab {

std::optional<std::string> Choice::find(const std::string& setting) const {
  for (const OptimizerOption& one : settings)
    if (one.name == setting) return one.value;
  return {};
}

std::optional<std::string> Choice::take(const std::string& setting) {
  const std::optional<std::string> value = find(setting);
  std::erase_if(settings, [&](const OptimizerOption& one) { return one.name == setting; });
  return value;
}

void Choice::set(const std::string& setting, const std::string& value) {
  for (OptimizerOption& one : settings)
    if (one.name == setting) {
      one.value = value;
      return;
    }
  settings.push_back({setting, value});
  sort();
}

void Choice::sort() {
  std::stable_sort(settings.begin(), settings.end(),
                   [](const OptimizerOption& a, const OptimizerOption& b) { return a.name < b.name; });
}

std::string Choice::text() const {
  std::string result = name;
  for (const OptimizerOption& one : settings) result.append(",").append(one.name).append("=").append(one.value);
  return result;
}

Choice parse_choice(const std::string& text, const std::string& where) {
  Choice choice;
  std::size_t begin = 0;
  for (bool first = true; begin <= text.size(); first = false) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    if (first) {
      if (part.find_first_of(" =") != std::string::npos)
        throw UsageError({.where = where,
                          .what = "\"" + printable(part) + "\"",
                          .expected = "NAME,setting=value,setting=value, with commas and without spaces between",
                          .remedy = "such as adam,lr=0.01"});
      choice.name = part;
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError({.where = where,
                        .what = "\"" + printable(part) + "\" in \"" + printable(text) + "\"",
                        .expected = "NAME,setting=value,setting=value",
                        .remedy = "a value with commas stands in a TOML file"});
    if (choice.find(part.substr(0, equals)))
      throw UsageError({.where = where, .what = "\"" + printable(part.substr(0, equals)) + "\" is set twice"});
    choice.settings.push_back({part.substr(0, equals), part.substr(equals + 1)});
  }
  const std::optional<std::string> label = choice.take("label");
  choice.label = label ? *label : choice.text();
  choice.sort();
  return choice;
}

OptionEntry free_text(const char* name, std::string& member, const Choice& choice) {
  std::vector<std::string> any{member};
  if (const auto given = choice.find(name)) any.push_back(*given);
  return {name, member, std::move(any)};
}

namespace {

template <class Number>
Number read(const std::string& text, const std::string& where, const OptionRange& range, const char* kind) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !range.holds(static_cast<double>(number)))
    throw UsageError({.where = where,
                      .what = "\"" + printable(text) + "\"",
                      .expected = std::string(kind) + ", " + range.text("value")});
  return number;
}

}  // namespace

double number_of(const std::string& text, const std::string& where, const OptionRange& range) {
  return read<double>(text, where, range, "a number");
}

std::int64_t integer_of(const std::string& text, const std::string& where, const OptionRange& range) {
  return read<std::int64_t>(text, where, range, "a whole number");
}

}  // namespace joist::lab
