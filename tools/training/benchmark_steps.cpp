#include <joist/core/mode.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/benchmark_steps.h>
#include <joist/tools/training/classification_task.h>
#include <joist/tools/training/fitting_batch.h>

namespace joist {

BenchmarkSteps::BenchmarkSteps(Model& model, BenchmarkBatch& batch, Optimizer& optimizer, const Options& options)
    : model_(model), batch_(batch), optimizer_(optimizer), options_(options) {
  if (options_.capture) why_not_ = why_never();
  const Device device = model_.device();
  if (device.on_host()) return;
  batch_.inputs = on_device(batch_.inputs, device);
  if (batch_.targets.defined()) batch_.targets = on_device(batch_.targets, device);
  if (model_.task() == TaskKind::detect) padded_.emplace(model_, DetectionLossOptions{}).place(batch_.truth);
}

std::string BenchmarkSteps::why_never() const {
  if (model_.device().on_host()) return "the CPU does its work at once";
  if (!optimizer_.is_recordable()) return "the optimizer " + optimizer_.kind() + " cannot be recorded";
  for (const Field& field : model_.fields())
    if (!is_floating(field.tensor.dtype())) return field.name + " is counted by the host";
  return "";
}

Tensor BenchmarkSteps::loss() {
  const Autocast autocast(options_.bfloat16);
  if (padded_) return padded_->loss(batch_.inputs, static_cast<double>(batch_.batch()));
  if (model_.task() == TaskKind::classify) return classification_loss(model_, batch_.inputs, batch_.targets);
  return loss_of(model_, batch_);
}

void BenchmarkSteps::differentiate() {
  const Tensor loss = this->loss();
  loss.backward();
  FlatParameters& parameters = optimizer_.parameters();
  parameters.complete_gradients();
  parameters.gradients_written();  // or the optimizer would complete them again
  loss_ = loss.value();
}

Array BenchmarkSteps::by_operations(Profiler* profiler) {
  std::optional<Profiler::Phase> phase(std::in_place, profiler, "forward and loss");
  const Tensor loss = this->loss();
  phase.reset();
  phase.emplace(profiler, "backward");
  loss.backward();
  phase.reset();
  phase.emplace(profiler, "optimizer");
  optimizer_.step();
  return loss.value();
}

Array BenchmarkSteps::by_graph() {
  const RandomKey key = run_context().random;
  const Optimizer::HostState before = optimizer_.host_state();
  FlatParameters& parameters = optimizer_.parameters();
  try {
    if (!capture_) {
      capture_ = make_step_capture(model_.device());
      capture_->rehearse([this] { differentiate(); });
      optimizer_.step();
    } else {
      StepCapture::Work renew;
      if (!is_recorded_) {
        loss_ = {};
        capture_->record([this] { differentiate(), optimizer_.step(); }, key);
        is_recorded_ = true;
      } else {
        renew = [this] { optimizer_.step(); };
      }
      parameters.gradients_written();
      capture_->replay(key, renew);
      parameters.clear_gradients();
      ++replayed_;
    }
    return copy_of(loss_);  // the next replay writes the same memory
  } catch (const CaptureError& error) {
    why_not_ = error.what();
  }
  loss_ = {};
  capture_.reset();
  is_recorded_ = false;
  parameters.clear_gradients();
  optimizer_.restore(before);
  set_random_step(key.step, key.draw);
  return {};
}

Array BenchmarkSteps::run(Profiler* profiler) {
  set_random_step(static_cast<std::uint32_t>(steps_++));
  if (options_.capture && why_not_.empty() && !profiler && steps_ > 1)
    if (Array loss = by_graph(); loss.defined()) return loss;
  return by_operations(profiler);
}

}  // namespace joist
