// A loader's batches where the model computes.
#pragma once

#include <joist/core/elementwise.h>
#include <joist/core/upload.h>
#include <joist/data/loader.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace joist {

/// Pictures of 0 … 255 as float32: (pixel / 255 - mean) / deviation of each channel, or pixel / 255 where there is
/// none; the bits that a loader of float32 gives.
class AsNumbers {
 public:
  explicit AsNumbers(const std::vector<float>& mean = {}, const std::vector<float>& deviation = {});
  /// `pixels` [n, channels, height, width] uint8, on any device; the result is there, too.
  Array operator()(const Array& pixels);

 private:
  struct Step {
    Binary function;
    std::vector<float> values;
    Array there{};
  };
  std::vector<Step> steps_;
};

/// On the host the loader's own batches are handed on. On a device each batch is brought there; where prefetch() is
/// called while the device computes, the next one travels meanwhile, as pixels from pinned memory.
template <class Batch>  // PictureBatch or DetectionBatch
class BatchFeed {
 public:
  using Next = std::function<const Batch*()>;
  using Numbers = std::function<Array(const Batch& batch)>;

  /// `next` gives the batch after the last one, again and again; `numbers` makes of its bytes what the model takes.
  BatchFeed(Next next, Numbers numbers) : next_(std::move(next)), numbers_(std::move(numbers)) {}

  /// The next batch, good until the next call.
  const Batch* load(Device device) {
    if (device.on_host()) {
      coming_.reset();
      const Batch* const batch = next_();
      if (batch->pictures.dtype() != Dtype::uint8) return batch;
      own_ = *batch;
      own_.pictures = numbers_(own_);
      return &own_;
    }
    if (!coming_) begin(device);
    own_ = std::move(*coming_);
    coming_.reset();
    std::vector<Array> there = uploader_->take();
    own_.pictures = there[0];
    if constexpr (requires { own_.labels; }) own_.labels = there[1];
    if constexpr (requires { own_.changes; })
      if (own_.changes.defined()) own_.changes = there[1];
    if (own_.pictures.dtype() == Dtype::uint8) own_.pictures = numbers_(own_);
    return &own_;
  }

  /// After the device was given what it does with the last batch. A batch that cannot be had says so at its load().
  void prefetch(Device device) {
    if (device.on_host() || coming_) return;
    try {
      begin(device);
    } catch (const DataError&) {  // the loader will say it again
    }
  }

  /// What is on its way is not the next batch any more.
  void drop() { coming_.reset(); }

 private:
  void begin(Device device) {
    const Batch& batch = *next_();
    if (!uploader_) uploader_ = make_uploader(device);
    std::vector<Array> arrays{batch.pictures};
    if constexpr (requires { batch.labels; }) arrays.push_back(batch.labels);
    if constexpr (requires { batch.changes; })
      if (batch.changes.defined()) arrays.push_back(batch.changes);
    uploader_->begin(arrays);
    coming_ = batch;
  }

  Next next_;
  Numbers numbers_;
  std::unique_ptr<Uploader> uploader_{};
  std::optional<Batch> coming_{};
  Batch own_{};
};

}  // namespace joist
