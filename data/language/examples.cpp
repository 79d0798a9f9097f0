#include <joist/core/error.h>
#include <joist/core/formats/json_strict.h>
#include <joist/data/files.h>
#include <joist/data/language/examples.h>
#include <joist/data/text.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

std::string before_message(const std::string& role, ChatFormat format) {
  switch (format) {
    case ChatFormat::chatml: return "<|im_start|>" + role + "\n";
    case ChatFormat::llama3: return "<|start_header_id|>" + role + "<|end_header_id|>\n\n";
    case ChatFormat::plain: return role + ":";
  }
  return {};
}

// An answer is learned with what ends it, so that the model stops.
void add_message(std::vector<TextPart>& parts, const std::string& role, const std::string& text, ChatFormat format) {
  const bool learn = role == "assistant";
  parts.push_back({before_message(role, format), false});
  switch (format) {
    case ChatFormat::chatml:
      parts.push_back({text + "<|im_end|>", learn});
      parts.push_back({"\n", false});
      break;
    case ChatFormat::llama3: parts.push_back({text + "<|eot_id|>", learn}); break;
    case ChatFormat::plain:
      parts.push_back({" " + text, learn, learn});
      if (!learn) parts.push_back({"\n", false});
      break;
  }
}

class Records {
 public:
  Records(ChatFormat format, std::vector<TextExample>& examples) : format_(format), examples_(examples) {}

  void add(const Json& json, const std::string& where) {
    where_ = where;
    TextExample example{.where = where};
    if (json.contains("messages")) {
      add_messages(json.at("messages"), "role", "content", example.parts);
    } else if (json.contains("conversations")) {
      add_messages(json.at("conversations"), "from", "value", example.parts);
    } else if (json.contains("prompt") && json.contains("completion")) {
      example.parts = {{text(json, "prompt"), false}, {text(json, "completion"), true, true}};
    } else if (json.contains("instruction") && json.contains("output")) {
      const std::string input = json.contains("input") && !json.at("input").is_null() ? text(json, "input") : "";
      const std::string question = text(json, "instruction") + (input.empty() ? "" : "\n" + input);
      add_message(example.parts, "user", question, format_);
      add_message(example.parts, "assistant", text(json, "output"), format_);
    } else if (json.contains("text")) {
      example.parts = {{text(json, "text"), true, true}};
    } else {
      refuse("a record without any of the usual keys");
    }
    examples_.push_back(std::move(example));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError({.where = where_,
                     .what = what,
                     .expected =
                         "{\"text\"}, {\"prompt\", \"completion\"}, {\"instruction\", \"output\"}, {\"messages\": "
                         "[{\"role\", \"content\"}]} or {\"conversations\": [{\"from\", \"value\"}]}",
                     .remedy = "one JSON object a line, each of one of these forms"});
  }
  std::string text(const Json& json, const char* key) const {
    if (!json.is_object() || !json.contains(key) || !json.at(key).is_string())
      refuse(fmt::format("\"{}\" is no text", key));
    return json.at(key).get<std::string>();
  }
  void add_messages(const Json& messages, const char* role_key, const char* text_key,
                    std::vector<TextPart>& parts) const {
    if (!messages.is_array() || messages.empty()) refuse("a conversation without messages");
    bool answered = false;
    for (const Json& message : messages) {
      std::string role = text(message, role_key);
      if (role == "human") role = "user";
      if (role == "gpt") role = "assistant";
      if (role != "system" && role != "user" && role != "assistant" && role != "tool")
        refuse("the role \"" + printable(role) + "\"");
      answered = answered || role == "assistant";
      add_message(parts, role, text(message, text_key), format_);
    }
    if (!answered) refuse("a conversation in which the assistant says nothing: nothing to learn");
  }

  ChatFormat format_;
  std::vector<TextExample>& examples_;
  std::string where_{};
};

void read_lines(const std::string& path, const std::string& content, Records& records) {
  std::int64_t line = 0;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = std::min(content.find('\n', at), content.size());
    const std::string_view text = trimmed(std::string_view(content).substr(at, end - at));
    ++line;
    at = end + 1;
    const std::string where = DataError::at(path, line);
    if (!text.empty()) records.add(parse_json_object<Json>(where, std::string(text)), where);
  }
}

void read_file_of_examples(const std::string& path, ChatFormat format, std::vector<TextExample>& examples) {
  const std::string content = read_text(path), ending = std::filesystem::path(path).extension().string();
  Records records(format, examples);
  if (ending == ".jsonl") {
    read_lines(path, content, records);
  } else if (ending == ".json" && trimmed(content).starts_with("[")) {
    const Json list = parse_json_object<Json>(path, "{\"list\":" + content + "}").at("list");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string where = fmt::format("{}: record {}", path, i);
      if (!list[i].is_object()) throw DataError({.where = where, .what = "no object", .expected = "a list of objects"});
      records.add(list[i], where);
    }
  } else if (ending == ".json") {
    records.add(parse_json_object<Json>(path, content), path);
  } else {
    examples.push_back({{{content, true, true}}, path});
  }
}

}  // namespace

std::vector<TextExample> read_text_examples(const std::string& path, ChatFormat format) {
  std::vector<std::string> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      const std::string ending = entry.path().extension().string();
      if (entry.is_regular_file() && (ending == ".txt" || ending == ".jsonl" || ending == ".json"))
        files.push_back(utf8(entry.path()));
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  std::vector<TextExample> examples;
  for (const std::string& file : files) read_file_of_examples(file, format, examples);
  if (examples.empty())
    throw DataError({.where = path,
                     .what = "no texts here",
                     .expected = "a .txt, .jsonl or .json file, or a folder with such files",
                     .remedy = "look at the path"});
  return examples;
}

std::string chat_prompt(const std::vector<std::pair<std::string, std::string>>& messages, ChatFormat format) {
  std::vector<TextPart> parts;
  for (const auto& [role, text] : messages) add_message(parts, role, text, format);
  std::string prompt;
  for (const TextPart& part : parts) prompt += part.text;
  return prompt + before_message("assistant", format);
}

}  // namespace joist
