#include <joist/tools/training/console.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace joist {
namespace {

constexpr int bar_cells = 20;

int terminal_width() {
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// Output that cannot be written (a full disk behind it, say) must not end a run.
void put(std::FILE* stream, const std::string& text) noexcept {
  std::fputs(text.c_str(), stream);
  std::fflush(stream);
}

std::string bar(std::int64_t done, std::int64_t total) {
  const auto filled =
      static_cast<int>(std::clamp<std::int64_t>(done * bar_cells / std::max<std::int64_t>(total, 1), 0, bar_cells));
  std::string text;
  for (int i = 0; i < bar_cells; ++i) text += i < filled ? "█" : "░";
  return text;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::max(std::ceil(seconds), 0.0));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Console::Console(bool quiet) : quiet_(quiet), terminal_(!quiet && ::isatty(STDERR_FILENO) != 0) {}
Console::~Console() { clear(); }

void Console::clear() {
  if (!shown_) return;
  put(stderr, "\r\033[K");
  shown_ = false;
}

void Console::line(const std::string& text) {
  if (quiet_) return;
  clear();
  put(stdout, text + "\n");
}

void Console::warn(const std::string& text) {
  if (quiet_) return;
  clear();
  std::fflush(stdout);
  put(stderr, "joist: " + text + "\n");
}

void Console::progress(const std::string& what, std::int64_t done, std::int64_t total, double seconds_left,
                       const std::string& note) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  std::string text = fmt::format("{}  ", what);
  const int used = bar_cells * 3 - bar_cells;  // each cell takes three bytes and one column
  text += total > 0 ? fmt::format("{}  {}/{}", bar(done, total), done, total) : fmt::format("{}", done);
  if (std::isfinite(seconds_left)) text += fmt::format("  {} left", clock_text(seconds_left));
  const auto room = static_cast<std::size_t>(std::max(terminal_width() - 1 + (total > 0 ? used : 0), 20));
  if (text.size() + note.size() + 2 <= room) text += "  " + note;
  put(stderr, "\r" + text.substr(0, room) + "\033[K");
  shown_ = true;
}

}  // namespace joist
