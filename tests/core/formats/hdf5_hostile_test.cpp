// Files made to do harm, and a helper process that crashes, hangs or lies: always a DataError, in bounded time.
#include <joist/core/error.h>
#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/hdf5_helper.h>
#include <joist/core/formats/store.h>
#include <joist/tests/core/formats/hdf5_cases.h>
#include <joist/tests/core/formats/scratch_folder.h>

#include <chrono>
#include <limits>
#include <random>

#include <gtest/gtest.h>

// ctest: TIMEOUT 300
namespace {

namespace fs = std::filesystem;
using namespace joist;
using namespace joist::test;
using std::chrono::steady_clock;

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    put(path, text_of(hdf5_image(small())).substr(512));
  }  // a foreign file: parsed without a checksum

  // A program in the helper's place. It takes all input first, as the helper does.
  HelperInstead script(const std::string& commands) {
    const fs::path file = folder / "helper";
    put(file, "#!/bin/sh\n" + commands + "\n");
    fs::permissions(file, fs::perms::owner_all);
    return HelperInstead(file.string());
  }

  std::string reading() {
    return message_of<DataError>([&] { read_hdf5(path); });
  }

  ScratchFolder folder;
  const fs::path path = folder / "foreign.h5";
};

// While it parses, the helper can open nothing and start nothing. (A sanitizer's own calls would not pass the filter.)
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(Hostile, IsParsedWithoutRights) {
  Archive archive;
  archive.arrays.push_back({"large", counting({4 << 20}, Dtype::uint8)});
  const std::vector<std::byte> image = hdf5_image(archive);
  Hdf5Helper helper(std::chrono::seconds(20));
  helper.send(Frame{.kind = FrameKind::read, .most_bytes = 8 << 20, .cpu_seconds = 5}, {}, image);
  ASSERT_EQ(helper.receive_frame().data_bytes, std::uint64_t{4 << 20});  // it now waits until the data is taken
  const std::string process = content_of("/proc/thread-self/children");
  if (process.empty()) GTEST_SKIP() << "this kernel does not list child processes";
  const std::string status = content_of("/proc/" + std::to_string(std::stoi(process)) + "/status");
  EXPECT_NE(status.find("\nSeccomp:\t2"), status.npos) << status;
  EXPECT_NE(status.find("\nNoNewPrivs:\t1"), status.npos) << status;
}
#endif

TEST_F(Hostile, SurvivesRandomDamage) {
  const std::string whole = text_of(hdf5_image(varied_but_short())).substr(512);
  std::mt19937 random(20);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    const int changes = 1 + static_cast<int>(random() % 8);
    for (int change = 0; change < changes; ++change) {
      const std::size_t at = random() % damaged.size();
      constexpr unsigned char telling[] = {0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF};
      damaged[at] = static_cast<char>(random() % 2 ? telling[random() % 7] : random() % 256);
    }
    if (i % 10 == 0) damaged.resize(random() % damaged.size());
    put(path, damaged);
    const auto start = steady_clock::now();
    if (!reading().empty()) ++refused;
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(60)) << "mutation " << i;
  }
  EXPECT_GT(refused, 30);
  EXPECT_LT(refused, 300);
}

TEST_F(Hostile, TurnsACrashIntoAnError) {
  for (const auto& [commands, reason] :
       std::vector<std::pair<std::string, std::string>>{{"cat >/dev/null & kill -SEGV $$", "SIGSEGV"},
                                                        {"kill -KILL $$", "SIGKILL"},
                                                        {"exit 7", "status 7"},
                                                        {"printf %200s nonsense", "form of this version"},
                                                        {"exec >&- <&-; sleep 60", "SIGKILL"}}) {
    const auto start = steady_clock::now();
    const HelperInstead instead = script(commands);
    const std::string message = reading();
    EXPECT_NE(message.find(reason), message.npos) << commands << ": " << message;
    EXPECT_NE(message.find(path.string()), message.npos) << message;
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
    EXPECT_THROW(hdf5_image(small()), EnvironmentError);
  }
}

TEST_F(Hostile, EndsASilentHelper) {
  const HelperInstead instead = script("exec sleep 60");
  const auto start = steady_clock::now();
  const std::string message = message_of<HelperFailure>([] {
    Hdf5Helper helper(std::chrono::milliseconds(100));
    helper.receive_frame();
  });
  EXPECT_NE(message.find("silent"), message.npos) << message;
  const std::string full = message_of<HelperFailure>([] {
    Hdf5Helper helper(std::chrono::milliseconds(100));
    helper.send(std::vector<std::byte>(std::size_t{16} << 20));
  });
  EXPECT_NE(full.find("silent"), full.npos) << full;
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(10));
}

