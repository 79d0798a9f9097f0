// Wakes a thread that sleeps in poll(2).
#pragma once

#include <joist/core/error.h>
#include <joist/core/formats/system_error.h>

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

namespace joist::parallel {

class Wake {
 public:
  Wake() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!event_)
      throw EnvironmentError({.where = "ranks", .what = "the system gives no more files", .remedy = "raise ulimit -n"});
  }
  int number() const noexcept { return event_.get(); }
  void ring() const noexcept {
    const std::uint64_t one = 1;
    while (::write(event_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
  }
  void clear() const noexcept {
    std::uint64_t count = 0;
    while (::read(event_.get(), &count, sizeof count) < 0 && errno == EINTR) {
    }
  }

 private:
  Descriptor event_;
};

}  // namespace joist::parallel
