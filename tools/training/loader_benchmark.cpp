#include <joist/core/threads.h>
#include <joist/data/loader.h>
#include <joist/tools/training/loader_benchmark.h>
#include <joist/tools/training/training_data.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace joist {
namespace {

void require_range(const char* option, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least || value > most)
    throw UsageError(
        {.where = option, .what = fmt::format("{}", value), .expected = fmt::format("{} to {}", least, most)});
}

std::int64_t resident_bytes() {
  std::int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

double cpu_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

LoaderBenchmark benchmark_loader(const LoaderBenchmarkOptions& options) {
  require_range("--batch", options.batch, 1, 65536);
  require_range("--size", options.size, 32, 8192);
  require_range("--threads", options.threads, 0, 256);
  require_range("--epochs", options.epochs, 0, 1'000'000);
  if (!(options.seconds > 0 && options.seconds <= 3600))
    throw UsageError(
        {.where = "--seconds", .what = fmt::format("{}", options.seconds), .expected = "above 0, at most 3600"});
  const Dataset dataset = read_checked_detection(options.data, {.labels = options.labels, .training = true});
  LoaderOptions loading{.batch = static_cast<int>(options.batch),
                        .size = static_cast<int>(options.size),
                        .threads = options.threads > 0 ? static_cast<int>(options.threads) : threads()};
  if (!options.cache) loading.cache_bytes = 0;
  loading.cache_folder = options.cache_folder;
  LoaderBenchmark result{.threads = loading.threads, .pictures = static_cast<std::int64_t>(dataset.samples.size())};
  Augmentation augmentation = AugmentOptions{};
  if (!options.augment.empty() && options.augment != "default")
    augmentation = PipelineOptions{.list = named_augment_list(options.augment)};
  DetectionLoader loader(dataset, loading, augmentation);

  std::int64_t epoch = 0;
  // Pictures of an epoch; stops early once `enough` seconds have passed since the clock's start.
  const auto run_epoch = [&](const Clock& clock, double enough) {
    std::int64_t pictures = 0;
    loader.start(epoch++);
    while (const DetectionBatch* batch = loader.next()) {
      pictures += batch->size();
      if (clock.seconds() > enough) break;
    }
    return static_cast<double>(pictures);
  };
  const Clock first;
  const double in_first = run_epoch(first, 1e9);
  result.first_epoch_pictures_per_second = in_first / first.seconds();
  result.epoch_rss.push_back(resident_bytes());
  const double spent = cpu_seconds();
  const Clock later;
  double pictures = 0;
  for (std::int64_t i = 1; options.epochs > 0 ? i < options.epochs : later.seconds() < options.seconds; ++i) {
    pictures += run_epoch(later, options.epochs > 0 ? 1e9 : options.seconds);
    result.epoch_rss.push_back(resident_bytes());
  }
  result.cpu_seconds_per_picture = (cpu_seconds() - spent) / std::max(pictures, 1.0);
  result.pictures_per_second = pictures / later.seconds();
  result.decoded = loader.statistics().decoded;
  result.cached_bytes = loader.statistics().cached_bytes;
  result.spilled_bytes = loader.statistics().spilled_bytes;
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  return result;
}

}  // namespace joist