// What a helper that a file has taken over may send.
class Lies : public Hostile {
 protected:
  void say(Frame frame, const std::string& name = {}, const std::string& data = {}) {
    if (frame.name_bytes == 0) frame.name_bytes = name.size();
    if (frame.data_bytes == 0) frame.data_bytes = data.size();
    said.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    said += name + data;
  }

  static Frame array(std::vector<std::int64_t> shape, Dtype dtype = Dtype::uint8) {
    Frame frame{.kind = FrameKind::array,
                .dtype = static_cast<std::uint32_t>(dtype),
                .rank = static_cast<std::uint32_t>(shape.size())};
    std::copy(shape.begin(), shape.end(), frame.shape.begin());
    return frame;
  }

  Archive told() {
    say({.kind = FrameKind::end});
    put(folder / "answer", said);
    const HelperInstead instead = script("cat '" + (folder / "answer").string() + "'; exec cat >/dev/null");
    return read_hdf5(path);
  }

  void expect_refused(const char* what) {
    EXPECT_THROW(told(), DataError) << what;
    said.clear();
  }

  std::string said;
};

TEST_F(Lies, ReachNothing) {
  say(array({4}), "a", "1234");
  EXPECT_EQ(told().arrays.size(), 1u);  // the truth, to see that this test works
  said.clear();

  say({.kind = FrameKind::attribute, .name_bytes = std::uint64_t{1} << 62});
  expect_refused("a name of 2^62 bytes");
  say({.kind = FrameKind::attribute, .data_bytes = ~std::uint64_t{0}});
  expect_refused("2^64 - 1 bytes of text");
  say({.kind = FrameKind::failure, .data_bytes = ~std::uint64_t{0}});
  expect_refused("an endless excuse");
  Frame large = array({std::int64_t{1} << 40});
  large.data_bytes = std::uint64_t{1} << 40;
  say(large, "a");
  expect_refused("an array of 1 TiB");
  say(array({5}), "a", "1234");
  expect_refused("fewer bytes than the shape");
  say(array({-4}), "a", "1234");
  expect_refused("a negative length");
  say(array({huge, huge}), "a", "1");
  expect_refused("a product beyond 64 bits");
  say(array({std::int64_t{1} << 32, std::int64_t{1} << 32}), "a");
  expect_refused("a product that is 0 in 64 bits");
  say(array({0, huge, huge}), "a");
  expect_refused("strides beyond 64 bits of an empty array");
  Frame odd = array({4});
  odd.rank = 9;
  say(odd, "a", "1234");
  expect_refused("nine axes");
  odd = array({4});
  odd.dtype = 200;
  say(odd, "a", "1234");
  expect_refused("an unknown dtype");
  say({.kind = static_cast<FrameKind>(99)}, "a", "1234");
  expect_refused("an unknown kind of frame");
  say({.kind = FrameKind::image}, "a", "1234");
  expect_refused("an image where arrays belong");
  say(array({1}), "a", "1");
  say(array({1}), "a", "2");
  expect_refused("one name twice");
  say({.kind = FrameKind::failure}, {}, "\x1B[2Jtext");
  expect_refused("an excuse");
  for (int i = 0; i < 70'000; ++i) say({.kind = FrameKind::skipped}, "a", "b");
  expect_refused("entries without end");
}

TEST_F(Lies, AreMadeHarmless) {
  say(array({3}, Dtype::boolean), "flags", std::string("\x00\x01\x7F", 3));
  say(array({1}), "a\x1B[2J", "1");
  say(array({1}), "", "1");
  say({.kind = FrameKind::attribute}, "latin", "\xE9t\xE9");
  say({.kind = FrameKind::skipped}, "b\n", "why\x07");
  const Archive archive = told();
  ASSERT_EQ(archive.arrays.size(), 1u);
  EXPECT_EQ(bytes_of(archive.arrays[0].array), std::string_view("\x00\x01\x01", 3));
  EXPECT_TRUE(archive.attributes.empty());
  ASSERT_EQ(archive.skipped.size(), 4u);
  for (const Skipped& skipped : archive.skipped) EXPECT_TRUE(is_printable(skipped.name) && is_printable(skipped.why));
}

}  // namespace
