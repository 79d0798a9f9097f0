// Typed errors. Every message says where, what was wrong, what was expected and what to do next.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace joist {

/// Process exit codes of the command line, one per kind of error (128 + signal number for an interrupted run).
enum class Exit : int {
  done = 0,
  usage = 2,
  data = 3,
  environment = 4,
  internal = 70,
  interrupted = 130,
  terminated = 143
};

/// The parts of an error message; only `what` is required.
struct Fault {
  std::string where{};     ///< file, "file:line", tensor name or operation
  std::string what{};      ///< the rule that was broken, with the values that broke it
  std::string expected{};  ///< what would have been right
  std::string remedy{};    ///< what to do next
};

/// Base of everything that joist throws on purpose. what() is "where: what\n  expected: …\n  try: …".
class Error : public std::runtime_error {
 public:
  Error(Exit code, Fault fault);
  Exit exit_code() const noexcept { return code_; }
  const Fault& fault() const noexcept { return fault_; }

 private:
  Exit code_;
  Fault fault_;
};

/// Wrong options or arguments.
struct UsageError : Error {
  explicit UsageError(Fault fault) : Error(Exit::usage, std::move(fault)) {}
};

/// A file or record that cannot be used as it is.
struct DataError : Error {
  explicit DataError(Fault fault) : Error(Exit::data, std::move(fault)) {}
  /// "file:line" (line counts from 1; 0 leaves it out).
  static std::string at(const std::string& file, std::int64_t line = 0);
};

/// A graph, file or option asks for something that joist does not do. The message contains "unsupported".
struct UnsupportedError : Error {
  explicit UnsupportedError(Fault fault);
};

/// The machine refuses: no such device, out of memory, disk full.
struct EnvironmentError : Error {
  explicit EnvironmentError(Fault fault) : Error(Exit::environment, std::move(fault)) {}
};

/// A fault of joist or of a program written with it: broken invariants, tape misuse.
struct InternalError : Error {
  explicit InternalError(Fault fault) : Error(Exit::internal, std::move(fault)) {}
};

/// Operands whose element types do not fit.
struct DtypeError : Error {
  explicit DtypeError(Fault fault) : Error(Exit::internal, std::move(fault)) {}
};

}  // namespace joist
