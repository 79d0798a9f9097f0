#include <joist/core/parallel/packet_link.h>
#include <joist/core/parallel/wake.h>
#include <joist/core/parallel/watch.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>

#include <poll.h>

namespace joist::parallel {
namespace {

enum class Packet : std::uint8_t { heartbeat, ask, trouble, extend, failed, goodbye, call };

double seconds_since(Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); }

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// What is known of a rank at the other end of a link.
struct Peer {
  PacketLink link{};
  bool gone = false;  // the connection is closed
  bool left = false;  // after a goodbye
  bool answered = false;
  Clock::time_point heard = Clock::now();
  std::optional<RankReport> report{};
};

}  // namespace

struct Watch::Impl {
  explicit Impl(WatchOptions given) : options(std::move(given)) {
    peers.resize(static_cast<std::size_t>(hub() ? options.size : 1));
    for (std::size_t i = 0; i < peers.size() && i < options.links.size(); ++i)
      peers[i].link = PacketLink(std::move(options.links[i]));
    options.links.clear();
    thread = std::thread([this] { run(); });
  }

  bool hub() const noexcept { return options.rank == 0; }
  double timeout() const { return std::chrono::duration<double>(options.timeout()).count(); }
  double beat() const { return std::clamp(timeout() / 4, 0.02, 1.0); }
  // How long a living rank may take to answer; also how long a heart may be silent in a long section.
  double grace() const { return std::clamp(timeout() / 2, 0.3, 3.0); }

  // --- the thread ---

