// Messages between all pairs of ranks through connected stream sockets: one thread that sends and receives whatever the
// sockets take and have. Messages are told apart by a key; one that comes before its receive is kept.
#pragma once

#include <joist/core/formats/system_error.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace joist::parallel {

struct MessageKey {
  std::uint64_t number = 0;  ///< of the collective, or of the message between two ranks
  std::uint32_t step = 0;    ///< within the collective
  bool direct = false;       ///< send and receive
  auto operator<=>(const MessageKey&) const = default;
};

/// What happens to a message, for tests of faults.
struct MessageFate {
  bool drop = false;
  bool swap_with_next = false;
  std::chrono::milliseconds delay{0};
};

struct MeshOptions {
  int rank = 0;
  std::vector<Descriptor> sockets{};  ///< one per rank, its own place empty
  /// Decides about message `count` (from 0) to a rank; none in real jobs.
  std::function<MessageFate(int to, std::uint64_t count)> fate{};
  /// Called from the mesh's thread when messages from `peer` are missing or do not fit what is received.
  std::function<void(int peer, std::uint64_t sequence, bool mismatch, const std::string& what)> trouble{};
};

class Mesh {
 public:
  using Done = std::function<void(std::exception_ptr)>;  ///< called once, from the mesh's thread or from fail()

  explicit Mesh(MeshOptions options);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  ~Mesh();

  /// The bytes must stay as they are until `done`. `signature` must equal the receiver's.
  void send(int to, MessageKey key, std::span<const std::byte> bytes, std::uint64_t signature, Done done);
  void receive(int from, MessageKey key, std::span<std::byte> bytes, std::uint64_t signature, Done done);
  /// Ends everything that is on its way, and what is asked for later, with this error. When a `done` has been called,
  /// the mesh no longer touches its bytes.
  void fail(std::exception_ptr error);
  /// Closes the sockets without a word. For tests.
  void sever();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joist::parallel
