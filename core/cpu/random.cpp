#include <joist/core/cpu/copy.h>
#include <joist/core/cpu/kernels.h>
#include <joist/core/cpu/parallel.h>
#include <joist/core/cpu/random.h>

#include <algorithm>
#include <array>

namespace joist {
namespace {

constexpr std::int64_t chunk = 1024;  // elements, a multiple of the four that share a block

// Walks a shape in row-major order, whatever the strides: number i is element i of the shape on every device. A dense
// row-major array is one row of all its elements.
class RowMajor {
 public:
  RowMajor(const Shape& shape, std::initializer_list<const Array*> arrays) : shape_(shape) {
    bool plain = true;
    for (const Array* array : arrays) {
      plain = plain && array->is_row_major();
      strides_[count_++] = array->strides();
    }
    if (!plain) return;
    shape_ = {shape.elements()};
    strides_.fill(Strides{1});
  }
  /// visit(offset of each array...) for elements [begin, end), at most two arrays.
  template <class Visit>
  void for_each(std::int64_t begin, std::int64_t end, const Visit& visit) const {
    const int inner = shape_.rank() - 1;
    const std::int64_t length = inner < 0 ? 1 : shape_[inner];
    for (std::int64_t i = begin; i < end;) {
      std::int64_t rest = i / length, first = 0, second = 0;
      for (int axis = inner - 1; axis >= 0; --axis) {
        const std::int64_t at = rest % shape_[axis];
        rest /= shape_[axis];
        first += at * strides_[0][axis];
        if (count_ > 1) second += at * strides_[1][axis];
      }
      const std::int64_t column = i % length, stop = std::min(length, column + end - i);
      const std::int64_t a = inner < 0 ? 0 : strides_[0][inner], b = inner < 0 || count_ < 2 ? 0 : strides_[1][inner];
      for (std::int64_t k = column; k < stop; ++k, ++i) visit(i, first + k * a, second + k * b);
    }
  }

 private:
  Shape shape_;
  std::array<Strides, 2> strides_{};
  std::size_t count_ = 0;
};

// body(first, count, words) for chunks of elements, with the words of all their blocks.
template <class Body>
void for_each_chunk(const RandomKey& key, std::int64_t elements, const Body& body) {
  parallel_for((elements + chunk - 1) / chunk, 8, [&](std::int64_t begin, std::int64_t end) {
    std::array<std::uint32_t, chunk> words;
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t first = index * chunk, count = std::min(chunk, elements - first);
      random_words(key, static_cast<std::uint32_t>(first / 4), (count + 3) / 4, words.data());
      body(first, count, words.data());
    }
  });
}

void dropout(const Array& x, double probability, const RandomKey& key, const Out& y) {
  const float scale = probability < 1 ? static_cast<float>(1 / (1 - probability)) : 0.0F;
  const auto* from = x.data<float>();
  auto* to = y.array.data<float>();
  const RowMajor order(y.array.shape(), {&x, &y.array});
  for_each_chunk(key, y.array.elements(), [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
    order.for_each(first, first + count, [&](std::int64_t i, std::int64_t at_x, std::int64_t at_y) {
      const float value =
          static_cast<double>(uniform_from(words[i - first])) >= probability ? from[at_x] * scale : 0.0F;
      to[at_y] = y.accumulate ? to[at_y] + value : value;
    });
  });
}

void uniform(const RandomKey& key, double low, double high, const Array& y) {
  const auto from = static_cast<float>(low), width = static_cast<float>(high) - static_cast<float>(low);
  auto* to = y.data<float>();
  const RowMajor order(y.shape(), {&y});
  for_each_chunk(key, y.elements(), [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
    order.for_each(first, first + count, [&](std::int64_t i, std::int64_t at, std::int64_t) {
      to[at] = from + width * uniform_from(words[i - first]);
    });
  });
}

void normal(const RandomKey& key, double mean, double deviation, const Array& y) {
  const auto m = static_cast<float>(mean), s = static_cast<float>(deviation);
  auto* to = y.data<float>();
  const RowMajor order(y.shape(), {&y});
  for_each_chunk(key, y.elements(), [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
    std::array<float, 2> pair{};
    order.for_each(first, first + count, [&](std::int64_t i, std::int64_t at, std::int64_t) {
      const std::int64_t k = i - first;
      if (k % 2 == 0) pair = normal_from(words[k], words[k + 1]);  // the words of a whole block are always there
      to[at] = m + s * pair[static_cast<std::size_t>(k % 2)];
    });
  });
}

void bernoulli(const RandomKey& key, const Array& given, const Array& y) {
  const Array probability = given.expanded(y.shape());
  const auto* p = probability.data<float>();
  auto* to = y.data<float>();
  const RowMajor order(y.shape(), {&probability, &y});
  for_each_chunk(key, y.elements(), [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
    order.for_each(first, first + count, [&](std::int64_t i, std::int64_t at_p, std::int64_t at_y) {
      to[at_y] = uniform_from(words[i - first]) < p[at_p] ? 1.0F : 0.0F;
    });
  });
}

void integers(const RandomKey& key, std::int64_t low, std::int64_t high, const Array& y) {
  auto* to = y.data<std::int64_t>();
  const auto range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  const RowMajor order(y.shape(), {&y});
  parallel_for(y.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
    order.for_each(begin, end, [&](std::int64_t i, std::int64_t at, std::int64_t) {
      const auto words = random_bits(key, static_cast<std::uint32_t>(i / 2));
      const auto k = static_cast<std::size_t>(2 * (i % 2));
      const std::uint64_t wide = static_cast<std::uint64_t>(words[k]) << 32 | words[k + 1];
      to[at] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + wide % range);
    });
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

}  // namespace joist
