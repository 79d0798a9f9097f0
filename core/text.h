// UTF-8: what may be written to files, messages and terminals; and names that were meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace joist {

/// Whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text) noexcept;
/// Whether `text` is UTF-8 without control characters, so that it can stand in a message or a terminal.
bool is_printable(std::string_view text) noexcept;
/// `text` where it is printable; else with every byte outside ASCII's printable ones as "\xNN".
std::string printable(std::string_view text);

/// The known name that is closest to a misspelt one, or "" when none is near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace joist
