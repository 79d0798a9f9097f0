// Tokenizers against the package tokenizers: its files, its numbers, its texts. JOIST_TOKENIZER_FIXTURES: another
// folder of tests/fixtures/make_tokenizer_fixtures.py.
#include <joist/core/error.h>
#include <joist/core/text.h>
#include <joist/data/files.h>
#include <joist/data/tokenizer/tokenizer.h>
#include <joist/data/tokenizer/unicode.h>
#include <joist/tests/support/expect_error.h>

#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

std::filesystem::path fixtures() {
  const char* given = std::getenv("JOIST_TOKENIZER_FIXTURES");
  return given ? given : std::filesystem::path(JOIST_SOURCE_DIR) / "tests/fixtures/language/tokenizers";
}

Json read(const std::string& name) { return Json::parse(read_bytes((fixtures() / name).string(), 1 << 30)); }

class Peer : public testing::TestWithParam<const char*> {};

TEST_P(Peer, GivesTheSameNumbersAndTexts) {
  const std::string name = GetParam();
  const Tokenizer tokenizer = Tokenizer::read(fixtures() / (name + ".json"));
  const Json texts = read("cases.json").at("texts"), wanted = read(name + ".cases.json");
  int wrong = 0;
  for (std::size_t i = 0; i < texts.size() && wrong < 5; ++i) {
    const std::string text = texts[i];
    const std::vector<std::int64_t> numbers = tokenizer.encode(text), truth = wanted.at("ids")[i];
    EXPECT_EQ(numbers, truth) << text;
    const Json &decoded = wanted.at("decoded")[i], &special = wanted.at("with_special")[i];
    const std::string plain = decoded.is_null() ? text : decoded.get<std::string>();
    EXPECT_EQ(tokenizer.decode(truth), plain) << text;
    EXPECT_EQ(tokenizer.decode(truth, false), special.is_null() ? plain : special.get<std::string>()) << text;
    wrong += HasFailure() ? 1 : 0;
  }
  EXPECT_EQ(tokenizer.encode(texts[5].get<std::string>(), false), wanted.at("bare").get<std::vector<std::int64_t>>());
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Peer,
                         testing::Values("gpt2", "qwen2", "llama3", "llama2", "metaspace", "bert", "bert_cased"),
                         [](const auto& one) { return std::string(one.param); });

TEST(Repaired, IsWhatTheOthersMakeOfBrokenText) {
  const Json cases = read("cases.json");
  for (std::size_t i = 0; i < cases.at("broken").size(); ++i) {
    const std::string hex = cases.at("broken")[i];
    std::string bytes;
    for (std::size_t at = 0; at < hex.size(); at += 2)
      bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
    EXPECT_EQ(unicode::repaired(bytes), cases.at("repaired")[i].get<std::string>()) << hex;
  }
}

TEST(Tokenizer, TakesAnyBytesAndNumbers) {
  for (const char* name : {"qwen2", "bert", "llama2"}) {
    const Tokenizer tokenizer = Tokenizer::read(fixtures() / (std::string(name) + ".json"));
    std::uint32_t state = 1;
    for (int round = 0; round < 300; ++round) {
      std::string bytes;
      for (int i = 0; i < 40; ++i) bytes += static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
      std::vector<std::int64_t> numbers = tokenizer.encode(bytes);
      EXPECT_TRUE(is_utf8(tokenizer.decode(numbers)));
      for (std::int64_t& number : numbers)
        number = static_cast<std::int32_t>(state = state * 1664525U + 1013904223U) % 700;
      EXPECT_TRUE(is_utf8(tokenizer.decode(numbers)));
    }
  }
}

// Cut at every 37th byte, and with each part replaced by something else.
TEST(Tokenizer, RefusesBrokenFiles) {
  const std::string whole = read_bytes((fixtures() / "qwen2.json").string(), 1 << 20);
  for (std::size_t length = 0; length + 1 < whole.size(); length += 37)
    EXPECT_THROW(Tokenizer::parse(whole.substr(0, length), "t"), DataError) << length;
  const Json sound = Json::parse(whole);
  for (const char* part : {"normalizer", "pre_tokenizer", "model", "post_processor", "decoder", "added_tokens"})
    for (const Json& other : {Json(3), Json("x"), Json::object(), Json{{"type", "Sequence"}}, Json{{"type", 3}}}) {
      Json broken = sound;
      broken[part] = other;
      EXPECT_THROW(Tokenizer::parse(broken.dump(), "t"), Error) << part << " " << other;
    }
  const auto parsed = [&](const char* pointer, const Json& value) {
    Json broken = sound;
    broken[Json::json_pointer(pointer)] = value;
    return Tokenizer::parse(broken.dump(), "t");
  };
  expect_error<UnsupportedError>([&] { return parsed("/model/type", "Unigram"); }, {"Unigram", "WordPiece"});
  expect_error<UnsupportedError>([&] { return parsed("/normalizer/type", "Precompiled"); }, {"Precompiled", "NFC"});
  expect_error<DataError>([&] { return parsed("/model/vocab/a", -1); }, {"\"a\"", "out of range"});
  expect_error<DataError>([&] { return parsed("/model/vocab/a", 1e18); }, {"\"a\"", "out of range"});
  expect_error<DataError>([&] { return parsed("/model/merges/0", "nowhere else"); }, {"nowhere", "vocabulary"});
  expect_error<DataError>([&] { return parsed("/pre_tokenizer/pretokenizers/0/pattern/Regex", "(a"); },
                          {"regular expression", "(a"});
  const Json around{{"type", "RobertaProcessing"}, {"cls", {"a", 99999}}, {"sep", {"a", 0}}};
  expect_error<DataError>([&] { return parsed("/post_processor", around); }, {"99999", "post-processor"});
  // An expression that would try 2^60 ways gives up.
  const Tokenizer slow = parsed("/pre_tokenizer/pretokenizers/0/pattern/Regex", "(?:a|aa|a)+(?=[bc])");
  expect_error<DataError>([&] { return slow.encode(std::string(60, 'a')); }, {"gave up"});
}

}  // namespace
}  // namespace joist
