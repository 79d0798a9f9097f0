#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/captured_step.h>

#include <cstdlib>
#include <string_view>
#include <utility>

namespace joist {

bool wants_capture() {
  const char* const wanted = std::getenv("JOIST_CAPTURE");  // NOLINT(concurrency-mt-unsafe)
  return wanted != nullptr && std::string_view(wanted) == "1";
}

CapturedStep::~CapturedStep() { forget(); }

std::vector<const void*> CapturedStep::places() const {
  std::vector<const void*> places;
  for (const Field& field : learner_.fields()) {
    places.push_back(field.tensor.value().raw());
    places.push_back(field.tensor.requires_grad() ? field.tensor.state() : nullptr);
  }
  for (const Array& array : task_.placed()) places.push_back(array.raw());
  return places;
}

void CapturedStep::compute() {
  const Tensor loss = task_.placed_loss();
  loss.backward();
  learner_.parameters().complete_gradients();
  loss_ = loss.value();
}

void CapturedStep::forget() {
  loss_ = {};
  capture_.reset();
  is_recorded_ = false;
}

void CapturedStep::give_up(const std::string& why) {
  forget();
  has_given_up_ = true;
  console_.warn("steps are given to the GPU kernel by kernel: " + why);
}

std::optional<BatchLoss> CapturedStep::run() {
  if (has_given_up_ || !task_.place()) return std::nullopt;
  for (const Field& field : learner_.fields())
    if (!is_floating(field.tensor.dtype())) {
      give_up(field.name + " is counted by the host");
      return std::nullopt;
    }
  if (std::vector<const void*> now = places(); now != places_) {
    // What a step makes once and keeps shall not lie in the memory of the recorded one.
    forget();
    places_ = std::move(now);
    return std::nullopt;
  }
  const RandomKey key = run_context().random;
  std::vector<std::pair<Array, Array>> statistics;  // which the rehearsal moves
  try {
    learner_.forget_gradients();
    if (!capture_) {
      for (const Field& field : learner_.fields())
        if (!field.trainable) statistics.emplace_back(field.tensor.value(), copy_of(field.tensor.value()));
      capture_ = make_step_capture(task_.model().device());
      capture_->rehearse([this] { compute(); });
    } else {
      if (!is_recorded_) {
        loss_ = {};
        capture_->record([this] { compute(); }, key);
        is_recorded_ = true;
      }
      capture_->replay(key);
      learner_.parameters().gradients_written();
      ++replayed_;
    }
  } catch (const CaptureError& error) {
    for (const auto& [value, before] : statistics) kernels(value).elementwise.copy(before, {value, false});
    learner_.forget_gradients();
    set_random_step(key.step, key.draw);
    give_up(error.what());
    return std::nullopt;
  }
  task_.prefetch();
  const Array loss = on_host(loss_);
  return BatchLoss{.loss = Tensor(loss), .parts = {loss.item()}};
}

}  // namespace joist
