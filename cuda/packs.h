// Elementwise work that is bound by memory: every thread takes four neighbours by one access per operand, and several
// such packs before it needs the first of them.
#pragma once

#include <joist/core/kernels/kernel.h>
#include <joist/cuda/elements.h>
#include <joist/cuda/walk.h>

namespace joist::cuda {

constexpr int pack_length = 4;

/// Elements in fours along the innermost axis; the last of a line may be fewer.
template <int operands>
class PackWalk {
 public:
  PackWalk() = default;
  explicit PackWalk(Axes<operands> axes) {
    if (axes.rank > 0) {
      --axes.rank;
      length_ = axes.length[axes.rank];
      for (int k = 0; k < operands; ++k) step_[k] = axes.stride[axes.rank][k];
    }
    line_ = (length_ + pack_length - 1) / pack_length;
    outer_ = Walk<operands>(axes);
    packs_ = outer_.count() * line_;
    small_ = packs_ <= 0x7FFFFFFF;
    if (small_ && packs_ > 0) divisor_ = Divisor(line_);
  }
  JOIST_HOST_DEVICE std::int64_t packs() const { return packs_; }
  JOIST_HOST_DEVICE std::int64_t step(int operand) const { return step_[operand]; }
  /// Whether whole packs of the operand are one access of `bytes` per element.
  bool one_access(const Axes<operands>& axes, int operand, const void* data, std::size_t bytes) const {
    if (step_[operand] != 1 || reinterpret_cast<std::uintptr_t>(data) % (bytes * pack_length) != 0) return false;
    for (int axis = 0; axis + 1 < axes.rank; ++axis)
      if (axes.stride[axis][operand] % pack_length != 0) return false;
    return true;
  }
  /// How many elements pack i has, and where its first one lies in every operand.
  JOIST_DEVICE int operator()(std::int64_t i, std::int64_t (&at)[operands]) const {
    std::int64_t line = 0;
    if (outer_.count() > 1) {
      line = small_ ? static_cast<std::int64_t>(divisor_.divide(static_cast<std::uint32_t>(i))) : i / line_;
      i -= line * line_;
    }
    const auto base = outer_(line);
    for (int k = 0; k < operands; ++k) at[k] = base.at[k] + i * pack_length * step_[k];
    const std::int64_t left = length_ - i * pack_length;
    return left < pack_length ? static_cast<int>(left) : pack_length;
  }

 private:
  Walk<operands> outer_{};
  std::int64_t length_ = 1, line_ = 1, packs_ = 0;
  Divisor divisor_{};
  bool small_ = true;
  std::int64_t step_[operands] = {};
};

/// Floating elements in packs.
class FloatPacks {
 public:
  FloatPacks() = default;
  FloatPacks(const Array& array, std::int64_t step, bool one_access)
      : memory_(region_of(array)),
        each_(array),
        step_(step),
        whole_(!one_access                        ? Whole::no
               : array.dtype() == Dtype::float32  ? Whole::float32
               : array.dtype() == Dtype::bfloat16 ? Whole::bfloat16
                                                  : Whole::float16) {}

  /// `takes` packs, of which `live` elements are there; `all`: every one is whole.
  template <int takes>
  JOIST_DEVICE void read(const std::int64_t (&at)[takes], const int (&live)[takes], bool all,
                         float (&values)[takes][pack_length]) const {
    if (all && whole_ == Whole::float32) return read_as<float>(at, values);
    if (all && whole_ == Whole::bfloat16) return read_as<BFloat16>(at, values);
    if (all && whole_ == Whole::float16) return read_as<Float16>(at, values);
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      JOIST_UNROLL for (int j = 0; j < pack_length; ++j) values[u][j] = j < live[u] ? each_[at[u] + j * step_] : 0.0F;
    }
  }
  template <int takes>
  JOIST_DEVICE void write(const std::int64_t (&at)[takes], const int (&live)[takes], bool all,
                          const float (&values)[takes][pack_length]) const {
    if (all && whole_ == Whole::float32) return write_as<float>(at, values);
    if (all && whole_ == Whole::bfloat16) return write_as<BFloat16>(at, values);
    if (all && whole_ == Whole::float16) return write_as<Float16>(at, values);
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      JOIST_UNROLL for (int j = 0; j < pack_length; ++j) if (j < live[u]) each_.set(at[u] + j * step_, values[u][j]);
    }
  }

 private:
  enum class Whole : std::uint8_t { no, float32, bfloat16, float16 };

  template <class T, int takes>
  JOIST_DEVICE void read_as(const std::int64_t (&at)[takes], float (&values)[takes][pack_length]) const {
    Pack<T, pack_length> packs[takes];
    JOIST_UNROLL for (int u = 0; u < takes; ++u) packs[u] = memory_.load_pack<T, pack_length>(at[u]);
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      JOIST_UNROLL for (int j = 0; j < pack_length; ++j) values[u][j] = static_cast<float>(packs[u].at[j]);
    }
  }
  template <class T, int takes>
  JOIST_DEVICE void write_as(const std::int64_t (&at)[takes], const float (&values)[takes][pack_length]) const {
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      Pack<T, pack_length> pack;
      JOIST_UNROLL for (int j = 0; j < pack_length; ++j) pack.at[j] = T(values[u][j]);
      memory_.store_pack<T, pack_length>(at[u], pack);
    }
  }

  Region memory_{};
  Floats each_{};
  std::int64_t step_ = 0;
  Whole whole_ = Whole::no;
};

