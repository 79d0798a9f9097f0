#include <joist/core/error.h>
#include <joist/core/random.h>
#include <joist/data/loader/ring.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <system_error>
#include <utility>

namespace joist {
namespace {

void check(const LoaderOptions& options, std::size_t samples) {
  const auto refuse = [](const char* field, std::int64_t value, const char* expected) {
    throw UsageError(
        {.where = std::string("loader option ") + field, .what = "is " + std::to_string(value), .expected = expected});
  };
  if (options.batch < 1) refuse("batch", options.batch, "at least 1 picture");
  if (options.size < 1 || options.size > 16384) refuse("size", options.size, "1 to 16384 pixels");
  if (options.threads < 0 || options.threads > 256) refuse("threads", options.threads, "0 to 256");
  if (options.prefetch < 1 || options.prefetch > 64) refuse("prefetch", options.prefetch, "1 to 64 batches");
  if (options.dtype != Dtype::float32 && options.dtype != Dtype::uint8) {
    throw UsageError({.where = "loader option dtype",
                      .what = "is " + std::string(name_of(options.dtype)),
                      .expected = "float32 or uint8"});
  }
  const BatchPart& part = options.part;
  if (part.of < 1 || part.first < 0 || part.last < part.first || part.last > part.of)
    refuse("part", part.first, "parts from the first to before the last, of at least 1");
  if (samples == 0) throw DataError({.where = "loader", .what = "the data set holds no picture"});
  if (!options.weights.empty() && options.weights.size() != samples) {
    refuse("weights", static_cast<std::int64_t>(options.weights.size()), "one for each picture, or none");
  }
  double total = 0;
  for (const float weight : options.weights) {
    if (!(weight >= 0)) refuse("weights", 0, "numbers of at least 0");
    total += static_cast<double>(weight);
  }
  if (!options.weights.empty() && !(total > 0 && std::isfinite(total))) refuse("weights", 0, "a sum above 0");
  if (samples > std::numeric_limits<std::uint32_t>::max()) {
    throw DataError({.where = "loader", .what = std::to_string(samples) + " pictures", .expected = "less than 2^32"});
  }
}

}  // namespace

BatchRing::BatchRing(const LoaderOptions& options, std::size_t samples, Fill fill)
    : fill_(std::move(fill)),
      shuffle_(options.shuffle),
      drop_last_(options.drop_last),
      seed_(options.seed),
      samples_(samples),
      weights_(options.weights),
      part_(options.part) {
  check(options, samples);
  const auto count = static_cast<std::int64_t>(samples);
  batch_ = static_cast<int>(std::min<std::int64_t>(options.batch, count));
  steps_ = drop_last_ ? count / batch_ : (count + batch_ - 1) / batch_;
  const std::int64_t share = batch_ * static_cast<std::int64_t>(part_.last - part_.first);
  most_ = static_cast<int>(std::max<std::int64_t>((share + part_.of - 1) / part_.of, 1));
  workers_ = std::max(1, options.threads);
  slots_.resize(options.threads > 0 ? static_cast<std::size_t>(options.prefetch) + 1 : 1);  // one is with the consumer
  next_claim_ = head_ = steps_;  // nothing to do before start()
  try {
    for (int worker = 0; worker < options.threads; ++worker) threads_.emplace_back(&BatchRing::work, this, worker);
  } catch (const std::system_error& error) {
    const std::string started = std::to_string(threads_.size());
    stop();
    throw EnvironmentError({.where = "loader",
                            .what = "no more than " + started + " threads could be started: " + error.what(),
                            .remedy = "fewer loader threads"});
  }
}

BatchRing::~BatchRing() { stop(); }

void BatchRing::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::int64_t BatchRing::whole(std::int64_t step) const noexcept {
  return std::min<std::int64_t>(batch_, static_cast<std::int64_t>(samples_) - step * batch_);
}

int BatchRing::items(std::int64_t step) const noexcept {
  const std::int64_t count = whole(step);
  return static_cast<int>(part_.end(count) - part_.begin(count));
}

BatchRing::Item BatchRing::item(std::int64_t step, int index, int worker) const {
  return {.slot = static_cast<int>(step % static_cast<std::int64_t>(slots_.size())),
          .index = index,
          .sample = order_[static_cast<std::size_t>(step * batch_ + part_.begin(whole(step)) + index)],
          .epoch = epoch_,
          .worker = worker};
}

void BatchRing::start(std::int64_t epoch, std::int64_t step, const std::function<void()>& prepare) {
  if (epoch < 0 || epoch > std::numeric_limits<std::uint32_t>::max() || step < 0 || step > steps_) {
    throw UsageError({.where = "loader",
                      .what = "cannot start at epoch " + std::to_string(epoch) + ", step " + std::to_string(step),
                      .expected = "a step from 0 to " + std::to_string(steps_)});
  }
  std::unique_lock lock(mutex_);
  next_claim_ = steps_;  // no more work is taken up
  ready_.wait(lock, [&] { return running_ == 0; });
  std::fill(slots_.begin(), slots_.end(), Slot{});
  is_held_ = has_failed_ = false;
  head_ = steps_;
  if (prepare) prepare();
  epoch_ = static_cast<std::uint32_t>(epoch);
  draw_order();
  if (shuffle_) {  // Fisher-Yates
    Random random({seed_, Stream::shuffle, epoch_});
    for (std::size_t i = samples_; i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  }
  next_claim_ = head_ = step;
  lock.unlock();
  work_.notify_all();
}

// Each sample as often as its weight says, rounded up or down by one draw for all (systematic sampling): over several
// epochs the mean is exact.
void BatchRing::draw_order() {
  order_.resize(samples_);
  if (weights_.empty()) {
    std::iota(order_.begin(), order_.end(), 0U);
    return;
  }
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  const double step = total / static_cast<double>(samples_);
  double next = static_cast<double>(Random({seed_, Stream::shuffle, epoch_, 1}).uniform()) * step, below = 0;
  std::size_t drawn = 0;
  for (std::size_t sample = 0; sample < samples_; ++sample) {
    below += static_cast<double>(weights_[sample]);
    for (; drawn < samples_ && next < below; next += step) order_[drawn++] = static_cast<std::uint32_t>(sample);
  }
  for (; drawn < samples_; ++drawn) order_[drawn] = order_[drawn - 1];  // what rounding left over
}

bool BatchRing::can_claim() noexcept {
  const std::int64_t end = std::min(steps_, head_ + static_cast<std::int64_t>(slots_.size()));
  while (!has_failed_ && next_claim_ < end && items(next_claim_) == 0) ++next_claim_;  // no share of that batch
  return !has_failed_ && next_claim_ < end;
}

void BatchRing::work(int worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return is_stopping_ || can_claim(); });
    if (is_stopping_) return;
    Slot& slot = slot_of(next_claim_);
    const Item claimed = item(next_claim_, slot.claimed++, worker);
    if (slot.claimed == items(next_claim_)) ++next_claim_;
    ++slot.running;
    ++running_;
    lock.unlock();
    std::exception_ptr error;
    try {
      fill_(claimed);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --slot.running;
    --running_;
    ++slot.done;
    if (error && (slot.failed < 0 || claimed.index < slot.failed)) {
      slot.failed = claimed.index;
      slot.error = std::move(error);
      has_failed_ = true;
    }
    if (slot.running == 0 || running_ == 0) ready_.notify_one();
  }
}

BatchRing::Ready BatchRing::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  if (is_held_) {
    slot_of(head_) = Slot{};
    ++head_;
    is_held_ = false;
    work_.notify_all();
  }
  if (head_ >= steps_) return {};
  const int count = items(head_);
  Slot& slot = slot_of(head_);
  if (threads_.empty()) {
    for (int index = 0; index < count; ++index) fill_(item(head_, index, 0));
  } else {
    // Items are taken up in order: when one has failed and none is running, no earlier one can fail any more.
    ready_.wait(lock, [&] { return slot.done == count || (slot.failed >= 0 && slot.running == 0); });
    if (slot.failed >= 0) std::rethrow_exception(slot.error);
  }
  is_held_ = true;
  ++delivered_;
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return {.slot = static_cast<int>(head_ % static_cast<std::int64_t>(slots_.size())),
          .items = count,
          .step = head_,
          .whole = static_cast<int>(whole(head_))};
}

}  // namespace joist
