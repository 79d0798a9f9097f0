#include <joist/core/parallel/recorder.h>
#include <joist/core/text.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include <unistd.h>

namespace joist::parallel {
namespace {

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

}  // namespace

std::string RecordedCall::text() const {
  std::string result = sequence > 0 ? "#" + std::to_string(sequence) + " " : "";
  result += std::string(name_of(kind)) + "(" + name + ")";
  if (kind == Collective::Kind::send) result += " to rank " + std::to_string(peer);
  if (kind == Collective::Kind::receive) result += " from rank " + std::to_string(peer);
  return result;
}

std::string RecordedCall::full_text() const {
  if (kind == Collective::Kind::barrier) return text();
  std::string result = text() + " of " + std::string(name_of(dtype)) + " " + shape;
  if (kind == Collective::Kind::all_reduce || kind == Collective::Kind::reduce_scatter)
    result += std::string(", ") + name_of(reduce);
  if (kind == Collective::Kind::broadcast) result += ", from rank " + std::to_string(peer);
  return result;
}

bool RecordedCall::matches(const RecordedCall& other) const {
  return kind == other.kind && reduce == other.reduce && peer == other.peer && dtype == other.dtype &&
         shape == other.shape;
}

const RecordedCall* RankReport::oldest_open() const {
  const auto found = std::ranges::find_if(calls, [](const RecordedCall& call) { return call.ended_ago < 0; });
  return found == calls.end() ? nullptr : &*found;
}

const RecordedCall* RankReport::find(std::uint64_t sequence) const {
  const auto found = std::ranges::find(calls, sequence, &RecordedCall::sequence);
  return found == calls.end() ? nullptr : &*found;
}

void RankReport::write(WireWriter& to) const {
  to.number(rank).text(host).number(process).text(doing).number(doing_for).text(long_section).number(section_ended_ago);
  to.number(last_called).number(last_ended).number(static_cast<std::uint32_t>(calls.size()));
  for (const RecordedCall& call : calls) {
    to.number(call.sequence).number(call.kind).number(call.reduce).number(call.peer).number(call.dtype);
    to.text(call.name).text(call.shape).number(call.called_ago).number(call.started_ago).number(call.ended_ago);
  }
}

RankReport RankReport::read(WireReader& from) {
  RankReport report;
  report.rank = from.number<int>();
  report.host = printable(from.text());
  report.process = from.number<std::int64_t>();
  report.doing = printable(from.text());
  report.doing_for = from.number<double>();
  report.long_section = printable(from.text());
  report.section_ended_ago = from.number<double>();
  report.last_called = from.number<std::uint64_t>();
  report.last_ended = from.number<std::uint64_t>();
  for (auto count = from.number<std::uint32_t>(); count > 0; --count) {
    RecordedCall& call = report.calls.emplace_back();
    call.sequence = from.number<std::uint64_t>();
    call.kind = from.number<Collective::Kind>();
    call.reduce = from.number<Reduce>();
    call.peer = from.number<int>();
    call.dtype = from.number<Dtype>();
    call.name = printable(from.text());
    call.shape = printable(from.text());
    call.called_ago = from.number<double>();
    call.started_ago = from.number<double>();
    call.ended_ago = from.number<double>();
  }
  return report;
}

void FlightRecorder::called(Collective& collective) {
  const std::lock_guard lock(mutex_);
  Entry entry;
  entry.call = {.sequence = collective.sequence,
                .kind = collective.kind,
                .reduce = collective.reduce,
                .peer = collective.peer,
                .dtype = collective.data.dtype(),
                .name = collective.name,
                .shape = collective.data.shape().text()};
  entry.ticket = collective.ticket = ++tickets_;
  entry.called = collective.called;
  last_called_ = std::max(last_called_, collective.sequence);
  entries_.push_back(std::move(entry));
  // Open ones stay: they are what a message will be about.
  while (entries_.size() > capacity && !entries_.front().open()) entries_.pop_front();
}

FlightRecorder::Entry* FlightRecorder::entry(std::uint64_t ticket) {
  if (entries_.empty() || ticket < entries_.front().ticket || ticket > entries_.back().ticket) return nullptr;
  return &entries_[static_cast<std::size_t>(ticket - entries_.front().ticket)];
}

void FlightRecorder::started(const Collective& collective) {
  const std::lock_guard lock(mutex_);
  if (Entry* found = entry(collective.ticket)) found->started = Clock::now();
}

void FlightRecorder::ended(const Collective& collective) {
  const std::lock_guard lock(mutex_);
  if (Entry* found = entry(collective.ticket)) found->ended = Clock::now();
  last_ended_ = std::max(last_ended_, collective.sequence);
}

void FlightRecorder::doing(const std::string& what) {
  const std::lock_guard lock(mutex_);
  doing_ = what;
  doing_since_ = Clock::now();
}

void FlightRecorder::begin_long_section(const std::string& what) {
  const std::lock_guard lock(mutex_);
  long_sections_.push_back(what.empty() ? "a long section" : what);
}

void FlightRecorder::end_long_section() {
  const std::lock_guard lock(mutex_);
  if (!long_sections_.empty()) long_sections_.pop_back();
  section_ended_ = Clock::now();
}

std::optional<double> FlightRecorder::oldest_wait() const {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : entries_)
    if (entry.open()) return seconds(Clock::now() - std::max(entry.called, extended_));
  return std::nullopt;
}

void FlightRecorder::extend() {
  const std::lock_guard lock(mutex_);
  extended_ = Clock::now();
}

RecordedCall FlightRecorder::with_times(const Entry& entry, Clock::time_point now) {
  RecordedCall call = entry.call;
  call.called_ago = seconds(now - entry.called);
  if (entry.started != Clock::time_point{}) call.started_ago = seconds(now - entry.started);
  if (!entry.open()) call.ended_ago = seconds(now - entry.ended);
  return call;
}

RankReport FlightRecorder::report(int rank, std::size_t most) const {
  static const std::string host = host_name();
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  RankReport report{.rank = rank, .host = host, .process = ::getpid(), .doing = doing_};
  report.doing_for = seconds(now - doing_since_);
  if (!long_sections_.empty()) report.long_section = long_sections_.back();
  if (section_ended_ != Clock::time_point{}) report.section_ended_ago = seconds(now - section_ended_);
  report.last_called = last_called_;
  report.last_ended = last_ended_;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].open() || i + most >= entries_.size()) report.calls.push_back(with_times(entries_[i], now));
  return report;
}

std::string FlightRecorder::table() const {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  std::string result;
  for (const Entry& entry : entries_) {
    const RecordedCall call = with_times(entry, now);
    std::array<char, 96> times{};
    std::snprintf(times.data(), times.size(), "%10.3f s ago  %9.3f ms  ", call.called_ago,
                  entry.open() ? -1.0 : 1e3 * seconds(entry.ended - entry.called));
    result += times.data() + call.full_text() + (entry.open() ? "  OPEN" : "") + "\n";
  }
  return result;
}

}  // namespace joist::parallel
