#include <joist/core/plain/plain.h>

namespace joist::plain {
namespace {

// Word i of a key's random numbers.
std::uint32_t word(const RandomKey& key, std::int64_t i) {
  return random_bits(key, static_cast<std::uint32_t>(i / 4))[static_cast<std::size_t>(i % 4)];
}

// Calls visit(index, row-major position).
template <class Visit>
void for_each_position(const Shape& shape, Visit&& visit) {
  std::int64_t position = 0;
  for_each_index(shape, [&](const Shape& index) { visit(index, position++); });
}

void dropout(const Array& x, double probability, const RandomKey& key, const Out& y) {
  for_each_position(x.shape(), [&](const Shape& i, std::int64_t n) {
    const bool kept = static_cast<double>(uniform_from(word(key, n))) >= probability;
    put(y, i, kept ? at(x, i) / (1 - probability) : 0);
  });
}

void uniform(const RandomKey& key, double low, double high, const Array& y) {
  for_each_position(y.shape(), [&](const Shape& i, std::int64_t n) {
    at(y, i) = low + (high - low) * static_cast<double>(uniform_from(word(key, n)));
  });
}

// Elements 2n and 2n + 1 share words 2n and 2n + 1.
void normal(const RandomKey& key, double mean, double deviation, const Array& y) {
  for_each_position(y.shape(), [&](const Shape& i, std::int64_t n) {
    const std::int64_t pair = n / 2 * 2;
    const auto values = normal_from(word(key, pair), word(key, pair + 1));
    at(y, i) = mean + deviation * static_cast<double>(values[static_cast<std::size_t>(n % 2)]);
  });
}

void bernoulli(const RandomKey& key, const Array& probability, const Array& y) {
  const Array p = probability.expanded(y.shape());
  for_each_position(y.shape(), [&](const Shape& i, std::int64_t n) {
    at(y, i) = static_cast<double>(uniform_from(word(key, n))) < at(p, i) ? 1 : 0;
  });
}

void integers(const RandomKey& key, std::int64_t low, std::int64_t high, const Array& y) {
  for_each_position(y.shape(), [&](const Shape& i, std::int64_t n) {
    const std::uint64_t wide = static_cast<std::uint64_t>(word(key, 2 * n)) << 32 | word(key, 2 * n + 1);
    const auto range = static_cast<std::uint64_t>(high - low);
    at<std::int64_t>(y, i) = low + static_cast<std::int64_t>(wide % range);
  });
}

}  // namespace

void fill(RandomKernels& kernels) {
  kernels.dropout = dropout;
  kernels.uniform = uniform;
  kernels.normal = normal;
  kernels.bernoulli = bernoulli;
  kernels.integers = integers;
}

}  // namespace joist::plain
