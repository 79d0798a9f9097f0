#include <joist/core/error.h>
#include <joist/data/tokenizer/unicode.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include <utf8proc.h>

namespace joist::unicode {
namespace {

struct Range {
  char32_t first, last;
};

#include <joist/data/tokenizer/unicode_tables.inl>

template <std::size_t n>
bool is_in(const Range (&ranges)[n], char32_t c) {
  const Range* found =
      std::upper_bound(std::begin(ranges), std::end(ranges), c, [](char32_t x, const Range& r) { return x < r.first; });
  return found != std::begin(ranges) && c <= std::prev(found)->last;
}

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// How many bytes from `at` on are a character, or the longest beginning of one (at least 1), and whether it is whole.
std::size_t run_of(std::string_view bytes, std::size_t at, bool& whole) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  const unsigned first = byte(0);
  whole = first < 0x80;
  if (whole) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 1;
  if (length == 1) return 1;
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;   // no overlong forms
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;  // no surrogates, nothing beyond U+10FFFF
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= bytes.size()) return i;
    if (byte(i) < (i == 1 ? low : 0x80) || byte(i) > (i == 1 ? high : 0xbf)) return i;
  }
  whole = true;
  return length;
}

}  // namespace

std::string repaired(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    bool whole = false;
    const std::size_t length = run_of(bytes, at, whole);
    if (whole)
      text += bytes.substr(at, length);
    else
      text += "\xef\xbf\xbd";
    at += length;
  }
  return text;
}

char32_t next(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> char32_t { return static_cast<unsigned char>(text[at + i]); };
  const char32_t first = byte(0);
  char32_t c = first;
  std::size_t length = 1;
  if (first >= 0xf0) {
    c = (first & 7U) << 18U | (byte(1) & 63U) << 12U | (byte(2) & 63U) << 6U | (byte(3) & 63U);
    length = 4;
  } else if (first >= 0xe0) {
    c = (first & 15U) << 12U | (byte(1) & 63U) << 6U | (byte(2) & 63U);
    length = 3;
  } else if (first >= 0xc0) {
    c = (first & 31U) << 6U | (byte(1) & 63U);
    length = 2;
  }
  at += length;
  return c;
}

std::size_t before(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80);
  return at;
}

void append(std::string& text, char32_t c) {
  const auto put = [&text](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0U | c >> 6U);
    put(0x80U | (c & 63U));
  } else if (c < 0x10000) {
    put(0xe0U | c >> 12U);
    put(0x80U | (c >> 6U & 63U));
    put(0x80U | (c & 63U));
  } else {
    put(0xf0U | c >> 18U);
    put(0x80U | (c >> 12U & 63U));
    put(0x80U | (c >> 6U & 63U));
    put(0x80U | (c & 63U));
  }
}

std::string normalized(const std::string& text, Form form) {
  if (is_ascii(text)) return text;
  int options = UTF8PROC_STABLE;
  options |= form == Form::nfc || form == Form::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == Form::nfkc || form == Form::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* made = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &made, static_cast<utf8proc_option_t>(options));
  if (length < 0)
    throw DataError({.where = "a text of " + std::to_string(text.size()) + " bytes",
                     .what = std::string("cannot be normalized: ") + utf8proc_errmsg(length),
                     .expected = "UTF-8",
                     .remedy = "a shorter text"});
  std::string result(reinterpret_cast<const char*>(made), static_cast<std::size_t>(length));
  std::free(made);
  return result;
}

std::string lower(const std::string& text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next(text, at);
    if (c == 0x130)
      result += "i\xcc\x87";  // the one letter whose lower case is two characters
    else
      append(result, c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c)
                              : static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
  return result;
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_word(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_ND) || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_PC || c == 0x200c || c == 0x200d;
}

bool is_number(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO;
}

bool is_mark(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

bool is_nonspacing_mark(char32_t c) {
  return c >= 0x300 && ((category(c) == UTF8PROC_CATEGORY_MN && !is_in(later_marks, c)) || c == 0x1734);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  const utf8proc_category_t kind = category(c);
  return (kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !is_in(later_punctuation, c)) ||
         c == 0x166d || c == 0x111c9;
}

bool is_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  const utf8proc_category_t kind = category(c);
  return (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO) &&
         !is_in(later_formats, c);
}

bool is_chinese(char32_t c) {
  static constexpr Range ideographs[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},  {0x20000, 0x2a6df},
                                         {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
  return is_in(ideographs, c);
}

}  // namespace joist::unicode
