// A problem or an optimizer as somebody chose it: a name with settings, from the command line or a file.
#pragma once

#include <joist/optim/options.h>

#include <optional>
#include <string>
#include <vector>

namespace joist::lab {

struct Choice {
  std::string name{};
  std::string label{};  ///< what reports call it; by default the text that parse_choice() reads
  std::vector<OptimizerOption> settings{};

  std::optional<std::string> find(const std::string& setting) const;
  /// The setting's value, taken out.
  std::optional<std::string> take(const std::string& setting);
  void set(const std::string& setting, const std::string& value);
  /// Settings by name: the same choice has the same text, wherever it was read.
  void sort();
  /// "adam,lr=0.001", without the label.
  std::string text() const;
  bool operator==(const Choice&) const = default;
};

/// "mlp,width=64", "sgd,lr=0.1,momentum=0.9,label=heavy ball". Throws UsageError naming `where`.
Choice parse_choice(const std::string& text, const std::string& where);

/// A setting that may be any text, for an OptionTable.
OptionEntry free_text(const char* name, std::string& member, const Choice& choice);

/// The text as a number. Throws UsageError naming `where` and the allowed range.
double number_of(const std::string& text, const std::string& where, const OptionRange& range);
std::int64_t integer_of(const std::string& text, const std::string& where, const OptionRange& range);

}  // namespace joist::lab
