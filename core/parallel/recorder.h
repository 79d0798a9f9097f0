// The flight recorder of a rank: its last collectives and what it does between them, for the message that explains why
// a job ended. Thread-safe; a call costs less than a microsecond.
#pragma once

#include <joist/core/parallel/collective.h>
#include <joist/core/parallel/wire.h>

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace joist::parallel {

/// A collective as the recorder keeps it. Times are seconds before the report was made; negative: not yet.
struct RecordedCall {
  std::uint64_t sequence = 0;  ///< 0: send or receive
  Collective::Kind kind = Collective::Kind::barrier;
  Reduce reduce = Reduce::sum;
  int peer = 0;
  Dtype dtype = Dtype::float32;
  std::string name{};
  std::string shape{};
  double called_ago = 0;
  double started_ago = -1;
  double ended_ago = -1;

  /// "#1580 all_reduce(bucket 3: layer4)", "send(halo) to rank 2".
  std::string text() const;
  /// text() with element type and shape.
  std::string full_text() const;
  /// Whether the two can be one collective: the same function, reduction, root, type and shape.
  bool matches(const RecordedCall& other) const;
};

/// What one rank tells of itself.
struct RankReport {
  int rank = 0;
  std::string host{};
  std::int64_t process = 0;
  std::string doing{};  ///< between collectives; "" when it never said
  double doing_for = 0;
  std::string long_section{};     ///< "" outside of one
  double section_ended_ago = -1;  ///< seconds; negative: there was none
  std::uint64_t last_called = 0;
  std::uint64_t last_ended = 0;
  std::vector<RecordedCall> calls{};  ///< oldest first: the last few and every one that has not ended

  /// The oldest call that has not ended.
  const RecordedCall* oldest_open() const;
  const RecordedCall* find(std::uint64_t sequence) const;

  void write(WireWriter& to) const;
  static RankReport read(WireReader& from);
};

class FlightRecorder {
 public:
  static constexpr std::size_t capacity = 1000;

  /// Gives the collective its ticket.
  void called(Collective& collective);
  void started(const Collective& collective);
  void ended(const Collective& collective);
  void doing(const std::string& what);
  void begin_long_section(const std::string& what);
  void end_long_section();

  /// How long the oldest open collective has been waited for: since its call, or since extend(). Nothing when none is
  /// open.
  std::optional<double> oldest_wait() const;
  /// Counts the waiting of all open collectives from now on.
  void extend();
  /// `most` recent calls at most, and the open ones.
  RankReport report(int rank, std::size_t most = 16) const;
  /// The whole ring as a table, newest last.
  std::string table() const;

 private:
  struct Entry {
    RecordedCall call{};
    std::uint64_t ticket = 0;
    Clock::time_point called{};
    Clock::time_point started{};
    Clock::time_point ended{};
    bool open() const noexcept { return ended == Clock::time_point{}; }
  };
  Entry* entry(std::uint64_t ticket);
  static RecordedCall with_times(const Entry& entry, Clock::time_point now);

  mutable std::mutex mutex_{};
  std::deque<Entry> entries_{};  // tickets count up without gaps
  std::uint64_t tickets_ = 0;
  std::uint64_t last_called_ = 0;
  std::uint64_t last_ended_ = 0;
  std::string doing_{};
  Clock::time_point doing_since_ = Clock::now();
  std::vector<std::string> long_sections_{};
  Clock::time_point section_ended_{};
  Clock::time_point extended_{};
};

}  // namespace joist::parallel
