// The inside of Mesh: mesh.cpp has the thread and what goes out, mesh_receive.cpp what comes in.
#pragma once

#include <joist/core/parallel/collective.h>
#include <joist/core/parallel/mesh.h>
#include <joist/core/parallel/wake.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace joist::parallel {

struct MeshHead {
  static constexpr std::uint32_t expected_magic = 0x324D4A4A;  // counts up when anything here changes

  std::uint32_t magic = expected_magic;
  std::uint32_t step = 0;
  std::uint64_t number = 0;
  std::uint64_t direct = 0;
  std::uint64_t count = 0;  // messages of this rank to the other, without gaps
  std::uint64_t bytes = 0;
  std::uint64_t signature = 0;
};
static_assert(std::is_trivially_copyable_v<MeshHead> && sizeof(MeshHead) == 48);

struct MeshOutgoing {
  MeshHead head{};
  std::span<const std::byte> bytes{};
  Mesh::Done done{};
  Clock::time_point not_before{};
  bool held = false;  // until the next one has passed it
};

struct MeshPosted {
  std::span<std::byte> bytes{};
  std::uint64_t signature = 0;
  Mesh::Done done{};
};

struct MeshEarly {  // a message that came before its receive
  std::vector<std::byte> bytes{};
  std::uint64_t signature = 0;
};

struct MeshPeer {
  Descriptor socket{};
  bool closed = false;
  std::atomic<bool> troubled{false};
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::deque<MeshOutgoing> out{};
  std::size_t written = 0;  // of the front of `out`, head and all
  std::map<MessageKey, MeshPosted> posted{};
  std::map<MessageKey, MeshEarly> early{};
  // The message that is being read.
  MeshHead head{};
  std::size_t head_read = 0;
  std::size_t body_read = 0;
  std::optional<MeshPosted> target{};
  MeshEarly keep{};
};

struct Mesh::Impl {
  explicit Impl(MeshOptions given) : options(std::move(given)), peers(options.sockets.size()) {
    for (std::size_t i = 0; i < peers.size(); ++i) peers[i].socket = std::move(options.sockets[i]);
    thread = std::thread([this] { run(); });
  }

  // mesh.cpp
  void run();
  static std::int64_t delay_of(const MeshPeer& peer);
  void write(std::size_t index);
  void end_all();
  static void enqueue(MeshPeer& peer, MeshOutgoing message, const MessageFate& fate);

  // mesh_receive.cpp
  void read(std::size_t index);
  static MessageKey key_of(const MeshHead& head);
  static std::uint64_t sequence_of(const MessageKey& key);
  bool begin_message(std::size_t index);
  static bool fits(const MeshPosted& posted, std::uint64_t signature, std::uint64_t bytes);
  bool mismatch(std::size_t index, const MessageKey& key);
  bool tell(std::size_t index, std::uint64_t sequence, bool is_mismatch, const std::string& what);
  void end_message(MeshPeer& peer);
  void close(std::size_t index);
  void broken(std::size_t index);

  MeshOptions options;
  Wake wake{};
  std::atomic<bool> stop{false};
  std::mutex mutex{};  // of `out`, `posted`, `early`, `closed`, `error`, `finished`
  bool finished = false;
  std::exception_ptr error{};
  std::vector<MeshPeer> peers;
  std::thread thread{};
};

}  // namespace joist::parallel
