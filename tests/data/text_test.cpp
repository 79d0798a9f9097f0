#include <joist/data/text.h>
#include <joist/tests/data/support.h>

namespace joist::test {
namespace {

using namespace std::string_literals;

TEST(Text, DropsTheUtf8Mark) { EXPECT_EQ(to_utf8("\xEF\xBB\xBFhelmet", "a.csv"), "helmet"); }

TEST(Text, ReadsUtf16) {
  EXPECT_EQ(to_utf8("\xFF\xFE"
                    "a\0\x2D\x4E"s,
                    "a.csv"),
            "a中");
  EXPECT_EQ(to_utf8("\xFE\xFF"
                    "\0a\x4E\x2D"s,
                    "a.csv"),
            "a中");
}

TEST(Text, ReadsGbk) { EXPECT_EQ(to_utf8("\xB0\xB2\xC8\xAB\xC3\xB1,1", "a.csv"), "安全帽,1"); }

TEST(Text, ReadsGb18030FourBytes) { EXPECT_EQ(to_utf8("\x95\x32\x82\x36", "a.csv"), "\xF0\xA0\x80\x80"); }

TEST(Text, KeepsUtf8) { EXPECT_EQ(to_utf8("安全帽 é 🏗", "a.csv"), "安全帽 é 🏗"); }

TEST(Text, RefusesBytesOfNoEncoding) {
  const std::string message = data_error([] { to_utf8("line one\nline two \xFF\xFF", "labels.csv"); });
  EXPECT_HAS(message, "labels.csv:2");
  EXPECT_HAS(message, "byte 18");
}

TEST(Text, AMarkedFileIsNeverTakenForGbk) {
  EXPECT_HAS(data_error([] { to_utf8("\xEF\xBB\xBF\xB0\xB2", "a.csv"); }), "neither UTF-8");
}

TEST(Text, RefusesHalfAUtf16Character) {
  data_error([] {
    to_utf8(
        "\xFF\xFE"
        "a\0\x2D"s,
        "a.csv");
  });
}

TEST(Text, KnowsUtf8) {
  for (const char* good : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC1\xBF", "\xC2", "\xC2\x20", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE4\xB8"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(Text, CountsLines) {
  EXPECT_EQ(line_at("a\nb\nc", 0), 1);
  EXPECT_EQ(line_at("a\nb\nc", 2), 2);
  EXPECT_EQ(line_at("a\nb\nc", 99), 3);
}

TEST(Text, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_HAS(data_error([&] { read_text(folder / "none.csv"); }), "no such file");
  EXPECT_HAS(data_error([&] { read_text(folder.path()); }), "is a folder");
  EXPECT_HAS(data_error([&] { read_text("/dev/zero"); }), "is a device");
  EXPECT_HAS(data_error([&] { read_text(folder.write("a.csv", "12345"), 4); }), "has 5 bytes");
}

TEST(Files, AFailedWriteKeepsWhatWasThere) {
  const TemporaryFolder folder;
  folder.write("a.json", "old");
  EXPECT_THROW(write_bytes(folder / "a.json/b.json", std::string("new")), EnvironmentError);
  std::filesystem::create_directory(folder / "full");
  std::filesystem::create_directory(folder / "full/inner");
  EXPECT_THROW(write_bytes(folder / "full", std::string("new")), EnvironmentError);
  EXPECT_EQ(read_bytes(folder / "a.json", 100), "old");
  std::size_t left = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++left;
  EXPECT_EQ(left, 2U) << "a part of a file was left behind";
}

}  // namespace
}  // namespace joist::test
