#include <joist/core/parallel/watch_state.h>

#include <poll.h>

namespace joist::parallel {

void Watch::Impl::run() {
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
  for (WatchPeer& peer : peers) peer.link.close();
}

double Watch::Impl::next_event() const {
  double wait = std::max(beat() - seconds_since(last_beat), 0.0);
  if (const auto waited = options.recorder->oldest_wait()) wait = std::min(wait, std::max(timeout() - *waited, 0.005));
  if (diagnosing) wait = std::min(wait, 0.02);
  return wait;
}

void Watch::Impl::take_requests() {
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
      send(0, WatchPacket::call, call);
    }
  }
  for (const Trouble& found : troubles) raise(found);
}

void Watch::Impl::raise(const Trouble& found) {
  if (hub()) return begin_diagnosis(found);
  WireWriter writer;
  found.write(writer);
  send(0, WatchPacket::trouble, writer.bytes());
  if (peers[0].left) return;  // whether rank 0 is still needed shows in run()
  if (found.kind == Trouble::Kind::aborted || peers[0].gone) return conclude(found);
  if (!complained) complained = Clock::now();
}

void Watch::Impl::send(std::size_t peer, WatchPacket type, std::span<const std::byte> payload) {
  if (!peers[peer].gone) peers[peer].link.send(static_cast<std::uint8_t>(type), payload);
}

void Watch::Impl::send_all(WatchPacket type, std::span<const std::byte> payload) {
  for (std::size_t i = 0; i < peers.size(); ++i) send(i, type, payload);
}

void Watch::Impl::send_heartbeats() {
  last_beat = Clock::now();
  WireWriter writer;
  options.recorder->report(options.rank).write(writer);
  send_all(WatchPacket::heartbeat, writer.bytes());
}

void Watch::Impl::listen(std::size_t index) {
  WatchPeer& peer = peers[index];
  bool alive = false;
  try {
    alive = peer.link.receive([&](std::uint8_t type, std::span<const std::byte> payload) {
      peer.heard = Clock::now();
      handle(index, static_cast<WatchPacket>(type), payload);
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

void Watch::Impl::handle(std::size_t index, WatchPacket type, std::span<const std::byte> payload) {
  WireReader reader(payload);
  switch (type) {
    case WatchPacket::heartbeat:
      peers[index].report = RankReport::read(reader);
      peers[index].answered = true;
      return;
    case WatchPacket::ask:
      complained.reset();
      asked = Clock::now();
      return send_heartbeats();
    case WatchPacket::trouble: {
      const Trouble found = Trouble::read(reader);
      if (found.rank < 0 || found.rank >= options.size) return;
      return begin_diagnosis(found);
    }
    case WatchPacket::extend:
      complained.reset();
      asked.reset();
      return options.recorder->extend();
    case WatchPacket::failed: return fail({reinterpret_cast<const char*>(payload.data()), payload.size()});
    case WatchPacket::goodbye: peers[index].left = true; return;
    case WatchPacket::call: return compare_call(static_cast<int>(index), payload);
  }
}

void Watch::Impl::check_timeout() {
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

void Watch::Impl::say_goodbye() {
  if (leaving) {
    send_heartbeats();
    send_all(WatchPacket::goodbye, {});
  }
  const auto begun = Clock::now();
  while (seconds_since(begun) < 1) {
    std::vector<pollfd> polled;
    for (WatchPeer& peer : peers)
      if (!peer.gone && peer.link.open() && peer.link.flush() && peer.link.has_output())
        polled.push_back({peer.link.number(), POLLOUT, 0});
    if (polled.empty()) return;
    ::poll(polled.data(), polled.size(), 50);
  }
}

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
