// Every format from damaged bytes: each truncation, each flipped bit of the first kilobyte and of the last, and random
// damage end in arrays or in an error of the right kind.
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/formats/store.h>
#include <joist/tests/core/formats/hdf5_cases.h>
#include <joist/tests/core/formats/scratch_folder.h>
#include <joist/tests/core/formats/sound_files.h>

#include <chrono>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using namespace joist;
using namespace joist::test;
namespace fs = std::filesystem;

class Damage : public ::testing::TestWithParam<ByteFormat> {};

TEST_P(Damage, WholeOnesAreRead) { EXPECT_TRUE(survives(GetParam(), bytes_from(whole(GetParam().name)))); }

TEST_P(Damage, EveryTruncationIsRefused) {
  const std::string bytes = whole(GetParam().name);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    if (survives(GetParam(), bytes_from(bytes.substr(0, size)))) {
      EXPECT_EQ(GetParam().name, "onnx") << size;  // a shorter protobuf message may be whole
    }
}

TEST_P(Damage, FlippedBitsDoNoHarm) {
  const std::string bytes = whole(GetParam().name);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at >= 1024 && at + 1024 < bytes.size()) continue;
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      survives(GetParam(), bytes_from(damaged));
    }
  }
}

TEST_P(Damage, RandomDamageDoesNoHarm) {
  const std::string bytes = whole(GetParam().name);
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    for (unsigned change = 0; change < 1 + random() % 6; ++change)
      damaged[random() % damaged.size()] = static_cast<char>(random() % 3 == 0 ? 0xFF : random() % 256);
    survives(GetParam(), bytes_from(damaged));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Damage, ::testing::ValuesIn(byte_formats),
                         [](const auto& each) { return std::string(each.param.name); });

std::string refusal(const ByteFormat& format, const std::string& bytes) {
  try {
    format.open(Input::memory("bytes", bytes_from(bytes)));
  } catch (const DataError& error) {
    return error.what();
  }
  return "read";
}

std::string tensors(const std::string& header, std::size_t data) {
  std::string bytes;
  put_number(bytes, std::uint64_t{header.size()});
  return bytes + header + std::string(data, '\0');
}

