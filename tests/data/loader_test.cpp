// Batches that depend on data, options, epoch and step, and on nothing else.
#include <joist/core/error.h>
#include <joist/core/memory.h>
#include <joist/core/picture_change.h>
#include <joist/data/encode.h>
#include <joist/data/loader.h>
#include <joist/tests/data/support.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <set>

#include <gtest/gtest.h>

namespace {
std::atomic<std::int64_t> allocations{0};
}  // namespace

// Not inline: compilers would take free() for a mistake.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace joist {
namespace {

constexpr int count = 13, side = 64;

// Thirteen pictures of several sizes in files, with two boxes and a crowd each.
class Loader : public testing::Test {
 protected:
  Loader() {
    for (int i = 0; i < count; ++i) {
      const int width = 90 + 7 * i, height = 70 + i * i;
      Picture picture = test::gradient(width, height);
      for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>(value ^ (i * 19));
      Sample sample{.path = folder / (std::to_string(i) + ".png"), .id = i + 1, .width = width, .height = height};
      write_png(sample.path, picture);
      sample.annotations.push_back({.box = {10, 12, 30.5, 40}, .category = i % 3});
      sample.annotations.push_back({.box = {50, 20, 25, 22}, .category = 2});
      sample.annotations.push_back({.box = {0, 0, 60, 60}, .category = 1, .crowd = true});
      data.samples.push_back(sample);
    }
  }

  test::TemporaryFolder folder;
  Dataset data;
};

struct Copy {
  std::vector<float> pictures;
  std::vector<std::vector<LabelledBox>> boxes;
  std::vector<std::size_t> samples;
  std::int64_t step;
  bool operator==(const Copy&) const = default;
};

Copy copied(const DetectionBatch& batch) {
  return {batch.pictures.to_vector<float>(), batch.boxes, batch.samples, batch.step};
}

std::vector<Copy> rest_of_epoch(DetectionLoader& loader) {
  std::vector<Copy> batches;
  while (const DetectionBatch* batch = loader.next()) batches.push_back(copied(*batch));
  return batches;
}

std::vector<Copy> epoch(DetectionLoader& loader, std::int64_t number, std::int64_t step = 0) {
  loader.start(number, step);
  return rest_of_epoch(loader);
}

TEST_F(Loader, GivesTheSameForAnyNumberOfThreads) {
  DetectionLoader inline_loader(data, {.batch = 4, .size = side, .seed = 3, .threads = 0}, AugmentOptions{});
  const auto first = epoch(inline_loader, 0), second = epoch(inline_loader, 1);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_NE(first[0].samples, second[0].samples);
  EXPECT_NE(first[0].pictures, second[0].pictures);
  for (const int threads : {1, 2, 4}) {
    for (const int prefetch : {1, 3}) {
      DetectionLoader loader(data, {.batch = 4, .size = side, .seed = 3, .threads = threads, .prefetch = prefetch},
                             AugmentOptions{});
      EXPECT_EQ(epoch(loader, 0), first) << threads << " threads";
      EXPECT_EQ(epoch(loader, 1), second) << threads << " threads";
    }
  }
  DetectionLoader single(data, {.batch = 1, .size = side, .seed = 3}, AugmentOptions{});
  EXPECT_EQ(epoch(single, 0)[5].boxes[0], first[1].boxes[1]);
  DetectionLoader other(data, {.batch = 4, .size = side, .seed = 4}, AugmentOptions{});
  EXPECT_NE(epoch(other, 0)[0].samples, first[0].samples);
}

TEST_F(Loader, GoesOnInTheMiddleOfAnEpoch) {
  const LoaderOptions options{.batch = 3, .size = side, .threads = 2};
  DetectionLoader whole(data, options, AugmentOptions{});
  const auto expected = epoch(whole, 5);
  ASSERT_EQ(expected.size(), 4U);
  DetectionLoader resumed(data, options, AugmentOptions{});
  EXPECT_EQ(epoch(resumed, 5, 2), std::vector(expected.begin() + 2, expected.end()));
  EXPECT_EQ(epoch(resumed, 5, 4).size(), 0U);
  whole.start(5);
  EXPECT_EQ(copied(*whole.next()), expected[0]);
  EXPECT_EQ(epoch(whole, 5, 1)[0], expected[1]);  // from within an epoch
  EXPECT_THROW(whole.start(5, 5), UsageError);
  EXPECT_THROW(whole.start(-1), UsageError);
}

TEST_F(Loader, ChangesAugmentationBetweenSteps) {
  AugmentOptions no_mosaic;
  no_mosaic.mosaic = 0;
  DetectionLoader plain(data, {.batch = 4, .size = side}, no_mosaic);
  DetectionLoader loader(data, {.batch = 4, .size = side}, AugmentOptions{});
  const auto before = epoch(loader, 0);
  loader.start(0, 1, no_mosaic);
  const auto after = rest_of_epoch(loader);
  const auto expected = epoch(plain, 0, 1);
  EXPECT_EQ(after, expected);
  EXPECT_NE(after[0].pictures, before[1].pictures);
  EXPECT_EQ(after[0].samples, before[1].samples);
}

TEST_F(Loader, ShowsEverySampleOncePerEpoch) {
  DetectionLoader loader(data, {.batch = 4, .size = side, .drop_last = false}, AugmentOptions{});
  EXPECT_EQ(loader.steps(), 4);
  std::multiset<std::size_t> seen;
  for (const Copy& batch : epoch(loader, 2)) seen.insert(batch.samples.begin(), batch.samples.end());
  EXPECT_EQ(seen.size(), 13U);
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 13U);
  DetectionLoader all(data, {.batch = 100, .size = side}, AugmentOptions{});  // fewer than a batch
  all.start(0);
  EXPECT_EQ(all.next()->pictures.shape(), (Shape{13, 3, side, side}));
  EXPECT_EQ(all.next(), nullptr);
}

