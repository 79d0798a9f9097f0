// The error that ends a communicator: set once, thrown by everything after it.
#pragma once

#include <joist/core/parallel/communicator.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <string>

namespace joist::parallel {

class Failure {
 public:
  /// Keeps the first text; false when there was one.
  bool set(int rank, int size, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (error_) return false;
    error_ = std::make_exception_ptr(CommunicatorError(
        {.where = "rank " + std::to_string(rank) + " of " + std::to_string(size),
         .what = text,
         .remedy = "read what the rank in question printed; then start the same command with --resume"}));
    set_ = true;
    return true;
  }
  bool is_set() const noexcept { return set_; }
  std::exception_ptr error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }
  void throw_if_set() const {
    if (set_) std::rethrow_exception(error());
  }

 private:
  mutable std::mutex mutex_{};
  std::atomic<bool> set_{false};
  std::exception_ptr error_{};
};

}  // namespace joist::parallel
