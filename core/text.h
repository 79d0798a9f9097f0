// UTF-8: what may be written to files, messages and terminals.
#pragma once

#include <string>
#include <string_view>

namespace joist {

/// Whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text) noexcept;
/// Whether `text` is UTF-8 without control characters, so that it can stand in a message or a terminal.
bool is_printable(std::string_view text) noexcept;
/// `text` where it is printable; else with every byte outside ASCII's printable ones as "\xNN".
std::string printable(std::string_view text);

}  // namespace joist
