// Every collective against what it is defined to do.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace joist::parallel {

// Rank r's element i: different everywhere, small enough that sums are exact in every type.
inline int value(int rank, std::int64_t i) { return static_cast<int>((rank * 7 + i * 3) % 11); }

template <class T>
Array filled(int rank, std::int64_t n, Device device = cpu) {
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = static_cast<T>(value(rank, i));
  return Array::from(values, {n}, device);
}

inline int expected(Reduce reduce, int size, std::int64_t i) {
  int result = value(0, i);
  for (int r = 1; r < size; ++r)
    result = reduce == Reduce::sum   ? result + value(r, i)
             : reduce == Reduce::max ? std::max(result, value(r, i))
                                     : std::min(result, value(r, i));
  return result;
}

template <class T, class Wanted>
std::int64_t wrong_elements(const Array& data, std::int64_t begin, std::int64_t end, const Wanted& wanted) {
  const std::vector<T> values = data.to_vector<T>();
  std::int64_t wrong = 0;
  for (std::int64_t i = begin; i < end; ++i) wrong += values[static_cast<std::size_t>(i)] != static_cast<T>(wanted(i));
  return wrong;
}

/// Every collective over n elements on a device, against its definition. All ranks call it.
template <class T>
void check_all(Communicator& world, std::int64_t n, Device device = cpu) {
  const int size = world.size(), rank = world.rank();
  for (const Reduce reduce : {Reduce::sum, Reduce::max, Reduce::min}) {
    const Array data = filled<T>(rank, n, device);
    world.all_reduce("data", data, reduce).wait();
    EXPECT_EQ(wrong_elements<T>(data, 0, n, [&](std::int64_t i) { return expected(reduce, size, i); }), 0)
        << "all_reduce " << n << " of rank " << rank << "/" << size;
  }
  // Uneven parts, the first one empty.
  std::vector<std::int64_t> bounds{0};
  for (int r = 1; r <= size; ++r) bounds.push_back(size == 1 ? n : n * (r - 1) / (size - 1));
  const std::int64_t begin = bounds[static_cast<std::size_t>(rank)], end = bounds[static_cast<std::size_t>(rank) + 1];
  const Array scattered = filled<T>(rank, n, device);
  world.reduce_scatter("gradients", scattered, Reduce::sum, bounds).wait();
  EXPECT_EQ(wrong_elements<T>(scattered, begin, end, [&](std::int64_t i) { return expected(Reduce::sum, size, i); }), 0)
      << "reduce_scatter " << n << " of rank " << rank << "/" << size;
  std::vector<T> own(static_cast<std::size_t>(n));
  for (std::int64_t i = begin; i < end; ++i) own[static_cast<std::size_t>(i)] = static_cast<T>(value(0, i));
  const Array gathered = Array::from(own, {n}, device);
  world.all_gather("parameters", gathered, bounds).wait();
  EXPECT_EQ(wrong_elements<T>(gathered, 0, n, [](std::int64_t i) { return value(0, i); }), 0)
      << "all_gather " << n << " of rank " << rank << "/" << size;
  for (int root = 0; root < size; ++root) {
    const Array copied = filled<T>(rank, n, device);
    world.broadcast("weights", copied, root).wait();
    EXPECT_EQ(wrong_elements<T>(copied, 0, n, [&](std::int64_t i) { return value(root, i); }), 0)
        << "broadcast " << n << " from " << root;
  }
  world.barrier("end of the round").wait();
}

}  // namespace joist::parallel
