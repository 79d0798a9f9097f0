#include <joist/data/loader/cache.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

namespace joist {

std::int64_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kibibytes = 0;
  while (file >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::int64_t{1} << 30;
}

namespace {

std::int64_t usual_limit() {
  const bool has_file = !SpillFile::folder().empty();
  return std::min(has_file ? std::int64_t{64} << 20 : std::int64_t{1} << 30, available_bytes() / 4);
}

}  // namespace

PictureCache::PictureCache(std::size_t count, Load load, std::int64_t limit, std::int64_t spill)
    : load_(std::move(load)),
      limit_(limit >= 0 ? limit : usual_limit()),
      pictures_(count),
      spill_(count, limit == 0 ? 0 : spill) {}

PictureCache::~PictureCache() {
  for (const auto& picture : pictures_) delete picture.load(std::memory_order_relaxed);
}

std::shared_ptr<const ScaledPicture> PictureCache::get(std::size_t index) {
  const auto borrowed = [](const ScaledPicture* picture) {
    return std::shared_ptr<const ScaledPicture>(std::shared_ptr<void>(), picture);  // owns nothing and counts nothing
  };
  std::atomic<const ScaledPicture*>& slot = pictures_.at(index);
  if (const ScaledPicture* picture = slot.load(std::memory_order_acquire)) return borrowed(picture);
  if (auto spilled = spill_.get(index)) return std::make_shared<const ScaledPicture>(std::move(*spilled));

  auto loaded = std::make_unique<const ScaledPicture>(load_(index));
  loaded_.fetch_add(1, std::memory_order_relaxed);
  if (const ScaledPicture* kept = keep(index, loaded)) return borrowed(kept);
  return loaded;
}

void PictureCache::offer(std::size_t index, ScaledPicture scaled) {
  if (!keeps() || pictures_.at(index).load(std::memory_order_acquire) != nullptr) return;
  auto loaded = std::make_unique<const ScaledPicture>(std::move(scaled));
  keep(index, loaded);
}

// The picture in memory, which `loaded` was given to unless another thread was faster; nullptr where it does not fit.
const ScaledPicture* PictureCache::keep(std::size_t index, std::unique_ptr<const ScaledPicture>& loaded) {
  const auto size = static_cast<std::int64_t>(loaded->picture.pixels.capacity());
  if (bytes_.fetch_add(size, std::memory_order_relaxed) + size <= limit_) {
    const ScaledPicture* expected = nullptr;
    if (pictures_[index].compare_exchange_strong(expected, loaded.get(), std::memory_order_acq_rel))
      return loaded.release();
    bytes_.fetch_sub(size, std::memory_order_relaxed);
    return expected;
  }
  bytes_.fetch_sub(size, std::memory_order_relaxed);
  spill_.put(index, *loaded);
  return nullptr;
}

}  // namespace joist
