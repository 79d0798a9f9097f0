// Starting a kernel: on the GPU where nvcc compiles, else on the emulator. A body is a struct of plain values with
// operator()(Block&), called once per thread.
#pragma once

#ifdef __CUDACC__
#include <joist/cuda/device/block.h>
#else
#include <joist/cuda/emulator/block.h>
#endif
#include <joist/core/error.h>
#include <joist/cuda/runtime.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace joist::cuda {

struct Grid {
  std::int64_t blocks = 1;
  int threads = 256;
  std::int64_t shared_bytes = 0;
  bool independent = false;  ///< threads never wait for each other: no barrier, no shared memory
};

constexpr int threads_per_block = 256;
/// Blocks of loops that step over the whole grid: several per multiprocessor of the largest GPUs.
constexpr std::int64_t most_blocks = 2048;

/// Blocks for `count` threads that each take elements in steps of the grid.
inline std::int64_t blocks_for(std::int64_t count) {
  return std::clamp<std::int64_t>((count + threads_per_block - 1) / threads_per_block, 1, most_blocks);
}

#ifdef __CUDACC__
template <class Body>
__global__ void run_body(const Body body) {
  Block block;
  body(block);
}
/// In the stream of the calling thread. Throws EnvironmentError when the GPU refuses.
template <class Body>
void launch(const char* name, const Grid& grid, const Body& body) {
  if (grid.blocks <= 0) return;
  run_body<Body><<<static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.threads),
                   static_cast<std::size_t>(grid.shared_bytes), static_cast<cudaStream_t>(current_stream())>>>(body);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
    throw EnvironmentError({.where = name, .what = std::string("the GPU refused: ") + cudaGetErrorString(error)});
}
#else
template <class Body>
void launch(const char* name, const Grid& grid, const Body& body) {
  if (grid.blocks <= 0) return;
  emulator::run({name, grid.blocks, grid.threads, grid.shared_bytes, grid.independent}, [&body] {
    Block block;
    body(block);
  });
}
#endif

/// f(i) for every i of [0, count), each by a thread of its own.
template <class F>
struct Each {
  F f;
  std::int64_t count;
  JOIST_DEVICE void operator()(Block& block) const {
    const std::int64_t step = block.count() * block.threads();
    for (std::int64_t i = block.index() * block.threads() + block.thread(); i < count; i += step) f(i);
  }
};
template <class F>
void each(const char* name, std::int64_t count, const F& f) {
  if (count > 0) launch(name, {.blocks = blocks_for(count), .independent = true}, Each<F>{f, count});
}

}  // namespace joist::cuda
