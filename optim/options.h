// The options of an optimizer by name: what `joist train`, the laboratory and files give, with the range of each.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace joist {

/// One option as text: {"lr", "0.01"}, {"nesterov", "true"}.
struct OptimizerOption {
  std::string name{};
  std::string value{};
  bool operator==(const OptimizerOption&) const = default;
};

/// Which numbers an option may be. NaN is in no range.
struct OptionRange {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool with_low = true, with_high = false;  ///< whether the bounds themselves are allowed

  bool holds(double value) const noexcept;
  /// "0 ≤ beta1 < 1".
  std::string text(const std::string& name) const;
};
inline constexpr OptionRange not_negative{.low = 0};
inline constexpr OptionRange positive{.low = 0, .with_low = false};
inline constexpr OptionRange below_one{.low = 0, .high = 1};
inline constexpr OptionRange zero_to_one{.low = 0, .high = 1, .with_high = true};
inline constexpr OptionRange any_number{};

/// A member of an options struct with its name and what it may be.
struct OptionEntry {
  OptionEntry(const char* option, double& member, OptionRange allowed)
      : name(option), target(&member), range(allowed) {}
  OptionEntry(const char* option, std::int64_t& member, OptionRange allowed)
      : name(option), target(&member), range(allowed) {}
  OptionEntry(const char* option, bool& member) : name(option), target(&member) {}
  OptionEntry(const char* option, std::string& member, std::vector<std::string> allowed)
      : name(option), target(&member), choices(std::move(allowed)) {}

  std::string name;
  std::variant<double*, std::int64_t*, bool*, std::string*> target;
  OptionRange range{};
  std::vector<std::string> choices{};

  /// The value as text that assign() reads back exactly.
  std::string value() const;
  /// What is allowed: "0 ≤ lr", "true or false", "strong_wolfe, none".
  std::string allowed() const;
};
using OptionTable = std::vector<OptionEntry>;

/// Throws UsageError naming the option, its value and the allowed range for the first one that is out of it.
void check_options(const std::string& optimizer, const OptionTable& table);
/// Sets options by name, then checks all. Throws UsageError for an unknown name (the nearest is offered), a value that
/// is not of the option's kind, and what check_options() throws for; `table` may be half set then.
void assign_options(const std::string& optimizer, const OptionTable& table, std::span<const OptimizerOption> options);
/// All options with their values.
std::vector<OptimizerOption> options_in(const OptionTable& table);

}  // namespace joist
