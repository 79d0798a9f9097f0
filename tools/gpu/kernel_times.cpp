// Sums of a GPU's time by kernel, of any process, by CUPTI:
//   CUDA_INJECTION64_PATH=libkernel_times.so KERNEL_TIMES=FILE program
// One line of what was busy, then one per kernel, most time first. Without KERNEL_TIMES it goes to standard error.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <cupti.h>
#include <cxxabi.h>

namespace {

constexpr std::size_t buffer_bytes = 8U << 20;

struct Sum {
  std::uint64_t nanoseconds = 0, count = 0;
  unsigned registers = 0, grid = 0, block = 0;  // of the last launch; the largest grid
};

struct Sums {
  std::mutex guard;
  std::map<std::string, Sum> by_name;
  std::uint64_t first = ~std::uint64_t{0}, last = 0, busy = 0;
};
// Never destroyed: buffers come back while the process ends.
Sums& sums() {
  static Sums& all = *new Sums;
  return all;
}

std::string plain(const char* name) {
  int state = 0;
  char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &state);
  std::string found = text ? text : name;
  std::free(text);
  return found.substr(0, 300);
}

void CUPTIAPI give_buffer(std::uint8_t** buffer, std::size_t* size, std::size_t* most_records) {
  *size = buffer_bytes;
  *buffer = static_cast<std::uint8_t*>(std::aligned_alloc(8, buffer_bytes));
  *most_records = 0;
}

template <class Record>
void add(const CUpti_Activity* activity, const std::string& name, unsigned registers = 0, unsigned grid = 0,
         unsigned block = 0) {
  const auto* const record = reinterpret_cast<const Record*>(activity);
  Sums& all = sums();
  Sum& sum = all.by_name[name];
  sum.nanoseconds += record->end - record->start;
  ++sum.count;
  sum.registers = registers;
  sum.grid = std::max(sum.grid, grid);
  sum.block = block;
  all.first = std::min<std::uint64_t>(all.first, record->start);
  all.last = std::max<std::uint64_t>(all.last, record->end);
  all.busy += record->end - record->start;
}

void CUPTIAPI take_buffer(CUcontext, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t valid) {
  const std::lock_guard lock(sums().guard);
  CUpti_Activity* activity = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid, &activity) == CUPTI_SUCCESS) {
    switch (activity->kind) {
      case CUPTI_ACTIVITY_KIND_KERNEL:
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        const auto* const kernel = reinterpret_cast<const CUpti_ActivityKernel9*>(activity);
        add<CUpti_ActivityKernel9>(activity, kernel->name ? kernel->name : "?", kernel->registersPerThread,
                                   static_cast<unsigned>(kernel->gridX * kernel->gridY * kernel->gridZ),
                                   static_cast<unsigned>(kernel->blockX * kernel->blockY * kernel->blockZ));
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY: {
        const unsigned kind = reinterpret_cast<const CUpti_ActivityMemcpy5*>(activity)->copyKind;
        const char* const ways[] = {"?", "host to GPU", "GPU to host"};
        add<CUpti_ActivityMemcpy5>(activity, "copy " + (kind < 3 ? ways[kind] : "of kind " + std::to_string(kind)));
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: add<CUpti_ActivityMemset4>(activity, "fill"); break;
      default: break;
    }
  }
  std::free(buffer);
}

void finish() {
  cuptiActivityFlushAll(1);
  const std::lock_guard lock(sums().guard);
  const char* const path = std::getenv("KERNEL_TIMES");
  std::FILE* const file = path ? std::fopen(path, "w") : stderr;
  if (!file) {
    std::perror(path);
    return;
  }
  Sums& all = sums();
  std::vector<std::pair<std::string, Sum>> rows(all.by_name.begin(), all.by_name.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.nanoseconds > b.second.nanoseconds; });
  const double whole = rows.empty() ? 0 : static_cast<double>(all.last - all.first) / 1e6;
  std::fprintf(file, "busy %.3f ms of %.3f\n", static_cast<double>(all.busy) / 1e6, whole);
  for (const auto& [name, sum] : rows)
    std::fprintf(file, "%10.3f ms %7llu x %9.2f us  regs %u grid %u block %u  %s\n",
                 static_cast<double>(sum.nanoseconds) / 1e6, static_cast<unsigned long long>(sum.count),
                 static_cast<double>(sum.nanoseconds) / 1e3 / static_cast<double>(sum.count), sum.registers, sum.grid,
                 sum.block, plain(name.c_str()).c_str());
  if (file != stderr) std::fclose(file);
}

}  // namespace

// The driver calls it when the process first uses the GPU.
extern "C" int InitializeInjection() {
  cuptiActivityRegisterCallbacks(give_buffer, take_buffer);
  for (const CUpti_ActivityKind kind :
       {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET})
    if (cuptiActivityEnable(kind) != CUPTI_SUCCESS) std::fprintf(stderr, "kernel_times: CUPTI refuses kind %d\n", kind);
  std::atexit(finish);
  return 1;
}
