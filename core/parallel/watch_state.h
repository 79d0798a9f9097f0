// The inside of Watch: watch.cpp has the thread and its packets, watch_judge.cpp what rank 0 concludes from them.
#pragma once

#include <joist/core/parallel/packet_link.h>
#include <joist/core/parallel/wake.h>
#include <joist/core/parallel/watch.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace joist::parallel {

enum class WatchPacket : std::uint8_t { heartbeat, ask, trouble, extend, failed, goodbye, call };

inline double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// What is known of a rank at the other end of a link.
struct WatchPeer {
  PacketLink link{};
  bool gone = false;  // the connection is closed
  bool left = false;  // after a goodbye
  bool answered = false;
  Clock::time_point heard = Clock::now();
  std::optional<RankReport> report{};
};

struct Watch::Impl {
  explicit Impl(WatchOptions given) : options(std::move(given)) {
    peers.resize(static_cast<std::size_t>(hub() ? options.size : 1));
    for (std::size_t i = 0; i < peers.size() && i < options.links.size(); ++i)
      peers[i].link = PacketLink(std::move(options.links[i]));
    options.links.clear();
    send_heartbeats();  // so that a rank that stops at once is known by its process number
    thread = std::thread([this] { run(); });
  }

  bool hub() const noexcept { return options.rank == 0; }
  double timeout() const { return std::chrono::duration<double>(options.timeout()).count(); }
  double beat() const { return std::clamp(timeout() / 4, 0.02, 1.0); }
  // How long a living rank may take to answer; also how long a heart may be silent in a long section.
  double grace() const { return std::clamp(timeout() / 2, 0.3, 3.0); }

  // watch.cpp
  void run();
  double next_event() const;
  void take_requests();
  void raise(const Trouble& found);
  void send(std::size_t peer, WatchPacket type, std::span<const std::byte> payload);
  void send_all(WatchPacket type, std::span<const std::byte> payload);
  void send_heartbeats();
  void listen(std::size_t index);
  void handle(std::size_t index, WatchPacket type, std::span<const std::byte> payload);
  void check_timeout();
  void say_goodbye();

  // watch_judge.cpp
  bool excused(const RankReport& report, double age) const;
  bool in_long_section();
  bool late_no_more();
  void extend();
  void begin_diagnosis(Trouble found);
  void judge();
  bool needed_after(std::uint64_t sequence) const;
  void conclude(const Trouble& found);
  void fail(const std::string& text);
  void compare_call(int rank, std::span<const std::byte> bytes);

  WatchOptions options;
  Wake wake{};
  std::atomic<bool> stop{false};     // concluded, or told to leave
  std::atomic<bool> leaving{false};  // told to leave before anything was wrong
  std::atomic<bool> severed{false};
  std::mutex mutex{};
  std::deque<Trouble> reported{};
  std::deque<std::vector<std::byte>> compared{};
  // The thread's own.
  std::vector<WatchPeer> peers{};
  Clock::time_point last_beat{};
  std::optional<Clock::time_point> complained{};  // about a time-out, to rank 0
  std::optional<Clock::time_point> asked{};       // rank 0 is making a diagnosis
  std::optional<Clock::time_point> diagnosing{};
  Trouble trouble{};
  std::map<std::uint64_t, std::pair<RecordedCall, int>> calls{};
  std::thread thread{};
};

}  // namespace joist::parallel
