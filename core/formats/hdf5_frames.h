// What libjoist and its helper joist-hdf5-reader say to each other through a socket: frames of one fixed head, a name
// and data. Both are of one build on one machine, so numbers go as they lie in memory.
//
//   to read:   read, the file's bytes                     answer: attribute*, array*, skipped* in any order, then end
//   to write:  write, attribute*, array*, then end        answer: image, the file's bytes after its user block
//   Either answer may instead end in failure, whose data is the reason.
#pragma once

#include <joist/core/dtype.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace joist {

enum class FrameKind : std::uint32_t { read, write, attribute, array, skipped, image, end, failure };

struct Frame {
  static constexpr std::uint32_t expected_magic = 0x32485A4A;  // "JZH2"; counts up when anything in this file changes

  std::uint32_t magic = expected_magic;
  FrameKind kind = FrameKind::end;
  std::uint64_t name_bytes = 0;         ///< follow the head
  std::uint64_t data_bytes = 0;         ///< follow the name
  std::uint32_t dtype = 0;              ///< array: a Dtype
  std::uint32_t rank = 0;               ///< array
  std::array<std::int64_t, 8> shape{};  ///< array

  // read: what the helper may use
  std::uint64_t most_bytes = 0;  ///< of names and data in the answer
  std::uint64_t cpu_seconds = 0;
};
static_assert(std::is_trivially_copyable_v<Frame> && sizeof(Frame) == 112);

}  // namespace joist
