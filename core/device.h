// Where an Array lives. `reference` is host memory computed by the plain double-precision kernels of core/plain.
#pragma once

#include <cstdint>
#include <string>

namespace joist {

struct Device {
  enum class Kind : std::uint8_t { cpu, cuda, reference };
  static constexpr int kinds = 3;

  Kind kind = Kind::cpu;
  std::int8_t index = 0;

  bool on_host() const noexcept { return kind != Kind::cuda; }
  /// "cpu", "cuda:0", "reference".
  std::string text() const {
    if (kind == Kind::cuda) return "cuda:" + std::to_string(index);
    return kind == Kind::cpu ? "cpu" : "reference";
  }
  friend bool operator==(const Device&, const Device&) = default;
};

inline constexpr Device cpu{};

}  // namespace joist
