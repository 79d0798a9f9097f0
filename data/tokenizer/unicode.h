// Characters as tokenizers see them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace joist::unicode {

/// The text with U+FFFD for what is no UTF-8, one for each longest beginning of a character (as Python's
/// errors="replace" and Rust's from_utf8_lossy).
std::string repaired(std::string_view bytes);

/// The character at `at` of valid UTF-8; `at` goes behind it.
char32_t next(std::string_view text, std::size_t& at);
/// Where the character before `at` begins.
std::size_t before(std::string_view text, std::size_t at);
void append(std::string& text, char32_t c);

enum class Form : std::uint8_t { nfc, nfd, nfkc, nfkd };
std::string normalized(const std::string& text, Form form);
/// Full lower case, character by character, without regard to neighbours.
std::string lower(const std::string& text);

bool is_space(char32_t c);   ///< White_Space
bool is_word(char32_t c);    ///< letters, marks, decimal digits, connecting punctuation
bool is_number(char32_t c);  ///< N*
bool is_mark(char32_t c);    ///< M*
// As of Unicode 8, which the tokenizers of BERT keep to, so that old vocabularies go on meaning what they meant.
bool is_nonspacing_mark(char32_t c);  ///< Mn
bool is_punctuation(char32_t c);      ///< P*, and ASCII's symbols
bool is_control(char32_t c);          ///< Cc, Cf, Co, but no tab and line end
bool is_chinese(char32_t c);          ///< ideographs, as BERT counts them

}  // namespace joist::unicode
