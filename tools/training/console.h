// What a long run says: lines on standard output, and on a terminal a line that is written over and over.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace joist {

class Console {
 public:
  /// The moving line goes to standard error and only where that is a terminal. A quiet one says nothing.
  explicit Console(bool quiet = false);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// A whole line that stays.
  void line(const std::string& text);
  /// A warning that stays, on standard error.
  void warn(const std::string& text);
  /// How far something has come: "what  ███░░  12/87  23.1/s  0:42 left  note". Shown at most ten times a second.
  /// total 0: not known.
  void progress(const std::string& what, std::int64_t done, std::int64_t total, double seconds_left,
                const std::string& note);
  /// Takes the moving line away.
  void clear();

 private:
  bool quiet_, terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// "0:42", "12:03", "1:02:03".
std::string clock_text(double seconds);

}  // namespace joist
