// How fast annotated pictures become batches here, without a model that takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

struct LoaderBenchmarkOptions {
  std::string data{};
  std::int64_t batch = 16;
  std::int64_t size = 320;      ///< side of the pictures that come out
  std::int64_t threads = 0;     ///< that make batches; 0: one per core
  double seconds = 5;           ///< measured at least, after the first epoch
  bool cache = true;            ///< decoded pictures are kept, as in training
  std::string cache_folder{};   ///< as LoaderOptions says
  std::string augment{};        ///< a named list; "": the fixed recipe
  std::int64_t epochs = 0;      ///< whole epochs instead of seconds, each reported; 0: seconds
  std::string labels = "drop";  ///< what to do about labels that are wrong: fail, repair or drop
};

struct LoaderBenchmark {
  std::int64_t threads = 0;
  std::int64_t pictures = 0;                   ///< of the data set
  double first_epoch_pictures_per_second = 0;  ///< every picture is decoded
  double pictures_per_second = 0;              ///< later: most of them come out of the cache where it is on
  std::int64_t decoded = 0;                    ///< pictures read from files, all epochs together
  std::int64_t cached_bytes = 0;
  std::int64_t spilled_bytes = 0;         ///< in the temporary file
  double cpu_seconds_per_picture = 0;     ///< of all threads, after the first epoch
  std::vector<std::int64_t> epoch_rss{};  ///< memory of the process at the end of each epoch, bytes
  std::int64_t peak_rss_bytes = 0;        ///< of the process so far
};

/// The whole pipeline of a detector's training: decoding, mosaic, affine change, colours, mirroring. Throws UsageError
/// for options, DataError for data.
LoaderBenchmark benchmark_loader(const LoaderBenchmarkOptions& options);

}  // namespace joist
