#include <joist/core/parallel/faulty_communicator.h>
#include <joist/core/parallel/recorder.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <utility>

namespace joist::parallel {
namespace {

using Handle = std::shared_ptr<Collective>;

class FaultyCommunicator : public Communicator {
 public:
  FaultyCommunicator(std::unique_ptr<Communicator> inner, Faults faults)
      : Communicator(inner->recorder()), inner_(std::move(inner)), faults_(std::move(faults)) {
    Communicator::set_timeout(inner_->timeout());
  }
  ~FaultyCommunicator() override {
    leaving_ = true;
    if (stuck_.joinable()) stuck_.join();
    if (held_) inner_->submit(std::move(held_));
  }

  int rank() const noexcept override { return inner_->rank(); }
  int size() const noexcept override { return inner_->size(); }
  std::string transport() const override { return inner_->transport() + ", with faults"; }
  void abort(const std::string& reason) override { inner_->abort(reason); }
  bool aborted() const noexcept override { return inner_->aborted(); }

  void set_timeout(std::chrono::milliseconds timeout) noexcept override {
    Communicator::set_timeout(timeout);
    inner_->set_timeout(timeout);
  }

  void submit(Handle collective) override {
    if (held_) {  // the other order, as a program would call them
      std::swap(collective->sequence, held_->sequence);
      inner_->submit(std::move(collective));
      return inner_->submit(std::move(held_));
    }
    if (collective->sequence != faults_.chosen() || faults_.kind == Faults::Kind::none)
      return inner_->submit(std::move(collective));
    switch (faults_.kind) {
      case Faults::Kind::drop: return drop(std::move(collective));
      case Faults::Kind::delay:
        std::this_thread::sleep_for(faults_.delay);
        return inner_->submit(std::move(collective));
      case Faults::Kind::reorder: held_ = std::move(collective); return;
      case Faults::Kind::kill:
        if (faults_.killed) return faults_.killed();
        std::raise(SIGKILL);
        return;
      case Faults::Kind::none: return;
    }
  }

 protected:
  void throw_if_aborted() override { inner_->poll(); }

 private:
  // Nothing tells a wrapper of an abort; so one thread looks now and then, in tests only.
  void drop(Handle collective) {
    stuck_ = std::thread([this, collective = std::move(collective)] {
      while (!inner_->aborted() && !leaving_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      try {
        inner_->poll();
        collective->finish();
      } catch (...) {
        collective->finish(std::current_exception());
      }
    });
  }

  std::unique_ptr<Communicator> inner_;
  Faults faults_;
  Handle held_{};
  std::atomic<bool> leaving_{false};
  std::thread stuck_{};
};

}  // namespace

std::uint64_t Faults::chosen() const noexcept {
  std::uint64_t x = seed + 0x9E3779B97F4A7C15U;  // splitmix64
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return 1 + (x ^ (x >> 31U)) % (within == 0 ? 1 : within);
}

std::unique_ptr<Communicator> faulty_communicator(std::unique_ptr<Communicator> inner, Faults faults) {
  return std::make_unique<FaultyCommunicator>(std::move(inner), std::move(faults));
}

}  // namespace joist::parallel
