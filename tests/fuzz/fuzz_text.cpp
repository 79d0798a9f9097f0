// The text files of language models (-DFORMAT=tokenizer or config): whatever the bytes are, they end in a tokenizer
// that gives numbers it can read back, or a configuration, or in an error of the right kind.
#include <joist/core/error.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/tools/training/language/pretrained.h>

#include <cstdlib>
#include <string>

namespace {

void tokenizer(const std::string& text) {
  const joist::Tokenizer made = joist::Tokenizer::parse(text, "bytes");
  for (const std::string& words :
       {std::string(), std::string("Hello, wörld 12  <s>\n"), std::string("\xff\x00語", 5), text.substr(0, 64)}) {
    const std::vector<std::int64_t> numbers = made.encode(words);
    for (const std::int64_t number : numbers)
      if (number < 0 || number >= made.size()) std::abort();
    static_cast<void>(made.decode(numbers));
  }
  static_cast<void>(made.decode(std::vector<std::int64_t>{-1, 0, 1, made.size(), INT64_MAX}));
}

void config(const std::string& text) { static_cast<void>(joist::parse_language_config(text, "bytes")); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    FORMAT({reinterpret_cast<const char*>(data), size});
  } catch (const joist::DataError&) {
  } catch (const joist::UnsupportedError&) {
  }
  return 0;
}
