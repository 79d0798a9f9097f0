// Where decoded pictures stay, what happens to those that cannot be read, and that memory does not grow.
#include <joist/core/error.h>
#include <joist/data/encode.h>
#include <joist/data/loader.h>
#include <joist/data/loader/cache.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace joist {
namespace {

constexpr int count = 12, side = 64;

class LoaderCache : public testing::Test {
 protected:
  LoaderCache() {
    for (int i = 0; i < count; ++i) {
      Picture picture = test::gradient(90 + 7 * i, 70 + i);
      for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(value ^ (i * 19));
      Sample sample{.path = folder / (std::to_string(i) + ".jpg"), .width = picture.width, .height = picture.height};
      write_jpeg(sample.path, picture);
      sample.annotations.push_back({.box = {10, 12, 30.5, 40}, .category = i % 3});
      data.samples.push_back(sample);
    }
  }
  void damage(int i) const { std::ofstream(data.samples[static_cast<std::size_t>(i)].path) << "no picture"; }

  test::TemporaryFolder folder;
  Dataset data;
};

using Batches = std::vector<std::pair<std::vector<float>, std::vector<std::vector<LabelledBox>>>>;

Batches epoch(DetectionLoader& loader, std::int64_t number) {
  Batches batches;
  loader.start(number);
  while (const DetectionBatch* batch = loader.next())
    batches.emplace_back(batch->pictures.to_vector<float>(), batch->boxes);
  return batches;
}

LoaderOptions options(int threads) { return {.batch = 4, .size = side, .seed = 3, .threads = threads}; }

TEST_F(LoaderCache, TheTemporaryFileHoldsWhatMemoryDoesNot) {
  if (SpillFile::folder().empty()) GTEST_SKIP() << "no temporary folder on a disk";
  LoaderOptions spilling = options(3), nowhere = options(3);
  spilling.cache_bytes = 2 * side * side * 3;
  nowhere.cache_bytes = 0;
  DetectionLoader loader(data, spilling, AugmentOptions{}), plain(data, nowhere, AugmentOptions{});
  for (std::int64_t number = 0; number < 3; ++number) EXPECT_EQ(epoch(loader, number), epoch(plain, number));
  const LoaderStatistics statistics = loader.statistics();
  EXPECT_LE(statistics.cached_bytes, spilling.cache_bytes);
  EXPECT_GT(statistics.spilled_bytes, side * side * 3);
  EXPECT_LE(statistics.decoded, 3 * count);  // threads may meet at a picture
  EXPECT_EQ(plain.statistics().spilled_bytes, 0);
  spilling.spill_bytes = 3 * side * side * 3;
  DetectionLoader small(data, spilling, AugmentOptions{});
  EXPECT_EQ(epoch(small, 0), epoch(plain, 0));
  EXPECT_LE(small.statistics().spilled_bytes, spilling.spill_bytes);
}

TEST_F(LoaderCache, TheFolderIsKnownByContentAndNotBelievedWhenDamaged) {
  const test::TemporaryFolder kept;
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kept.path()))
      if (entry.is_regular_file()) names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  LoaderOptions with = options(0);
  with.cache_folder = kept.path();
  DetectionLoader plain(data, options(0), AugmentOptions{});
  const Batches expected = epoch(plain, 0);
  for (int run = 0; run < 2; ++run) {
    DetectionLoader loader(data, with, AugmentOptions{});
    EXPECT_EQ(epoch(loader, 0), expected);
    EXPECT_EQ(files().size(), static_cast<std::size_t>(count));
  }
  const std::vector<std::string> before = files();
  std::filesystem::resize_file(before[0], 100);                             // cut short
  std::filesystem::resize_file(before[1], 10);                              // not even a header
  std::fstream(before[2], std::ios::in | std::ios::out).seekp(500) << "x";  // other pixels
  DetectionLoader again(data, with, AugmentOptions{});
  EXPECT_EQ(epoch(again, 0), expected);
  // A picture that changed is another one.
  write_jpeg(data.samples[0].path, test::gradient(90, 70));
  DetectionLoader changed(data, with, AugmentOptions{}), direct(data, options(0), AugmentOptions{});
  EXPECT_EQ(epoch(changed, 0), epoch(direct, 0));
  with.cache_folder = folder / "0.jpg";  // no folder at all
  DetectionLoader useless(data, with, AugmentOptions{});
  EXPECT_EQ(epoch(useless, 0), epoch(direct, 0));
}

TEST_F(LoaderCache, UnreadablePicturesEndTheRunOrAreCounted) {
  damage(2);
  damage(7);
  DetectionLoader strict(data, options(2), AugmentOptions{});
  const std::string message = test::data_error([&] { epoch(strict, 0); });
  EXPECT_TRUE(message.find("2.jpg") != std::string::npos || message.find("7.jpg") != std::string::npos) << message;
  Batches first;
  for (const int threads : {0, 1, 4}) {
    LoaderOptions lenient = options(threads);
    lenient.unreadable = Unreadable::skip;
    DetectionLoader loader(data, lenient, AugmentOptions{});
    Batches batches = epoch(loader, 0);
    for (Batches& more : std::vector<Batches>{epoch(loader, 1), epoch(loader, 2)})
      std::move(more.begin(), more.end(), std::back_inserter(batches));
    if (first.empty()) first = batches;
    EXPECT_EQ(batches, first) << threads;
    EXPECT_EQ(batches.size(), 9U);
    EXPECT_EQ(loader.statistics().unreadable, 2);
    ASSERT_EQ(loader.statistics().unreadable_files.size(), 2U);
    EXPECT_HAS(loader.statistics().unreadable_files[0], ".jpg");
  }
  for (int i = 0; i < count; ++i) damage(i);
  LoaderOptions lenient = options(2);
  lenient.unreadable = Unreadable::skip;
  DetectionLoader none(data, lenient, AugmentOptions{});
  EXPECT_HAS(test::data_error([&] { epoch(none, 0); }), ".jpg");
}

TEST_F(LoaderCache, ListsGoOnInTheMiddleOfAnEpochWhateverTheThreads) {
  const PipelineOptions list{.list = named_augment_list("small")};
  DetectionLoader one(data, options(0), list), other(data, options(3), list);
  const Batches whole = epoch(one, 4);
  EXPECT_EQ(epoch(other, 4), whole);
  other.start(4, 2);
  const DetectionBatch* batch = other.next();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->pictures.to_vector<float>(), whole[2].first);
  EXPECT_EQ(batch->boxes, whole[2].second);
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST_F(LoaderCache, MemoryDoesNotGrowOverTwentyEpochs) {
  for (const bool keeps : {true, false}) {
    LoaderOptions loading = options(3);
    if (!keeps) loading.cache_bytes = 0;
    DetectionLoader loader(data, loading, PipelineOptions{.list = named_augment_list("small")});
    const auto run = [&](std::int64_t number) {
      loader.start(number);
      while (loader.next() != nullptr) {
      }
    };
    for (std::int64_t number = 0; number < 8; ++number) run(number);
    const std::int64_t before = resident_bytes();
    for (std::int64_t number = 8; number < 28; ++number) run(number);
    EXPECT_LE(resident_bytes() - before, std::int64_t{2} << 20) << (keeps ? "with" : "without") << " a cache";
  }
}

}  // namespace
}  // namespace joist
