#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/captured_step.h>

#include <cstdlib>
#include <limits>
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

void CapturedStep::compute(double limit) {
  const Tensor loss = task_.placed_loss();
  loss.backward();
  FlatParameters& parameters = learner_.parameters();
  parameters.complete_gradients();
  loss_ = loss.value();
  if (!is_whole()) return;
  parameters.gradients_written();  // or the optimizer would complete them again
  capture_->clip(parameters.gradients(), limit, loss_);
}

void CapturedStep::record(std::int64_t step, const Plan& plan, const RandomKey& key) {
  loss_ = {};
  capture_->record(
      [&] {
        compute(learner_.clip_limit());
        if (!is_whole()) return;
        learner_.restore_buffers();
        learner_.update(step, plan);
      },
      key);
  is_recorded_ = true;
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

CapturedStep::Result CapturedStep::result(const Learner::HostState& before) {
  const bool whole = is_recorded_ && is_whole();
  const StepVerdict verdict = whole ? capture_->verdict() : StepVerdict{.loss = on_host(loss_).item()};
  const Tensor loss(Array::from(std::vector<float>{static_cast<float>(verdict.loss)}, {}));
  Result found{.loss = task_.placed_result(loss)};
  if (whole) {
    found.taken = verdict.taken;
    if (!verdict.taken) learner_.restore(before);
  }
  return found;
}

std::optional<CapturedStep::Result> CapturedStep::run(std::int64_t step, const Plan& plan) {
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
  const Learner::HostState before = learner_.host_state();
  std::vector<std::pair<Array, Array>> statistics;  // which the rehearsal moves
  try {
    learner_.forget_gradients();
    if (!capture_) {
      for (const Field& field : learner_.fields())
        if (!field.trainable) statistics.emplace_back(field.tensor.value(), copy_of(field.tensor.value()));
      capture_ = make_step_capture(task_.model().device());
      // What comes after backward takes no memory but clip()'s, which scales later and not twice.
      capture_->rehearse([this] { compute(std::numeric_limits<double>::infinity()); });
    } else {
      StepCapture::Work renew;
      if (!is_recorded_)
        record(step, plan, key);
      else if (is_whole())
        renew = [&] { learner_.update(step, plan); };
      learner_.parameters().gradients_written();
      capture_->replay(key, renew);
      if (is_whole()) learner_.forget_gradients();
      ++replayed_;
    }
  } catch (const CaptureError& error) {
    for (const auto& [value, saved] : statistics) kernels(value).elementwise.copy(saved, {value, false});
    learner_.forget_gradients();
    learner_.restore(before);
    set_random_step(key.step, key.draw);
    give_up(error.what());
    return std::nullopt;
  }
  task_.prefetch();
  return result(before);
}

}  // namespace joist