  void run() {
    while (!stop) {
      std::vector<pollfd> polled{{wake.number(), POLLIN, 0}};
      std::vector<std::size_t> whose;
      for (std::size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].link.open() || peers[i].gone) continue;
        polled.push_back(
            {peers[i].link.number(), static_cast<short>(POLLIN | (peers[i].link.has_output() ? POLLOUT : 0)), 0});
        whose.push_back(i);
      }
      ::poll(polled.data(), polled.size(), static_cast<int>(1e3 * next_event()) + 1);
      if (polled[0].revents != 0) wake.clear();
      for (std::size_t i = 0; i < whose.size(); ++i) {
        const short events = polled[i + 1].revents;
        if ((events & POLLOUT) != 0) peers[whose[i]].link.flush();
        if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) listen(whose[i]);
      }
      if (severed) break;
      take_requests();
      if (seconds_since(last_beat) >= beat()) send_heartbeats();
      if (hub()) {
        judge();
      } else if (!stop && peers[0].left && peers[0].report && needed_after(peers[0].report->last_called)) {
        conclude({.kind = Trouble::Kind::left, .rank = 0});
      }
      check_timeout();
    }
    if (!severed) say_goodbye();
    for (Peer& peer : peers) peer.link.close();
  }

  double next_event() const {
    double wait = std::max(beat() - seconds_since(last_beat), 0.0);
    if (const auto waited = options.recorder->oldest_wait())
      wait = std::min(wait, std::max(timeout() - *waited, 0.005));
    if (diagnosing) wait = std::min(wait, 0.02);
    return wait;
  }

  void take_requests() {
    std::deque<Trouble> troubles;
    std::deque<std::vector<std::byte>> new_calls;
    {
      const std::lock_guard lock(mutex);
      troubles.swap(reported);
      new_calls.swap(compared);
    }
    for (const auto& call : new_calls) {
      if (hub()) {
        compare_call(0, call);
      } else {
        send(0, Packet::call, call);
      }
    }
    for (const Trouble& found : troubles) raise(found);
  }

  void raise(const Trouble& found) {
    if (hub()) return begin_diagnosis(found);
    WireWriter writer;
    found.write(writer);
    send(0, Packet::trouble, writer.bytes());
    if (peers[0].left) return;  // whether rank 0 is still needed shows in run()
    if (found.kind == Trouble::Kind::aborted || peers[0].gone) return conclude(found);
    if (!complained) complained = Clock::now();
  }

  void send(std::size_t peer, Packet type, std::span<const std::byte> payload) {
    if (!peers[peer].gone) peers[peer].link.send(static_cast<std::uint8_t>(type), payload);
  }
  void send_all(Packet type, std::span<const std::byte> payload) {
    for (std::size_t i = 0; i < peers.size(); ++i) send(i, type, payload);
  }

  void send_heartbeats() {
    last_beat = Clock::now();
    WireWriter writer;
    options.recorder->report(options.rank).write(writer);
    send_all(Packet::heartbeat, writer.bytes());
  }

  void listen(std::size_t index) {
    Peer& peer = peers[index];
    bool alive = false;
    try {
      alive = peer.link.receive([&](std::uint8_t type, std::span<const std::byte> payload) {
        peer.heard = Clock::now();
        handle(index, static_cast<Packet>(type), payload);
      });
    } catch (const std::exception&) {
    }  // nonsense: as good as gone
    if (alive || peer.gone) return;
    peer.gone = true;
    peer.link.close();
    if (peer.left || stop) return;
    const Trouble died{.kind = Trouble::Kind::died, .rank = static_cast<int>(index)};
    if (hub()) {
      begin_diagnosis(died);
    } else {
      conclude(died);
    }
  }

  void handle(std::size_t index, Packet type, std::span<const std::byte> payload) {
    WireReader reader(payload);
    switch (type) {
      case Packet::heartbeat:
        peers[index].report = RankReport::read(reader);
        peers[index].answered = true;
        return;
      case Packet::ask:
        complained.reset();
        asked = Clock::now();
        return send_heartbeats();
      case Packet::trouble: {
        const Trouble found = Trouble::read(reader);
        if (found.rank < 0 || found.rank >= options.size) return;
        return begin_diagnosis(found);
      }
      case Packet::extend:
        complained.reset();
        asked.reset();
        return options.recorder->extend();
      case Packet::failed: return fail({reinterpret_cast<const char*>(payload.data()), payload.size()});
      case Packet::goodbye: peers[index].left = true; return;
      case Packet::call: return compare_call(static_cast<int>(index), payload);
    }
  }

  void check_timeout() {
    if (stop || diagnosing) return;
    const auto waited = options.recorder->oldest_wait();
    if (!waited || *waited < timeout()) {
      complained.reset();
      return;
    }
    Trouble late{.kind = Trouble::Kind::late, .rank = options.rank};
    if (hub() || !complained) {
      if (!asked || seconds_since(*asked) > 2 * grace()) raise(late);
    } else if (seconds_since(*complained) > 2 * grace() + 0.5) {
      late.rank = 0;
      conclude(late);
    }
  }

  // --- rank 0 judges ---

  // The time-out counts from the end of a long section, which may be younger than the last heartbeat says.
  bool excused(const RankReport& report, double age) const {
    if (!report.long_section.empty()) return true;
    return report.section_ended_ago >= 0 && report.section_ended_ago + age < timeout();
  }
  bool in_long_section() {
    if (excused(options.recorder->report(0, 0), 0)) return true;
    return std::ranges::any_of(peers, [&](const Peer& peer) {
      const double age = seconds_since(peer.heard);
      return peer.report && !peer.gone && age < beat() + grace() && excused(*peer.report, age);
    });
  }

  // What was waited for came while a rank complained, or the last rank did: then the data is on its way.
  bool late_no_more() {
    std::vector<RankReport> reports{options.recorder->report(0)};
    std::uint64_t oldest = 0;
    for (std::size_t i = 1; i < peers.size(); ++i) {
      if (!peers[i].answered || !peers[i].report) return false;
      reports.push_back(*peers[i].report);
    }
    for (const RankReport& report : reports)
      if (const RecordedCall* open = report.oldest_open())
        if (open->sequence > 0 && (oldest == 0 || open->sequence < oldest)) oldest = open->sequence;
    const bool waits = std::ranges::any_of(reports, [&](const RankReport& report) {
      const RecordedCall* open = report.oldest_open();
      return open && open->called_ago >= timeout();
    });
    if (!waits) return true;
    double youngest = timeout();
    for (const RankReport& report : reports) {
      if (report.last_called < oldest) return false;
      if (const RecordedCall* call = report.find(oldest)) youngest = std::min(youngest, call->called_ago);
    }
    return oldest > 0 && youngest < timeout();
  }

  void extend() {
    diagnosing.reset();
    options.recorder->extend();
    send_all(Packet::extend, {});
  }

  void begin_diagnosis(Trouble found) {
    if (stop) return;
    if (found.kind == Trouble::Kind::late && !diagnosing && in_long_section()) return extend();
    if (diagnosing) {  // a cause explains the sign that was noticed first
      const auto sign = [](Trouble::Kind kind) { return kind == Trouble::Kind::late || kind == Trouble::Kind::lost; };
      if (sign(trouble.kind) && !sign(found.kind)) trouble = std::move(found);
      return;
    }
    diagnosing = Clock::now();
    trouble = std::move(found);
    for (Peer& peer : peers) peer.answered = false;
    send_all(Packet::ask, {});
  }

  void judge() {
    if (stop) return;
    for (std::size_t i = 1; i < peers.size(); ++i)
      if (peers[i].left && peers[i].report && needed_after(peers[i].report->last_called))
        begin_diagnosis({.kind = Trouble::Kind::left, .rank = static_cast<int>(i)});
    if (!diagnosing) return;
    const bool all = std::ranges::all_of(
        peers, [&](const Peer& peer) { return &peer == &peers[0] || peer.gone || peer.left || peer.answered; });
    // A connection that broke is often the first sign of a death.
    const double least = trouble.kind == Trouble::Kind::lost ? 0.2 : 0;
    const double waited = seconds_since(*diagnosing);
    if (!(all && waited >= least) && waited <= grace()) return;
    if (trouble.kind == Trouble::Kind::late && late_no_more()) return extend();
    conclude(trouble);
  }

  // Whether a rank that is still there waits in a collective that comes after `sequence`.
  bool needed_after(std::uint64_t sequence) const {
    const auto needs = [&](const RankReport& report) {
      return std::ranges::any_of(
          report.calls, [&](const RecordedCall& call) { return call.ended_ago < 0 && call.sequence > sequence; });
    };
    if (needs(options.recorder->report(options.rank))) return true;
    return std::ranges::any_of(peers,
                               [&](const Peer& peer) { return peer.report && !peer.left && needs(*peer.report); });
  }

  void conclude(const Trouble& found) {
    std::vector<RankState> ranks(static_cast<std::size_t>(options.size));
    for (int r = 0; r < options.size; ++r) {
      RankState& state = ranks[static_cast<std::size_t>(r)];
      state.rank = r;
      state.answers = true;
      if (r == options.rank) {
        state.report = options.recorder->report(r);
      } else if (hub() || r == 0) {
        const Peer& peer = peers[hub() ? static_cast<std::size_t>(r) : 0];
        state.report = peer.report;
        state.silent_for = seconds_since(peer.heard);
        state.gone = peer.gone;
        state.answers = hub() ? peer.answered || peer.gone || peer.left : found.kind != Trouble::Kind::late;
      }
    }
    const std::string text = diagnose(found, ranks, timeout());
    if (hub()) send_all(Packet::failed, as_bytes(text));
    fail(text);
  }

  void fail(const std::string& text) {
    if (stop.exchange(true)) return;
    options.failed(text);
  }

  void compare_call(int rank, std::span<const std::byte> bytes) {
    WireReader reader(bytes);
    const RankReport report = RankReport::read(reader);
    if (report.calls.empty()) return;
    const RecordedCall& call = report.calls.front();
    auto& [first, count] = calls.try_emplace(call.sequence, call, 0).first->second;
    if (!call.matches(first) || call.name != first.name)
      return begin_diagnosis(
          {.kind = Trouble::Kind::mismatch,
           .rank = rank,
           .sequence = call.sequence,
           .detail = "rank " + std::to_string(rank) + " " + call.full_text() + ", another rank " + first.full_text()});
    if (++count == options.size) calls.erase(call.sequence);
  }

  void say_goodbye() {
    if (leaving) {
      send_heartbeats();
      send_all(Packet::goodbye, {});
    }
    const auto begun = Clock::now();
    while (seconds_since(begun) < 1) {
      std::vector<pollfd> polled;
      for (Peer& peer : peers)
        if (!peer.gone && peer.link.open() && peer.link.flush() && peer.link.has_output())
          polled.push_back({peer.link.number(), POLLOUT, 0});
      if (polled.empty()) return;
      ::poll(polled.data(), polled.size(), 50);
    }
  }

  WatchOptions options;
  Wake wake{};
  std::atomic<bool> stop{false};     // concluded, or told to leave
  std::atomic<bool> leaving{false};  // told to leave before anything was wrong
  std::atomic<bool> severed{false};
  std::mutex mutex{};
  std::deque<Trouble> reported{};
  std::deque<std::vector<std::byte>> compared{};
  // The thread's own.
  std::vector<Peer> peers{};
  Clock::time_point last_beat{};
  std::optional<Clock::time_point> complained{};  // about a time-out, to rank 0
  std::optional<Clock::time_point> asked{};       // rank 0 is making a diagnosis
  std::optional<Clock::time_point> diagnosing{};
  Trouble trouble{};
  std::map<std::uint64_t, std::pair<RecordedCall, int>> calls{};
  std::thread thread{};
};

Watch::Watch(WatchOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Watch::~Watch() {
  if (!impl_->stop) impl_->leaving = true;
  impl_->stop = true;
  impl_->wake.ring();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void Watch::report(const Trouble& trouble) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->reported.push_back(trouble);
  }
  impl_->wake.ring();
}

void Watch::compare(const Collective& collective) {
  RankReport report;
  report.calls.push_back({.sequence = collective.sequence,
                          .kind = collective.kind,
                          .reduce = collective.reduce,
                          .peer = collective.peer,
                          .dtype = collective.data.dtype(),
                          .name = collective.name,
                          .shape = collective.data.shape().text()});
  WireWriter writer;
  report.write(writer);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->compared.push_back(writer.bytes());
  }
  impl_->wake.ring();
}

void Watch::sever() {
  impl_->severed = true;
  impl_->stop = true;
  impl_->wake.ring();
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace joist::parallel