TEST(Safetensors, RefusesWhatTheReferenceRefuses) {
  const ByteFormat& format = byte_formats[2];
  const auto one = [](const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
    return "\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
  };
  EXPECT_EQ(refusal(format, tensors("{" + one("[2]", "[0,8]") + "}", 8)), "read");
  EXPECT_EQ(refusal(format, tensors("  {" + one("[2]", "[0,8]") + "}  ", 8)), "read");
  EXPECT_EQ(refusal(format, tensors("{" + one("[]", "[0,4]") + "}", 4)), "read");
  EXPECT_EQ(refusal(format, tensors("{" + one("[0,9]", "[0,0]") + "}", 0)), "read");
  EXPECT_EQ(refusal(format, tensors("{}", 0)), "read");
  for (const auto& [bytes, word] : std::vector<std::pair<std::string, std::string>>{
           {tensors("{" + one("[2]", "[0,8]") + "," + one("[2]", "[8,16]") + "}", 16), "twice"},
           {tensors("{" + one("[2]", "[0,8]") + "}", 9), "where the file ends"},
           {tensors("{" + one("[2]", "[0,8]") + "}", 7), "where the file ends"},
           {tensors("{" + one("[2]", "[4,12]") + "}", 12), "gap or overlaps"},
           {tensors("{" + one("[2]", "[0,4]") + "}", 4), "does not fit its shape"},
           {tensors("{" + one("[2]", "[8,0]") + "}", 8), "does not fit its shape"},
           {tensors("{" + one("[-2]", "[0,8]") + "}", 8), "no natural number"},
           {tensors("{" + one("[2.0]", "[0,8]") + "}", 8), "no natural number"},
           {tensors("{" + one("[4294967296,4294967296,4294967296]", "[0,8]") + "}", 8), "impossible shape"},
           {tensors("{" + one("[1]", "[0,1]", "F4") + "}", 1), "does not fit"},
           {tensors("{" + one("[2]", "[0,8]", "F128") + "}", 8), "unknown type"},
           {tensors("{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "NUL"},
           {tensors("{\"__metadata__\":{\"a\":1}}", 0), "else than text"},
           {tensors("{\"__metadata__\":{\"a\":\"\xFF\"}}", 0), "not valid JSON"},
           {tensors("[]", 0), "no object"},
           {tensors("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", 0), "deep"},
           {std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", 10), "longer than"},
           {std::string("\x40\0\0\0\0\0\0\0{}", 10), "inside its header"},
           {"abc", "too short"}})
    EXPECT_NE(refusal(format, bytes).find(word), std::string::npos) << word << ": " << refusal(format, bytes);
}

TEST(Safetensors, ShardsAndOtherFilesLieBeside) {
  const ScratchFolder folder;
  const auto index = [&](const std::string& file) {
    test::put(folder / "m.safetensors.index.json", "{\"weight_map\":{\"a\":\"" + file + "\"}}");
    return message_of<DataError>([&] { open_checkpoint_file(folder / "m.safetensors.index.json"); });
  };
  Archive archive;
  archive.arrays.push_back({"a", counting({2}, Dtype::float32)});
  fs::create_directory(folder / "sub");
  store_file(folder / "sub/x.safetensors", safetensors_bytes(archive));
  store_file(folder / "x.safetensors", safetensors_bytes(archive));
  EXPECT_EQ(index("x.safetensors"), "");
  fs::create_symlink(folder / "x.safetensors", folder / "link.safetensors");
  fs::create_hard_link(folder / "sub/x.safetensors", folder / "hard.safetensors");
  for (const char* name : {"sub/x.safetensors", "../x.safetensors", "/etc/passwd", "link.safetensors",
                           "hard.safetensors", "..", ".", "", "absent"})
    EXPECT_NE(index(name), "") << name;
}

/// Bytes that this process has read; -1 where the system does not count them.
std::int64_t bytes_read() {
  std::ifstream file("/proc/self/io");
  std::string what;
  std::int64_t count = 0;
  return file >> what >> count && what == "rchar:" ? count : -1;
}

// Loading reads what is wanted, once, and nothing else.
TEST(Inspect, AFileOfFiveGigabytesIsOpenedAtOnce) {
  const ScratchFolder folder;
  std::string header = "{";
  const std::uint64_t each = std::uint64_t{50} << 20;
  for (std::uint64_t i = 0; i < 100; ++i)
    header += (i > 0 ? "," : "") + ("\"w" + std::to_string(i)) + "\":{\"dtype\":\"F32\",\"shape\":[" +
              std::to_string(each / 4) + "],\"data_offsets\":[" + std::to_string(i * each) + "," +
              std::to_string((i + 1) * each) + "]}";
  const fs::path path = folder / "large.safetensors";
  test::put(path, tensors(header + "}", 0));
  fs::resize_file(path, fs::file_size(path) + 100 * each);  // a hole
  const auto begin = std::chrono::steady_clock::now();
  const StoredArchive stored = open_checkpoint_file(path);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  ASSERT_EQ(stored.arrays.size(), 100U);
  const std::size_t before = allocator(cpu).statistics().in_use;
  const std::int64_t read_before = bytes_read();
  const Archive one = load(stored, {"w7"});
  const std::int64_t read = bytes_read() - read_before;
  EXPECT_EQ(one.arrays.size(), 1U);
  EXPECT_LT(allocator(cpu).statistics().in_use - before, each + each / 4);  // one copy of one array
  if (read_before < 0) return;
  EXPECT_GE(read, static_cast<std::int64_t>(each));
  EXPECT_LT(read, static_cast<std::int64_t>(each) + 4096);  // this file of counters is read too
}

}  // namespace
