// Freezing parameters by name: frozen ones get no gradient, so optimizers leave them as they are.
#pragma once

#include <joist/core/fields.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace joist {

/// Whether a name fits a pattern: `*` stands for any run of characters but dots, `**` with dots, `?` for one character
/// but a dot; {a,b} for either.
bool matches(std::string_view pattern, std::string_view name);

/// Whether a pattern fits this name, or that of a layer it lies in.
bool names_part(std::string_view pattern, std::string_view name);
/// The parameters that a pattern names. Throws UsageError when there is none, with the nearest name; `where` says what
/// the pattern was given to.
std::vector<std::string> parts_named(const std::string& where, std::span<const Field> fields, std::string_view pattern);

/// Makes the parameters whose names fit the pattern ("backbone.**", "*.bias") stop or start to require gradients; a
/// pattern that names a layer stands for all below it. Returns their names. Throws UsageError when none fits, naming
/// the parameters there are.
std::vector<std::string> freeze(const std::vector<Field>& fields, std::string_view pattern);
std::vector<std::string> unfreeze(const std::vector<Field>& fields, std::string_view pattern);
template <class M>
requires requires(M& m) { fields_of(m); }
std::vector<std::string> freeze(M& model, std::string_view pattern) { return freeze(fields_of(model), pattern); }
template <class M>
requires requires(M& m) { fields_of(m); }
std::vector<std::string> unfreeze(M& model, std::string_view pattern) { return unfreeze(fields_of(model), pattern); }

}  // namespace joist
