#include <joist/core/parallel/watch_state.h>

namespace joist::parallel {

// The time-out counts from the end of a long section, which may be younger than the last heartbeat says.
bool Watch::Impl::excused(const RankReport& report, double age) const {
  if (!report.long_section.empty()) return true;
  return report.section_ended_ago >= 0 && report.section_ended_ago + age < timeout();
}

bool Watch::Impl::in_long_section() {
  if (excused(options.recorder->report(0, 0), 0)) return true;
  return std::ranges::any_of(peers, [&](const WatchPeer& peer) {
    const double age = seconds_since(peer.heard);
    return peer.report && !peer.gone && age < beat() + grace() && excused(*peer.report, age);
  });
}

// What was waited for came while a rank complained, or the last rank did: then the data is on its way.
bool Watch::Impl::late_no_more() {
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

void Watch::Impl::extend() {
  diagnosing.reset();
  options.recorder->extend();
  send_all(WatchPacket::extend, {});
}

void Watch::Impl::begin_diagnosis(Trouble found) {
  if (stop) return;
  if (found.kind == Trouble::Kind::late && !diagnosing && in_long_section()) return extend();
  if (diagnosing) {  // a cause explains the sign that was noticed first
    const auto sign = [](Trouble::Kind kind) { return kind == Trouble::Kind::late || kind == Trouble::Kind::lost; };
    if (sign(trouble.kind) && !sign(found.kind)) trouble = std::move(found);
    return;
  }
  diagnosing = Clock::now();
  trouble = std::move(found);
  for (WatchPeer& peer : peers) peer.answered = false;
  send_all(WatchPacket::ask, {});
}

void Watch::Impl::judge() {
  if (stop) return;
  for (std::size_t i = 1; i < peers.size(); ++i)
    if (peers[i].left && peers[i].report && needed_after(peers[i].report->last_called))
      begin_diagnosis({.kind = Trouble::Kind::left, .rank = static_cast<int>(i)});
  if (!diagnosing) return;
  const bool all = std::ranges::all_of(
      peers, [&](const WatchPeer& peer) { return &peer == &peers[0] || peer.gone || peer.left || peer.answered; });
  // A connection that broke is often the first sign of a death.
  const double least = trouble.kind == Trouble::Kind::lost ? 0.2 : 0;
  const double waited = seconds_since(*diagnosing);
  if (!(all && waited >= least) && waited <= grace()) return;
  if (trouble.kind == Trouble::Kind::late && late_no_more()) return extend();
  conclude(trouble);
}

// Whether a rank that is still there waits in a collective that comes after `sequence`.
bool Watch::Impl::needed_after(std::uint64_t sequence) const {
  const auto needs = [&](const RankReport& report) {
    return std::ranges::any_of(
        report.calls, [&](const RecordedCall& call) { return call.ended_ago < 0 && call.sequence > sequence; });
  };
  if (needs(options.recorder->report(options.rank))) return true;
  return std::ranges::any_of(peers,
                             [&](const WatchPeer& peer) { return peer.report && !peer.left && needs(*peer.report); });
}

void Watch::Impl::conclude(const Trouble& found) {
  std::vector<RankState> ranks(static_cast<std::size_t>(options.size));
  for (int r = 0; r < options.size; ++r) {
    RankState& state = ranks[static_cast<std::size_t>(r)];
    state.rank = r;
    state.answers = true;
    if (r == options.rank) {
      state.report = options.recorder->report(r);
    } else if (hub() || r == 0) {
      const WatchPeer& peer = peers[hub() ? static_cast<std::size_t>(r) : 0];
      state.report = peer.report;
      state.silent_for = seconds_since(peer.heard);
      state.gone = peer.gone;
      state.answers = hub() ? peer.answered || peer.gone || peer.left : found.kind != Trouble::Kind::late;
    }
  }
  const std::string text = diagnose(found, ranks, timeout());
  if (hub()) send_all(WatchPacket::failed, std::as_bytes(std::span(text)));
  fail(text);
}

void Watch::Impl::fail(const std::string& text) {
  if (stop.exchange(true)) return;
  options.failed(text);
}

void Watch::Impl::compare_call(int rank, std::span<const std::byte> bytes) {
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

}  // namespace joist::parallel
