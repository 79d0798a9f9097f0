#include <joist/tools/training/interrupt.h>

#include <atomic>

#include <signal.h>

namespace joist {
namespace {

std::atomic<int> pending{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch nothing else");

struct sigaction before_interrupt, before_terminate;

void on_signal(int signal) {
  if (pending.exchange(signal) == 0) return;
  // The second one: die of it, so that the parent sees the true cause.
  struct sigaction fall_back = {};
  fall_back.sa_handler = SIG_DFL;
  ::sigaction(signal, &fall_back, nullptr);
  ::raise(signal);
}

}  // namespace

Interruptible::Interruptible() {
  pending = 0;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &before_interrupt);
  ::sigaction(SIGTERM, &action, &before_terminate);
}

Interruptible::~Interruptible() {
  ::sigaction(SIGINT, &before_interrupt, nullptr);
  ::sigaction(SIGTERM, &before_terminate, nullptr);
  pending = 0;
}

int interrupted() noexcept { return pending.load(std::memory_order_relaxed); }

}  // namespace joist
