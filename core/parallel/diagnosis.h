// From what every rank tells of itself to the sentence that explains why the job ends.
#pragma once

#include <joist/core/parallel/recorder.h>

#include <optional>
#include <string>
#include <vector>

namespace joist::parallel {

/// What was noticed first.
struct Trouble {
  enum class Kind : std::uint8_t {
    late,      ///< `rank` waited longer than the time-out
    died,      ///< the connection to `rank` closed without a word
    left,      ///< `rank` ended normally while others wait for it
    mismatch,  ///< `rank` met a message of another collective than its own
    lost,      ///< messages to `rank` are missing or in the wrong order
    aborted,   ///< `rank` gave up and said why
  };
  Kind kind = Kind::late;
  int rank = 0;
  std::uint64_t sequence = 0;  ///< of the collective in question; 0: none or unknown
  std::string detail{};

  void write(WireWriter& to) const;
  static Trouble read(WireReader& from);
};

/// A rank's report, if it gave one now; `last_heard` is the newest one that it ever sent.
struct RankState {
  int rank = 0;
  bool answers = false;
  bool gone = false;  ///< its connection is closed
  double silent_for = 0;
  std::optional<RankReport> report{};
};

/// One paragraph, then a line per rank that matters. `ranks` holds every rank in order, `timeout` is in seconds.
std::string diagnose(const Trouble& trouble, const std::vector<RankState>& ranks, double timeout);

/// "rank 3", "ranks 1, 2 and 5", "ranks 0 … 11".
std::string ranks_text(std::vector<int> ranks);

}  // namespace joist::parallel
