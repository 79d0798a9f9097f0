#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/optim/options.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace joist {
namespace {

template <class T>
std::string shortest(T number) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

template <class T>
bool read_number(const std::string& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

[[noreturn]] void refuse(const std::string& optimizer, const OptionEntry& entry, const std::string& value) {
  throw UsageError({.where = optimizer, .what = entry.name + " = " + value, .expected = entry.allowed()});
}

struct Reader {
  const std::string& text;
  bool operator()(double* number) const { return read_number(text, *number); }
  bool operator()(std::int64_t* number) const { return read_number(text, *number); }
  bool operator()(bool* flag) const {
    *flag = text == "true" || text == "1";
    return *flag || text == "false" || text == "0";
  }
  bool operator()(std::string* word) const {
    *word = text;
    return true;
  }
};

bool in_range(const OptionEntry& entry) {
  if (const auto* number = std::get_if<double*>(&entry.target)) return entry.range.holds(**number);
  if (const auto* number = std::get_if<std::int64_t*>(&entry.target))
    return entry.range.holds(static_cast<double>(**number));
  if (const auto* word = std::get_if<std::string*>(&entry.target))
    return std::find(entry.choices.begin(), entry.choices.end(), **word) != entry.choices.end();
  return true;
}

}  // namespace

bool OptionRange::holds(double value) const noexcept {
  return (with_low ? value >= low : value > low) && (with_high ? value <= high : value < high);
}

std::string OptionRange::text(const std::string& name) const {
  std::string result = name;
  if (std::isfinite(low)) result = shortest(low) + (with_low ? " ≤ " : " < ") + result;
  if (std::isfinite(high)) result += (with_high ? " ≤ " : " < ") + shortest(high);
  return result == name ? name + " is a finite number" : result;
}

std::string OptionEntry::value() const {
  return std::visit(
      []<class T>(T* member) -> std::string {
        if constexpr (std::is_same_v<T, std::string>)
          return *member;
        else if constexpr (std::is_same_v<T, bool>)
          return *member ? "true" : "false";
        else
          return shortest(*member);
      },
      target);
}

std::string OptionEntry::allowed() const {
  if (std::holds_alternative<bool*>(target)) return name + " is true or false";
  if (!std::holds_alternative<std::string*>(target)) return range.text(name);
  std::string result;
  for (const std::string& choice : choices) result += (result.empty() ? "" : ", ") + choice;
  return result;
}

void check_options(const std::string& optimizer, const OptionTable& table) {
  for (const OptionEntry& entry : table)
    if (!in_range(entry)) refuse(optimizer, entry, entry.value());
}

void assign_options(const std::string& optimizer, const OptionTable& table, std::span<const OptimizerOption> options) {
  for (const OptimizerOption& option : options) {
    const auto entry =
        std::find_if(table.begin(), table.end(), [&](const OptionEntry& known) { return known.name == option.name; });
    if (entry == table.end()) {
      std::vector<std::string> names;
      std::string listed;
      for (const OptionEntry& known : table) {
        names.push_back(known.name);
        listed += (listed.empty() ? "" : ", ") + known.name;
      }
      const std::string near = nearest_name(option.name, names);
      throw UsageError({.where = optimizer,
                        .what = "no option \"" + printable(option.name) + "\"",
                        .expected = listed,
                        .remedy = near.empty() ? "" : "did you mean \"" + near + "\"?"});
    }
    if (!std::visit(Reader{option.value}, entry->target))
      refuse(optimizer, *entry, "\"" + printable(option.value) + "\"");
  }
  check_options(optimizer, table);
}

std::vector<OptimizerOption> options_in(const OptionTable& table) {
  std::vector<OptimizerOption> result;
  for (const OptionEntry& entry : table) result.push_back({entry.name, entry.value()});
  return result;
}

}  // namespace joist
