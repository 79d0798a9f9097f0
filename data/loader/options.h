// What all loaders share.
#pragma once

#include <joist/core/dtype.h>

#include <cstdint>

namespace joist {

/// How batches are made. Their content depends on neither threads, prefetch nor cache_bytes.
struct LoaderOptions {
  int batch = 16;
  int size = 320;  ///< side of the pictures that come out, pixels
  std::uint64_t seed = 0;
  bool shuffle = true;    ///< another order in every epoch
  bool drop_last = true;  ///< leaves out a smaller last batch, so that all have one shape; not if it is the only one
  int threads = 2;        ///< that make batches while the model computes; 0: next() makes them
  int prefetch = 2;       ///< batches that may wait finished
  std::int64_t cache_bytes =
      -1;                        ///< for decoded pictures; -1: 1 GiB or a quarter of the free memory, whichever is less
  Dtype dtype = Dtype::float32;  ///< pixels as float32 in 0..1, or uint8 in 0..255
};

/// The same for validation: every sample once, in the order of the data set.
inline LoaderOptions in_order(LoaderOptions options) {
  options.shuffle = options.drop_last = false;
  return options;
}

/// What a loader did since it was made.
struct LoaderStatistics {
  std::int64_t batches = 0;  ///< handed out
  double wait_seconds = 0;   ///< that next() took: what the model waited
  std::int64_t decoded = 0;  ///< pictures read from files
  std::int64_t cached_bytes = 0;
};

}  // namespace joist
