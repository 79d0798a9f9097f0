#include <joist/core/error.h>
#include <joist/core/formats/npy_header.h>
#include <joist/core/text.h>

#include <algorithm>

namespace joist {
namespace {

// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }: this grammar and nothing of Python's.
class Parser {
 public:
  Parser(const std::string& where, const std::string& text) : where_(where), text_(text) {}

  void fill(NpyHeader& header) {
    expect('{');
    bool seen[3] = {};
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0 || seen[which]) refuse("an unknown or repeated key in the header");
      seen[which] = true;
      if (which == 0) {
        if (peek() == '[')
          throw UnsupportedError(
              {.where = where_, .what = "records (a structured array)", .expected = "plain numbers"});
        header.descr = quoted();
      } else if (which == 1) {
        header.fortran_order = boolean();
      } else {
        header.shape = tuple();
      }
      if (!accept(',') && peek() != '}') refuse("a header that is no dictionary");
    }
    if (peek() != '\0' || !(seen[0] && seen[1] && seen[2])) refuse("an incomplete header");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError({.where = where_,
                     .what = what,
                     .expected = "a file written by numpy.save",
                     .remedy = "get it again from where it was made"});
  }

 private:
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) { return peek() == c && ++at_ > 0; }
  void expect(char c) {
    if (!accept(c)) refuse(std::string("a header without '") + c + "' where it should be");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') refuse("a header without a name where it should be");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == text_.npos || end - at_ > 64) refuse("a header with a name that does not end");
    const std::string text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return text;
  }
  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair(std::string_view("True"), true), {"False", false}})
      if (std::string_view(text_).substr(at_).starts_with(word)) return at_ += word.size(), value;
    refuse("a header whose fortran_order is neither True nor False");
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> values;
    expect('(');
    while (!accept(')')) {
      if (values.size() == 64) refuse("more than 64 axes");
      values.push_back(natural());
      accept('L');  // Python 2's long
      if (!accept(',') && peek() != ')') refuse("a header whose shape is no tuple");
    }
    return values;
  }
  std::uint64_t natural() {
    std::uint64_t value = 0;
    if (peek() < '0' || peek() > '9') refuse("a header whose shape holds something else than natural numbers");
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
          __builtin_add_overflow(value, static_cast<std::uint64_t>(text_[at_] - '0'), &value))
        refuse("a shape with an impossible length");
    return value;
  }

  const std::string& where_;
  const std::string& text_;
  std::size_t at_ = 0;
};

void set_element(const std::string& where, NpyHeader& header, const Parser& parser) {
  const std::string& descr = header.descr;
  const bool well_formed = descr.size() >= 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos &&
                           std::all_of(descr.begin() + 2, descr.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
                           descr.size() <= 4;
  if (descr.find_first_of("OVSUamM") != descr.npos)
    throw UnsupportedError({.where = where,
                            .what = "elements of type \"" + printable(descr) + "\": objects, text, dates or records",
                            .expected = "numbers"});
  if (!well_formed) parser.refuse("the element type \"" + printable(descr) + "\"");
  header.big_endian = descr[0] == '>';
  header.element_bytes = static_cast<std::size_t>(std::stoi(descr.substr(2)));
  constexpr std::pair<std::string_view, Element> known[] = {
      {"f4", Element::float32}, {"f8", Element::float64}, {"f2", Element::float16}, {"i8", Element::int64},
      {"i4", Element::int32},   {"i2", Element::int16},   {"i1", Element::int8},    {"u1", Element::uint8},
      {"u2", Element::uint16},  {"u4", Element::uint32},  {"u8", Element::uint64},  {"b1", Element::boolean}};
  for (const auto& [name, element] : known)
    if (name == std::string_view(descr).substr(1)) header.element = element;
  if (!header.element && descr[1] != 'f' && descr[1] != 'c')
    parser.refuse("the element type \"" + printable(descr) + "\"");
}

}  // namespace

NpyHeader read_npy_header(const Input& input) {
  constexpr std::uint64_t most_header = 10'000;  // NumPy's own limit
  InputReader reader(input);
  if (input.size() < 10 || reader.text(6, 6) != "\x93NUMPY") reader.refuse("not an .npy file");
  const auto major = reader.number<std::uint8_t>();
  reader.skip(1);
  if (major < 1 || major > 3)
    throw UnsupportedError(
        {.where = input.where(), .what = "version " + std::to_string(major) + " of .npy", .expected = "1 to 3"});
  const std::uint64_t length = major == 1 ? reader.number<std::uint16_t>() : reader.number<std::uint32_t>();
  const std::string text = reader.text(length, most_header);
  NpyHeader header;
  Parser parser(input.where(), text);
  parser.fill(header);
  set_element(input.where(), header, parser);
  header.data = reader.position();
  return header;
}

}  // namespace joist
