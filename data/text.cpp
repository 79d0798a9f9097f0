#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/data/text.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <iconv.h>

namespace joist {
namespace {

constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";
constexpr std::string_view utf16_little_mark = "\xFF\xFE";
constexpr std::string_view utf16_big_mark = "\xFE\xFF";

std::string converted(std::string_view bytes, const char* encoding, const std::string& where) {
  const iconv_t converter = iconv_open("UTF-8", encoding);
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    throw EnvironmentError({.where = where,
                            .what = std::string("this system cannot convert ") + encoding + " to UTF-8",
                            .remedy = "save the file as UTF-8"});
  }
  const std::unique_ptr<void, int (*)(iconv_t)> closer(converter, &iconv_close);
  std::string text(bytes.size() * 2 + 16, '\0');  // two bytes become at most three, four become four
  char* in = const_cast<char*>(bytes.data());     // iconv does not write there
  char* out = text.data();
  std::size_t in_left = bytes.size();
  std::size_t out_left = text.size();
  if (iconv(converter, &in, &in_left, &out, &out_left) == static_cast<std::size_t>(-1)) {
    const std::size_t offset = bytes.size() - in_left;
    throw DataError({.where = DataError::at(where, line_at(bytes, offset)),
                     .what = "byte " + std::to_string(offset) + " is neither UTF-8 nor " + encoding,
                     .expected = "text in UTF-8, UTF-16 with a byte order mark, or GBK",
                     .remedy = "save the file as UTF-8"});
  }
  text.resize(text.size() - out_left);
  return text;
}

}  // namespace

std::string read_text(const std::string& path, std::int64_t max_bytes) {
  return to_utf8(read_bytes(path, max_bytes), path);
}

std::string to_utf8(std::string bytes, const std::string& where) {
  const std::string_view view = bytes;
  if (view.starts_with(utf16_little_mark)) return converted(view.substr(2), "UTF-16LE", where);
  if (view.starts_with(utf16_big_mark)) return converted(view.substr(2), "UTF-16BE", where);
  if (view.starts_with(utf8_mark)) return converted(view.substr(utf8_mark.size()), "UTF-8", where);
  return is_utf8(bytes) ? bytes : converted(bytes, "GB18030", where);
}

std::int64_t line_at(std::string_view text, std::size_t offset) noexcept {
  const auto head = text.substr(0, offset);
  return 1 + std::count(head.begin(), head.end(), '\n');
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace joist
