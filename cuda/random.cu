// The same words of the same keys as on the CPU, by an element's logical (row-major) number.
#include <joist/cuda/elements.h>
#include <joist/cuda/kernels.h>
#include <joist/cuda/key.h>
#include <joist/cuda/walk.h>

namespace joist::cuda {
namespace {

JOIST_DEVICE std::uint32_t word(const RandomKey& key, std::int64_t i) {
  return random_bits(key, static_cast<std::uint32_t>(i / 4))[static_cast<std::size_t>(i % 4)];
}

void dropout(const Array& x, double probability, const RandomKey& given, const Out& y) {
  const Key own(given);
  const Floats from(x);
  const Result to(y);
  const Walk<2> walk(x.shape(), {&x, &y.array});
  const auto scale = static_cast<float>(1 / (1 - probability));
  each("dropout", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const RandomKey key = own.now();
    const auto places = walk(i);
    const bool kept = static_cast<double>(uniform_from(word(key, i))) >= probability;
    to.put(places.at[1], kept ? from[places.at[0]] * scale : 0.0F);
  });
}

void uniform(const RandomKey& given, double low, double high, const Array& y) {
  const Key own(given);
  const Floats to(y);
  const Walk<1> walk(y.shape(), {&y});
  each("uniform", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const RandomKey key = own.now();
    to.set(walk(i).at[0], static_cast<float>(low + (high - low) * static_cast<double>(uniform_from(word(key, i)))));
  });
}

void normal(const RandomKey& given, double mean, double deviation, const Array& y) {
  const Key own(given);
  const Floats to(y);
  const Walk<1> walk(y.shape(), {&y});
  each("normal", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const RandomKey key = own.now();
    const std::int64_t pair = i / 2 * 2;
    const auto values = normal_from(word(key, pair), word(key, pair + 1));
    const auto value = static_cast<double>(values[static_cast<std::size_t>(i % 2)]);
    to.set(walk(i).at[0], static_cast<float>(mean + deviation * value));
  });
}

void bernoulli(const RandomKey& given, const Array& probability, const Array& y) {
  const Key own(given);
  const Array wide = probability.expanded(y.shape());
  const Floats p(probability), to(y);
  const Walk<2> walk(y.shape(), {&wide, &y});
  each("bernoulli", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const RandomKey key = own.now();
    const auto places = walk(i);
    to.set(places.at[1], uniform_from(word(key, i)) < p[places.at[0]] ? 1.0F : 0.0F);
  });
}

void integers(const RandomKey& given, std::int64_t low, std::int64_t high, const Array& y) {
  const Key own(given);
  const Typed<std::int64_t> to(y);
  const Walk<1> walk(y.shape(), {&y});
  const auto range = static_cast<std::uint64_t>(high - low);
  each("random_integers", walk.count(), [=] JOIST_DEVICE(std::int64_t i) {
    const RandomKey key = own.now();
    const std::uint64_t wide = static_cast<std::uint64_t>(word(key, 2 * i)) << 32 | word(key, 2 * i + 1);
    to.set(walk(i).at[0], low + static_cast<std::int64_t>(wide % range));
  });
}

}  // namespace

void fill_random(Kernels& table) {
  table.random.dropout = dropout;
  table.random.uniform = uniform;
  table.random.normal = normal;
  table.random.bernoulli = bernoulli;
  table.random.integers = integers;
}

}  // namespace joist::cuda
