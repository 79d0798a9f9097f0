#include <joist/core/kernels.h>
#include <joist/core/ops.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/padded_detection.h>

#include <algorithm>
#include <bit>

namespace joist {
namespace {

// To the same place as before where it fits there.
void bring(const Array& from, Array& to, Device device) {
  if (!to.defined() || to.shape() != from.shape() || to.device() != device) {
    to = on_device(from, device);
    return;
  }
  kernels(to).elementwise.copy(on_device(from, device), {to, false});
  to.bump_version();
}

std::int64_t count_of(const std::vector<std::vector<TrueBox>>& truth) {
  std::int64_t count = 0;
  for (const auto& objects : truth) count += std::ssize(objects);
  return count;
}

}  // namespace

void PaddedDetection::place(const std::vector<std::vector<TrueBox>>& truth) {
  objects_ = truth;
  for (const auto& objects : truth) places_ = std::max(places_, std::ssize(objects));
  places_ = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(places_)));
  const Device device = model_.device();
  const PaddedTruth here = padded(truth, places_);
  bring(here.boxes, truth_.boxes, device);
  bring(here.categories, truth_.categories, device);
  if (!numbers_.defined() || numbers_.device() != device)
    numbers_ = Array::empty({PaddedDetectionLoss::all}, Dtype::float32, device);
}

Tensor PaddedDetection::loss(const Array& pictures, double weight) {
  const Detections predicted = model_.detect(Tensor(pictures));
  if (predicted.boxes) {
    const DetectionLoss loss = detection_loss(predicted, objects_, options_);
    by_host_ = BatchLoss{.parts = {loss.box, loss.classification, loss.distribution},
                         .positives = loss.positives,
                         .overlap = loss.mean_overlap};
    return loss.sum * (weight / loss.count);
  }
  require_truth(predicted, objects_);
  if (!loss_ || !loss_->fits(predicted, places_)) loss_.emplace(predicted, places_, options_);
  const PaddedDetectionLoss loss = loss_->compute(predicted, truth_);
  kernels(numbers_).elementwise.copy(loss.numbers, {numbers_, false});
  return loss.sum * weight / loss.count;
}

BatchLoss PaddedDetection::told(const Tensor& loss) const {
  BatchLoss told;
  if (by_host_) {
    told = *by_host_;
  } else {
    using Loss = PaddedDetectionLoss;
    const std::vector<float> numbers = numbers_.to_vector<float>();
    for (const std::int64_t part : {Loss::box, Loss::classification, Loss::distribution})
      told.parts.push_back(static_cast<double>(numbers[static_cast<std::size_t>(part)]));
    told.positives = static_cast<std::int64_t>(numbers[Loss::positives]);
    told.overlap = static_cast<double>(numbers[Loss::overlap]);
  }
  told.loss = loss;
  told.objects = count_of(objects_);
  return told;
}

}  // namespace joist
