// From errno to an EnvironmentError that says what to do. Included by .cpp files of core/formats only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <unistd.h>

namespace joist {

/// Throws the EnvironmentError for `code` (an errno value) that `action` ("write", "make the folder", …) met at `path`.
/// `needed` is how many bytes were to be stored, where that is known.
[[noreturn]] void throw_system_error(const std::filesystem::path& path, const std::string& action, int code,
                                     std::uint64_t needed = 0);

/// "1,234,567 bytes".
std::string byte_count(std::uint64_t bytes);

/// A file descriptor that is closed when the scope ends.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }
  /// What close(2) answers; 0 when nothing was open.
  int close() noexcept { return number_ < 0 ? 0 : ::close(std::exchange(number_, -1)); }

 private:
  int number_;
};

}  // namespace joist
