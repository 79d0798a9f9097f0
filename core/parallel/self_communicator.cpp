#include <joist/core/parallel/communicator.h>

#include <atomic>
#include <mutex>

namespace joist::parallel {
namespace {

class SelfCommunicator : public Communicator {
 public:
  int rank() const noexcept override { return 0; }
  int size() const noexcept override { return 1; }
  std::string transport() const override { return "none"; }

  // The data of one rank is already the reduction of all, its own part and the root's.
  void submit(std::shared_ptr<Collective> collective) override { collective->finish(); }

  void abort(const std::string& reason) override {
    const std::lock_guard lock(mutex_);
    if (!aborted_.exchange(true)) reason_ = reason;
  }
  bool aborted() const noexcept override { return aborted_; }

 protected:
  void throw_if_aborted() override {
    if (!aborted_) return;
    const std::lock_guard lock(mutex_);
    throw CommunicatorError({.where = "rank 0", .what = "aborted: " + reason_});
  }

 private:
  std::atomic<bool> aborted_{false};
  std::mutex mutex_{};
  std::string reason_{};
};

}  // namespace

std::unique_ptr<Communicator> self_communicator() { return std::make_unique<SelfCommunicator>(); }

}  // namespace joist::parallel
