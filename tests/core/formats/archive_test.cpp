#include <joist/core/error.h>
#include <joist/core/formats/archive.h>
#include <joist/core/formats/sha256.h>

#include <numeric>

#include <gtest/gtest.h>

namespace {

using joist::Archive;
using joist::Array;

Archive with_names(const std::vector<std::string>& names) {
  Archive archive;
  for (const std::string& name : names) archive.arrays.push_back({name, Array::empty({1})});
  return archive;
}

TEST(Archive, FindsByName) {
  const Archive archive = with_names({"a.weight", "b"});
  EXPECT_EQ(archive.find("b"), &archive.arrays[1].array);
  EXPECT_EQ(archive.find("c"), nullptr);
}

TEST(Archive, AcceptsNamesThatAFileCanHave) {
  EXPECT_NO_THROW(require_writable(with_names({"backbone.conv.weight", "安全帽", "optimizer/momentum/1",
                                               "optimizer/step", "a", "a.b", "a b", "...", "a-b", "ab/c"})));
}

TEST(Archive, RefusesNamesThatNoFileCanHave) {
  for (const std::vector<std::string>& names : std::vector<std::vector<std::string>>{{""},
                                                                                     {"/a"},
                                                                                     {"a/"},
                                                                                     {"a//b"},
                                                                                     {"./a"},
                                                                                     {"a/.."},
                                                                                     {"a\nb"},
                                                                                     {std::string("a\0b", 3)},
                                                                                     {"\xFF"},
                                                                                     {"\xC2\x9B"},
                                                                                     {"a", "a"},
                                                                                     {"a", "a-b", "a/b"},
                                                                                     {"a/b/c", "a/b"}})
    EXPECT_THROW(require_writable(with_names(names)), joist::InternalError) << names[0];
  Archive archive;
  archive.arrays.push_back({"undefined", Array()});
  EXPECT_THROW(require_writable(archive), joist::InternalError);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"", "x"}, {"a", "\xC3"}, {"a", std::string("x\0y", 3)}, {"a\x1B", "x"}}) {
    Archive wrong;
    wrong.attributes[name] = value;
    EXPECT_THROW(require_writable(wrong), joist::InternalError) << name;
  }
}

TEST(Archive, CopiesViewsInRowMajorOrder) {
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 0.0f);
  const Array array = Array::from(values, {2, 3, 4});
  EXPECT_EQ(joist::row_major_copy(array).raw(), array.raw());
  for (const Array& view :
       {array.permuted({2, 0, 1}), array.sliced(2, 1, 4, 2), array.selected(1, 2), array.sliced(0, 1, 1),
        Array::from(values, {4, 6}).transposed(), array.selected(2, 0).expanded({5, 2, 3})}) {
    const Array copy = joist::row_major_copy(view);
    EXPECT_TRUE(copy.is_row_major());
    EXPECT_EQ(copy.shape(), view.shape());
    EXPECT_EQ(copy.to_vector<float>(), view.to_vector<float>());
  }
  const Array bytes = Array::from(std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(joist::row_major_copy(bytes.transposed()).to_vector<std::uint8_t>(),
            (std::vector<std::uint8_t>{1, 4, 2, 5, 3, 6}));
}

TEST(Text, KnowsUtf8) {
  for (const char* text :
       {"", "abc", "安全帽", "é", "\xF0\x9F\x91\xB7", "\xEF\xBF\xBD", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(joist::is_utf8(text)) << text;
  for (const char* text : {"\x80", "\xC3", "\xC0\xAF", "\xE5\xAE", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xB0\xB2"})
    EXPECT_FALSE(joist::is_utf8(text)) << text;
}

TEST(Text, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(joist::printable("安全帽"), "安全帽");
  EXPECT_EQ(joist::printable("a\x1B[2J"), "a\\x1b[2J");
  EXPECT_EQ(joist::printable("\xB0\xB2"), "\\xb0\\xb2");
}

std::string digest_of(std::string_view text) {
  return joist::hexadecimal(joist::sha256(std::as_bytes(std::span(text))));
}

TEST(Sha256, MatchesTheStandard) {  // FIPS 180-2, appendix B
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