TEST_F(Loader, LetterboxesForValidation) {
  DetectionLoader loader(data, in_order({.batch = 4, .size = side}));
  loader.start(0);
  std::size_t next = 0;
  while (const DetectionBatch* batch = loader.next()) {
    EXPECT_EQ(batch->size(), next < 12 ? 4 : 1);
    EXPECT_EQ(batch->pictures.shape(), (Shape{batch->size(), 3, side, side}));
    EXPECT_TRUE(batch->pictures.is_channels_last());
    const auto values = batch->pictures.to_vector<float>();  // row-major
    for (std::size_t i = 0; i < batch->samples.size(); ++i, ++next) {
      ASSERT_EQ(batch->samples[i], next);
      const Sample& sample = data.samples[next];
      ASSERT_EQ(batch->boxes[i].size(), 2U);  // no crowd
      const Box back = batch->letterboxes[i].outside(batch->boxes[i][0]);
      EXPECT_NEAR(back.x, sample.annotations[0].box.x, 1e-3);
      EXPECT_NEAR(back.bottom(), sample.annotations[0].box.bottom(), 1e-3);
      Picture square;
      letterbox(load_scaled(sample.path, side), side, square);
      for (const int at : {0, 1300, 2080, 4095}) {
        for (int c = 0; c < 3; ++c) {
          const auto value = values[(i * 3 + static_cast<std::size_t>(c)) * side * side + static_cast<std::size_t>(at)];
          EXPECT_EQ(value, static_cast<float>(square.at(at % side, at / side)[c]) / 255.0F);
        }
      }
    }
  }
  EXPECT_EQ(next, 13U);
}

TEST_F(Loader, GivesBytesToo) {
  DetectionLoader floats(data, {.batch = 4, .size = side}, AugmentOptions{});
  DetectionLoader bytes(data, {.batch = 4, .size = side, .dtype = Dtype::uint8}, AugmentOptions{});
  floats.start(0);
  bytes.start(0);
  const auto expected = floats.next()->pictures.to_vector<float>();
  const auto values = bytes.next()->pictures.to_vector<std::uint8_t>();
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(static_cast<float>(values[i]) / 255.0F, expected[i]);
}

// The pictures that come out of it are those of a loader that does everything, up to halves that are rounded.
TEST_F(Loader, LeavesColoursAndMirrorImages) {
  AugmentOptions options;
  options.flip_vertical = 0.5F;
  const LoaderOptions whole{.batch = 4, .size = side, .seed = 3};
  LoaderOptions part = whole;
  part.dtype = Dtype::uint8;
  part.leaves_pixels = true;
  DetectionLoader all(data, whole, options), rest(data, part, options);
  all.start(2);
  rest.start(2);
  bool changes = false;
  while (const DetectionBatch* expected = all.next()) {
    const DetectionBatch* batch = rest.next();
    ASSERT_EQ(batch->changes.shape(), (Shape{batch->size(), PictureChange::numbers}));
    EXPECT_EQ(batch->boxes, expected->boxes);
    EXPECT_EQ(batch->samples, expected->samples);
    const std::vector<float> got = change_pictures(batch->pictures, batch->changes).to_vector<float>(),
                             wanted = expected->pictures.to_vector<float>();
    const std::vector<std::uint8_t> before = batch->pictures.to_vector<std::uint8_t>();
    std::size_t apart = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_NEAR(got[i], wanted[i], 1.001 / 255) << i;
      apart += got[i] == wanted[i] ? 0U : 1U;
      changes = changes || static_cast<float>(before[i]) / 255.0F != wanted[i];
    }
    EXPECT_LE(apart, wanted.size() / 1000);
  }
  EXPECT_TRUE(changes);
  // Nothing is left by pictures as they are, by a list of operations, or where numbers are wanted.
  rest.start(0, 0, PipelineOptions{.list = named_augment_list("light")});
  EXPECT_FALSE(rest.next()->changes.defined());
  part.dtype = Dtype::float32;
  DetectionLoader letterboxed(data, part), numbers(data, part, options);
  letterboxed.start(0);
  numbers.start(2);
  all.start(2);
  EXPECT_FALSE(letterboxed.next()->changes.defined());
  EXPECT_EQ(numbers.next()->pictures.to_vector<float>(), all.next()->pictures.to_vector<float>());
}

