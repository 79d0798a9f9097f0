// Texts that language models learn from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace joist {

/// How the messages of a conversation are written one behind the other.
enum class ChatFormat : std::uint8_t {
  chatml,  ///< <|im_start|>ROLE⏎TEXT<|im_end|>⏎, as Qwen
  llama3,  ///< <|start_header_id|>ROLE<|end_header_id|>⏎⏎TEXT<|eot_id|>
  plain    ///< ROLE: TEXT⏎, the end of the text behind an answer
};

struct TextPart {
  std::string text{};
  bool learn = true;  ///< the model learns to write it; else it only reads it
  bool ends = false;  ///< the token for the end of a text stands behind it
};
struct TextExample {
  std::vector<TextPart> parts{};
  std::string where{};  ///< "file:line"
};

/// Reads a file or all .txt, .jsonl and .json files below a folder, in order of their names. Text files are an example
/// each. Records of JSON lines, or of a JSON list, are one of
///   {"text": …}                                     all of it is learned
///   {"prompt": …, "completion": …}                  the completion is
///   {"instruction": …, "input": …, "output": …}     the output is
///   {"messages": [{"role": …, "content": …}, …]}    what the assistant says is
///   {"conversations": [{"from": "human" | "gpt" | "system", "value": …}, …]}
/// UTF-8, GB18030 and UTF-16 are read, with or without a byte order mark. Throws DataError naming file and line of a
/// record that is none of these.
std::vector<TextExample> read_text_examples(const std::string& path, ChatFormat format);

/// What stands before the answer to a conversation so far, for generation.
std::string chat_prompt(const std::vector<std::pair<std::string, std::string>>& messages, ChatFormat format);

}  // namespace joist
