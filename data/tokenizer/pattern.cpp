#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/data/tokenizer/pattern.h>

#include <oniguruma.h>

namespace joist {
namespace {

constexpr unsigned long most_retries = 50'000'000;

const UChar* bytes(const char* text) { return reinterpret_cast<const UChar*>(text); }

std::string message(int code, OnigErrorInfo* info = nullptr) {
  UChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
  return printable(std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length)));
}

}  // namespace

struct Pattern::Compiled {
  Compiled(const std::string& expression, const std::string& where_from) : where(where_from) {
    static const int ready = [] {
      OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
      return onig_initialize(encodings, 1);
    }();
    OnigErrorInfo info;
    const int code = ready != ONIG_NORMAL
                         ? ready
                         : onig_new(&regex, bytes(expression.data()), bytes(expression.data() + expression.size()),
                                    ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
    if (code != ONIG_NORMAL)
      throw DataError({.where = where,
                       .what = "\"" + printable(expression) + "\" is no regular expression: " + message(code, &info),
                       .expected = "one that Oniguruma reads",
                       .remedy = "get the file again from where the model came from"});
  }
  ~Compiled() {
    if (regex) onig_free(regex);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  std::string where;
  regex_t* regex = nullptr;
};

Pattern::Pattern(const std::string& expression, const std::string& where)
    : compiled_(std::make_shared<const Compiled>(expression, where)) {}

std::vector<std::pair<std::size_t, std::size_t>> Pattern::find(std::string_view text) const {
  const std::unique_ptr<OnigMatchParam, void (*)(OnigMatchParam*)> limits(onig_new_match_param(),
                                                                          onig_free_match_param);
  const auto free_region = [](OnigRegion* region) { onig_region_free(region, 1); };
  const std::unique_ptr<OnigRegion, decltype(free_region)> region(onig_region_new(), free_region);
  if (!limits || !region)
    throw EnvironmentError({.where = compiled_->where, .what = "no memory for a regular expression"});
  onig_initialize_match_param(limits.get());
  onig_set_retry_limit_in_search_of_match_param(limits.get(), most_retries);

  std::vector<std::pair<std::size_t, std::size_t>> found;
  const UChar* const begin = bytes(text.data());
  const UChar* const end = begin + text.size();
  for (std::size_t at = 0; at < text.size();) {
    const int place = onig_search_with_param(compiled_->regex, begin, end, begin + at, end, region.get(),
                                             ONIG_OPTION_NONE, limits.get());
    if (place == ONIG_MISMATCH) break;
    if (place < 0)
      throw DataError({.where = compiled_->where,
                       .what = "a regular expression gave up: " + message(place),
                       .expected = "an expression and a text that fit in a bounded number of steps",
                       .remedy = "shorter lines of text"});
    const auto first = static_cast<std::size_t>(region->beg[0]), last = static_cast<std::size_t>(region->end[0]);
    if (last > first) found.emplace_back(first, last);
    at = last > first ? last : last + 1;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80) ++at;
  }
  return found;
}

}  // namespace joist
