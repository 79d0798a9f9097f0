// Elementwise work on arrays that lie without gaps, all in one order and of types known when this is compiled: eight
// neighbours at a time, 16 bytes by an access, with 32-bit indices and conversions of pairs.
#pragma once

#include <joist/cuda/vectors.h>
#include <joist/cuda/walk.h>

namespace joist::cuda {

constexpr int dense_length = 8;

/// y = f(inputs); X: the inputs' type, Y: y's.
template <int inputs, int takes, class X, class Y, class F>
struct ByDensePacks {
  static constexpr int x_width = 16 / sizeof(X), y_width = 16 / sizeof(Y);
  static constexpr int x_quads = dense_length / x_width, y_quads = dense_length / y_width;
  F f;
  Region in[inputs], y;
  std::uint32_t count;
  bool accumulate;
  bool many;  // every thread takes `takes` packs, not one

  JOIST_DEVICE void operator()(Block& block) const {
    const auto threads = static_cast<std::uint32_t>(block.threads());
    const auto first = static_cast<std::uint32_t>(block.index()) * (threads * (many ? takes : 1)) +
                       static_cast<std::uint32_t>(block.thread());
    const std::uint32_t packs = count / dense_length;
    Quad read[takes][inputs][x_quads];
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      const std::uint32_t i = first + u * threads;
      if ((u > 0 && !many) || i >= packs) continue;
      JOIST_UNROLL for (int k = 0; k < inputs; ++k) {
        JOIST_UNROLL for (int q = 0; q < x_quads; ++q) read[u][k][q] =
            in[k].template load<Quad>(static_cast<std::int64_t>(i) * x_quads + q);
      }
    }
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      const std::uint32_t i = first + u * threads;
      if ((u == 0 || many) && i < packs) put(i, read[u]);
      if ((u == 0 || many) && i == packs) put_rest();
    }
  }

 private:
  JOIST_DEVICE float of(float a, float b) const {
    if constexpr (inputs == 1)
      return f(a);
    else
      return f(a, b);
  }
  JOIST_DEVICE void put(std::uint32_t i, const Quad (&read)[inputs][x_quads]) const {
    JOIST_UNROLL for (int q = 0; q < y_quads; ++q) {
      const std::int64_t place = static_cast<std::int64_t>(i) * y_quads + q;
      float results[y_width];
      JOIST_UNROLL for (int j = 0; j < y_width; ++j) {
        const int e = q * y_width + j;
        results[j] =
            of(element<X>(read[0][e / x_width], e % x_width), element<X>(read[inputs - 1][e / x_width], e % x_width));
      }
      if (accumulate) {
        const Quad old = y.template load<Quad>(place);
        JOIST_UNROLL for (int j = 0; j < y_width; ++j) results[j] = element<Y>(old, j) + results[j];
      }
      y.store(place, quad_of<Y>(results));
    }
  }
  JOIST_DEVICE void put_rest() const {
    for (std::uint32_t e = count / dense_length * dense_length; e < count; ++e) {
      float result =
          of(static_cast<float>(in[0].template load<X>(e)), static_cast<float>(in[inputs - 1].template load<X>(e)));
      if (accumulate) result = static_cast<float>(y.template load<Y>(e)) + result;
      y.store(e, Y(result));
    }
  }
};

/// Whether it was done: the arrays (of out's shape) must have these types and lie as told above.
template <int takes, class X, class Y, int inputs, class F>
bool by_dense_packs(const char* name, const std::array<const Array*, inputs>& arrays, const F& f, const Out& out) {
  constexpr std::int64_t most = 0x7FFFFFFF;
  const std::int64_t count = out.array.elements();
  if (count == 0 || count > most || out.array.dtype() != dtype_of<Y> || !begins_quad(out.array)) return false;
  std::array<const Array*, inputs + 1> all{};
  std::copy(arrays.begin(), arrays.end(), all.begin());
  all[inputs] = &out.array;
  const Axes<inputs + 1> axes(out.array.shape(), all, WalkOrder::memory, inputs);
  if (axes.rank != 1) return false;
  for (int k = 0; k <= inputs; ++k)
    if (axes.stride[0][k] != 1) return false;
  for (const Array* array : arrays)
    if (array->dtype() != dtype_of<X> || !begins_quad(*array)) return false;
  const std::int64_t packs = (count + dense_length - 1) / dense_length;
  // One pack each while that does not fill the GPU.
  const bool many = takes > 1 && packs > most_blocks / 2 * threads_per_block;
  ByDensePacks<inputs, takes, X, Y, F> body{
      f, {}, region_of(out.array), static_cast<std::uint32_t>(count), out.accumulate, many};
  for (int k = 0; k < inputs; ++k) body.in[k] = region_of(*arrays[static_cast<std::size_t>(k)]);
  const std::int64_t of_block = threads_per_block * (many ? takes : 1);
  launch(name, {.blocks = (packs + of_block - 1) / of_block, .independent = true}, body);
  return true;
}

}  // namespace joist::cuda
