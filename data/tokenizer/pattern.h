// Regular expressions from tokenizer.json, by Oniguruma, which the tokenizers of the ecosystem use too.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace joist {

class Pattern {
 public:
  /// Throws DataError naming `where` for what is no regular expression.
  Pattern(const std::string& expression, const std::string& where);

  /// Parts [begin, end) of valid UTF-8 that fit, from left to right; empty ones are left out. Throws DataError where
  /// the expression tries too many ways (a text may not hang a program).
  std::vector<std::pair<std::size_t, std::size_t>> find(std::string_view text) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace joist