TEST_F(Loader, NamesThePictureThatCannotBeRead) {
  const std::string bytes = read_bytes(data.samples[7].path, 1 << 20);
  folder.write("6.png", "no picture");
  folder.write("7.png", bytes.substr(0, bytes.size() - 20));  // takes longer to fail
  for (const int threads : {0, 1, 4}) {
    DetectionLoader loader(data, in_order({.batch = 4, .size = side, .threads = threads}));
    loader.start(0);
    ASSERT_NE(loader.next(), nullptr);
    for (int again = 0; again < 2; ++again) {
      EXPECT_HAS(test::data_error([&] { loader.next(); }), data.samples[6].path);  // the first of the batch
    }
    EXPECT_EQ(epoch(loader, 0, 2).size(), 2U);
    loader.start(0, 1);  // and goes with an error under way
  }
}

TEST_F(Loader, RefusesWhatCannotWork) {
  data.samples[0].width = 91;
  DetectionLoader loader(data, in_order({.size = side}));
  loader.start(0);
  const std::string message = test::data_error([&] { loader.next(); });
  EXPECT_HAS(message, data.samples[0].path);
  EXPECT_HAS(message, "90×70");
  EXPECT_HAS(message, "91×70");
  EXPECT_THROW(DetectionLoader(Dataset{}, {}), DataError);
  EXPECT_THROW(DetectionLoader(data, {.batch = 0}), UsageError);
  EXPECT_THROW(DetectionLoader(data, {.size = 0}), UsageError);
  EXPECT_THROW(DetectionLoader(data, {.threads = -1}), UsageError);
  EXPECT_THROW(DetectionLoader(data, {.prefetch = 0}), UsageError);
  EXPECT_THROW(DetectionLoader(data, {.dtype = Dtype::int64}), UsageError);
  EXPECT_THROW(DetectionLoader(data, {}, AugmentOptions{.mosaic = 2}), UsageError);
}

TEST_F(Loader, KeepsNoMorePicturesThanAllowed) {
  const std::int64_t limit = 5 * side * side * 3;
  DetectionLoader cached(data, {.batch = 4, .size = side, .threads = 4}, AugmentOptions{});
  DetectionLoader bounded(data, {.batch = 4, .size = side, .threads = 4, .cache_bytes = limit}, AugmentOptions{});
  DetectionLoader none(data, {.batch = 4, .size = side, .threads = 4, .cache_bytes = 0}, AugmentOptions{});
  for (std::int64_t number = 0; number < 3; ++number) {
    const auto expected = epoch(cached, number);
    EXPECT_EQ(epoch(bounded, number), expected);
    EXPECT_EQ(epoch(none, number), expected);
  }
  EXPECT_LE(bounded.statistics().cached_bytes, limit);
  EXPECT_GT(bounded.statistics().cached_bytes, limit / 2);
  EXPECT_EQ(none.statistics().cached_bytes, 0);
  EXPECT_EQ(none.statistics().decoded, 3 * 12 * 4);  // each mosaic reads four
  EXPECT_LT(bounded.statistics().decoded, none.statistics().decoded);
  EXPECT_LE(cached.statistics().decoded, 13 * 4);  // threads may meet at a picture
  EXPECT_EQ(cached.statistics().batches, 9);
}

TEST_F(Loader, StopsAtAnyTime) {
  for (int i = 0; i < 30; ++i) {
    DetectionLoader loader(data, {.batch = 2, .size = side, .threads = i % 5}, AugmentOptions{});
    if (i % 3 != 0) loader.start(i);
    for (int step = 0; step < i % 4 && i % 3 != 0; ++step) loader.next();
    if (i % 3 == 2) loader.start(i + 1);
    if (i % 7 == 0) DetectionLoader moved(std::move(loader));
  }
}

TEST_F(Loader, TakesNoMemoryOnceItRuns) {
  DetectionLoader loader(data, {.batch = 4, .size = side, .threads = 0}, AugmentOptions{});
  const auto run = [&] {
    loader.start(1);
    while (loader.next() != nullptr) {
    }
  };
  run();
  run();
  const auto system_calls = allocator(cpu).statistics().system_calls;
  const std::int64_t before = allocations.load();
  run();
  EXPECT_EQ(allocations.load() - before, 0);
  EXPECT_EQ(allocator(cpu).statistics().system_calls, system_calls);
}

TEST_F(Loader, TellsTapesThatMemoryIsUsedAgain) {
  DetectionLoader loader(data, {.batch = 4, .size = side}, AugmentOptions{});
  loader.start(0);
  const Array kept = loader.next()->pictures;
  const std::uint64_t version = kept.version();
  loader.next();
  EXPECT_NE(kept.version(), version);
}

}  // namespace
}  // namespace joist