/// y = f(inputs), element by element.
template <int inputs, int takes, class F>
struct ByPacks {
  F f;
  PackWalk<inputs + 1> walk;
  FloatPacks in[inputs], y;
  bool accumulate;
  bool many;  // every thread takes `takes` packs, not one

  JOIST_DEVICE void operator()(Block& block) const {
    const std::int64_t first = block.index() * block.threads() * (many ? takes : 1) + block.thread();
    std::int64_t at[inputs + 1][takes];
    int live[takes];
    bool all = true;
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      std::int64_t places[inputs + 1] = {};
      const std::int64_t i = first + u * block.threads();
      live[u] = (u == 0 || many) && i < walk.packs() ? walk(i, places) : 0;
      all = all && live[u] == pack_length;
      JOIST_UNROLL for (int k = 0; k <= inputs; ++k) at[k][u] = places[k];
    }
    if (live[0] == 0) return;
    float values[inputs][takes][pack_length], results[takes][pack_length];
    JOIST_UNROLL for (int k = 0; k < inputs; ++k) in[k].read(at[k], live, all, values[k]);
    JOIST_UNROLL for (int u = 0; u < takes; ++u) {
      JOIST_UNROLL for (int j = 0; j < pack_length; ++j) {
        if constexpr (inputs == 1)
          results[u][j] = f(values[0][u][j]);
        else
          results[u][j] = f(values[0][u][j], values[1][u][j]);
      }
    }
    if (accumulate) {
      float old[takes][pack_length];
      y.read(at[inputs], live, all, old);
      JOIST_UNROLL for (int u = 0; u < takes; ++u) {
        JOIST_UNROLL for (int j = 0; j < pack_length; ++j) results[u][j] = old[u][j] + results[u][j];
      }
    }
    y.write(at[inputs], live, all, results);
  }
};

/// The arrays are of out's shape. `takes`: packs of a thread; few where f is long.
template <int takes, int inputs, class F>
void by_packs(const char* name, const std::array<const Array*, inputs>& arrays, const F& f, const Out& out) {
  if (out.array.elements() == 0) return;
  std::array<const Array*, inputs + 1> all{};
  std::copy(arrays.begin(), arrays.end(), all.begin());
  all[inputs] = &out.array;
  const Axes<inputs + 1> axes(out.array.shape(), all, WalkOrder::memory, inputs);
  const PackWalk<inputs + 1> walk(axes);
  const auto packs_of = [&](int k) {
    const Array& array = *all[static_cast<std::size_t>(k)];
    return FloatPacks(array, walk.step(k), walk.one_access(axes, k, array.raw(), size_of(array.dtype())));
  };
  // One pack each while that does not fill the GPU.
  const bool many = takes > 1 && walk.packs() > most_blocks / 2 * threads_per_block;
  const std::int64_t of_block = threads_per_block * (many ? takes : 1);
  ByPacks<inputs, takes, F> body{f, walk, {}, packs_of(inputs), out.accumulate, many};
  for (int k = 0; k < inputs; ++k) body.in[k] = packs_of(k);
  launch(name, {.blocks = (walk.packs() + of_block - 1) / of_block, .independent = true}, body);
}

}  // namespace joist::cuda
