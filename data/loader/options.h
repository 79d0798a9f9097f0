// What all loaders share.
#pragma once

#include <joist/core/dtype.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// What to do about a picture that cannot be read, or has another size than its labels say.
enum class Unreadable {
  fail,  ///< next() throws the DataError that names the file
  skip   ///< in training, the next one that can be read takes its place, and statistics() names it
};

/// A share of every batch: of its n pictures those from n · first / of to before n · last / of, which may be none.
struct BatchPart {
  int first = 0, last = 1, of = 1;
  std::int64_t begin(std::int64_t n) const noexcept { return n * first / of; }
  std::int64_t end(std::int64_t n) const noexcept { return n * last / of; }
};

/// How batches are made. Their content depends on neither threads, prefetch nor caches.
struct LoaderOptions {
  int batch = 16;
  int size = 320;  ///< side of the pictures that come out, pixels
  std::uint64_t seed = 0;
  bool shuffle = true;    ///< another order in every epoch
  bool drop_last = true;  ///< leaves out a smaller last batch, so that all have one shape; not if it is the only one
  int threads = 2;        ///< that make batches while the model computes; 0: next() makes them
  int prefetch = 2;       ///< batches that may wait finished
  /// Memory for decoded pictures; -1: 64 MiB (1 GiB where no temporary file can be had), at most a quarter of what is
  /// free; 0: every picture is decoded every time.
  std::int64_t cache_bytes = -1;
  /// Of a temporary file for the others; -1: 16 GiB or half of what is free on that disk; 0: none.
  std::int64_t spill_bytes = -1;
  /// A folder where decoded pictures stay for later runs; "": none.
  std::string cache_folder{};
  Unreadable unreadable = Unreadable::fail;
  /// How often each sample is shown, compared to the others; an epoch keeps its length. Empty: each once.
  std::vector<float> weights{};
  /// Which pictures of a batch are made here, where several processes share it: the order is that of all of it.
  BatchPart part{};
  Dtype dtype = Dtype::float32;  ///< pixels as float32 in 0..1, or uint8 in 0..255
  /// With uint8 and AugmentOptions: pictures whose colours and mirror images are left to change_pictures().
  bool leaves_pixels = false;
};

/// The same for validation: every sample once, in the order of the data set.
inline LoaderOptions in_order(LoaderOptions options) {
  options.shuffle = options.drop_last = false;
  return options;
}

/// What a loader did since it was made.
struct LoaderStatistics {
  std::int64_t batches = 0;                     ///< handed out
  double wait_seconds = 0;                      ///< that next() took: what the model waited
  std::int64_t decoded = 0;                     ///< pictures read from files
  std::int64_t cached_bytes = 0;                ///< in memory
  std::int64_t spilled_bytes = 0;               ///< in the temporary file
  std::int64_t unreadable = 0;                  ///< pictures that others took the place of
  std::vector<std::string> unreadable_files{};  ///< the first hundred of them, with what was wrong
};

}  // namespace joist
