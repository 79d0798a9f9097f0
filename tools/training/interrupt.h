// Ctrl-C and SIGTERM: the handler sets a flag and nothing else; loops ask.
#pragma once

namespace joist {

/// Catches SIGINT and SIGTERM while it lives. The first one is remembered; a second one ends the process at once, as if
/// it were not caught. One at a time per process.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
};

/// The signal that came, or 0. Also 0 where no Interruptible lives.
int interrupted() noexcept;

}  // namespace joist
