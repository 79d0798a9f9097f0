#include <joist/tests/core/cpu/arrays.h>

#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/random.h>

namespace joist::testing {
namespace {

const Kernels table = table_of(fill_random);
const RandomKey key{.seed = 0x123456789ABCDEF0, .stream = Stream::noise, .step = 77, .draw = 5, .call = 0xFFFFFFFF};

std::uint32_t word(std::int64_t i) {
  return random_bits(key, static_cast<std::uint32_t>(i / 4))[static_cast<std::size_t>(i % 4)];
}

TEST(Random, WordsAreThoseOfTheScalarGenerator) {
  for_each_instruction_set([] {
    for (const std::uint32_t first : {0U, 1000U, 0xFFFFFFF5U})
      for (const std::int64_t blocks : {1, 7, 64, 101}) {
        std::vector<std::uint32_t> words(static_cast<std::size_t>(4 * blocks) + 1, 42);
        random_words(key, first, blocks, words.data());
        for (std::int64_t i = 0; i < 4 * blocks; ++i)
          ASSERT_EQ(words[static_cast<std::size_t>(i)],
                    random_bits(key, first + static_cast<std::uint32_t>(i / 4))[static_cast<std::size_t>(i % 4)]);
        EXPECT_EQ(words.back(), 42U);
      }
  });
}

// Element i of the shape in row-major order takes word i, wherever it lies and whoever computes it.
TEST(Random, FillsAndDropoutInEveryLayoutOnAnyNumberOfThreads) {
  const int before = threads();
  for (const int count : {1, 3}) {
    set_threads(count);
    for (const Shape& shape : {Shape{2, 33, 17, 19}, Shape{5}, Shape{}})
      for (const Layout layout : layouts) {
        const Array x = random_array(shape, 1, layout), y = empty_in(layout, shape);
        const auto number = [&](const Shape& i) { return offset_of(i, row_major(shape)); };
        table.random.uniform(key, -1, 3, y);
        expect_close(
            y, [&](const Shape& i) { return static_cast<double>(-1 + 4 * uniform_from(word(number(i)))); }, 0, 0);
        table.random.normal(key, 0, 1, y);
        expect_close(
            y,
            [&](const Shape& i) {
              const std::int64_t n = number(i), pair = n / 2 * 2;
              return static_cast<double>(normal_from(word(pair), word(pair + 1))[static_cast<std::size_t>(n % 2)]);
            },
            0, 0);
        table.random.dropout(x, 0.25, key, {.array = y});
        expect_close(
            y, [&](const Shape& i) { return uniform_from(word(number(i))) >= 0.25F ? at(x, i) / 0.75 : 0; }, 1e-6, 0);
        table.random.dropout(x, 0.25, key, {.array = x});
        expect_close(
            x, [&](const Shape& i) { return at(y, i); }, 0, 0);
      }
  }
  set_threads(before);
}

TEST(Random, DropoutOfEverything) {
  const Array x = random_array({100}, 1);
  table.random.dropout(x, 1, key, {.array = x});
  expect_close(
      x, [](const Shape&) { return 0; }, 0, 0);
}

TEST(Random, NormalsHaveTheirMoments) {
  const Array x = Array::empty({100001});
  table.random.normal(key, 2, 3, x);
  double mean = 0, variance = 0;
  for (const float value : x.to_vector<float>()) mean += static_cast<double>(value) / 100001;
  for (const float value : x.to_vector<float>()) variance += std::pow(static_cast<double>(value) - mean, 2) / 100001;
  EXPECT_NEAR(mean, 2, 0.05);
  EXPECT_NEAR(variance, 9, 0.2);
}

}  // namespace
}  // namespace joist::testing
