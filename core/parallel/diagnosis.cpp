#include <joist/core/parallel/diagnosis.h>
#include <joist/core/text.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace joist::parallel {
namespace {

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  return text.data();
}

std::string position(const RankReport& report) {
  if (report.last_called == 0) return "had called no collective";
  const RecordedCall* last = report.find(report.last_called);
  const std::string name = last ? last->text() : "#" + std::to_string(report.last_called);
  if (last && last->ended_ago < 0) return "was in " + name + " for " + seconds_text(last->called_ago);
  return "had finished " + name + (last ? " " + seconds_text(last->ended_ago) + " before" : "");
}

// What a rank was doing, from its newest report.
std::string activity(const RankState& state) {
  if (!state.report) return "nothing was heard from it";
  const RankReport& report = *state.report;
  std::string text = state.silent_for > 1 ? "last heard " + seconds_text(state.silent_for) + " ago, it " : "it ";
  text += position(report);
  // Inside a collective, what it did before says nothing.
  const RecordedCall* last = report.find(report.last_called);
  if (!report.long_section.empty()) return text + ", in its long section \"" + report.long_section + "\"";
  if (!report.doing.empty() && !(last && last->ended_ago < 0))
    text += " and has been in \"" + report.doing + "\" for " + seconds_text(report.doing_for);
  return text;
}

std::string process_text(const RankState& state) {
  if (!state.report) return "rank " + std::to_string(state.rank);
  return "rank " + std::to_string(state.rank) + " (process " + std::to_string(state.report->process) + " on " +
         state.report->host + ")";
}

// The call that the job hangs in: the lowest that a rank has open, as the rank that called it names it.
struct Hang {
  std::uint64_t sequence = 0;
  const RecordedCall* call = nullptr;
};

Hang find_hang(const std::vector<RankState>& ranks, std::uint64_t known) {
  Hang hang{.sequence = known};
  if (known == 0)
    for (const RankState& state : ranks)
      if (const RecordedCall* open = state.report ? state.report->oldest_open() : nullptr)
        if (open->sequence > 0 && (hang.sequence == 0 || open->sequence < hang.sequence))
          hang.sequence = open->sequence;
  for (const RankState& state : ranks)
    if (!hang.call && hang.sequence > 0 && state.report) hang.call = state.report->find(hang.sequence);
  return hang;
}

std::string name_of(const Hang& hang) { return hang.call ? hang.call->text() : "#" + std::to_string(hang.sequence); }

std::string waiting_text(const std::vector<RankState>& ranks) {
  std::string text;
  std::vector<std::pair<std::string, std::vector<int>>> groups;
  for (const RankState& state : ranks) {
    const RecordedCall* open = state.report && !state.gone ? state.report->oldest_open() : nullptr;
    if (!open) continue;
    const std::string name = open->text();
    const auto found = std::ranges::find(groups, name, &std::pair<std::string, std::vector<int>>::first);
    if (found == groups.end()) {
      groups.push_back({name, {state.rank}});
    } else {
      found->second.push_back(state.rank);
    }
  }
  for (std::size_t i = 0; i < groups.size() && i < 8; ++i)
    text += "\n  " + ranks_text(groups[i].second) + (groups[i].second.size() == 1 ? " waits" : " wait") + " in " +
            groups[i].first;
  return text;
}

// Ranks that called something else as the same number.
std::string mismatch_text(const Hang& hang, const std::vector<RankState>& ranks) {
  if (!hang.call) return "";
  std::string text;
  bool differs = false;
  for (const RankState& state : ranks) {
    const RecordedCall* call = state.report ? state.report->find(hang.sequence) : nullptr;
    if (!call) continue;
    differs = differs || !call->matches(*hang.call);
    if (std::count(text.begin(), text.end(), '\n') < 8)
      text += "\n  rank " + std::to_string(state.rank) + ": " + call->full_text();
  }
  return differs ? text : "";
}

std::string late(const Trouble& trouble, const std::vector<RankState>& ranks, double timeout) {
  const Hang hang = find_hang(ranks, 0);
  std::string silent, absent;
  for (const RankState& state : ranks) {
    if (!state.answers) {
      silent += process_text(state) + " does not answer (stopped, or its machine or network is gone); " +
                activity(state) + ". ";
    } else if (hang.sequence > 0 && state.report && state.report->last_called < hang.sequence) {
      absent +=
          "rank " + std::to_string(state.rank) + " never reached " + name_of(hang) + "; " + activity(state) + ". ";
    }
  }
  const std::string head = "a rank waited longer than the time-out of " + seconds_text(timeout) + ": ";
  if (!silent.empty() || !absent.empty()) return head + silent + absent;
  if (hang.sequence == 0) {  // messages between two ranks
    const RankState& state = ranks.at(static_cast<std::size_t>(trouble.rank));
    const RecordedCall* open = state.report ? state.report->oldest_open() : nullptr;
    if (!open) return head + "rank " + std::to_string(trouble.rank) + " waited for " + trouble.detail + ". ";
    const RankState& peer = ranks.at(static_cast<std::size_t>(open->peer));
    return head + "rank " + std::to_string(trouble.rank) + " in " + open->text() + "; of rank " +
           std::to_string(open->peer) + ": " + activity(peer) + ". ";
  }
  if (const std::string differing = mismatch_text(hang, ranks); !differing.empty())
    return head + "the ranks called different things as #" + std::to_string(hang.sequence) + ":" + differing + "\n";
  return head + "every rank reached " + name_of(hang) +
         ", but data between them did not arrive in time: the network is slow or loses messages. ";
}

}  // namespace

std::string ranks_text(std::vector<int> ranks) {
  std::ranges::sort(ranks);
  if (ranks.size() == 1) return "rank " + std::to_string(ranks[0]);
  const bool run = !ranks.empty() && ranks.back() - ranks.front() + 1 == static_cast<int>(ranks.size());
  if (run && ranks.size() > 3) return "ranks " + std::to_string(ranks.front()) + " … " + std::to_string(ranks.back());
  std::string text = "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (i == 12) return text + ", …";
    text += (i == 0 ? "" : i + 1 == ranks.size() ? " and " : ", ") + std::to_string(ranks[i]);
  }
  return text;
}

void Trouble::write(WireWriter& to) const { to.number(kind).number(rank).number(sequence).text(detail); }

Trouble Trouble::read(WireReader& from) {
  Trouble trouble;
  trouble.kind = from.number<Kind>();
  trouble.rank = from.number<int>();
  trouble.sequence = from.number<std::uint64_t>();
  trouble.detail = from.text();  // joist's own words, line breaks allowed
  return trouble;
}

std::string diagnose(const Trouble& trouble, const std::vector<RankState>& ranks, double timeout) {
  const RankState& culprit = ranks.at(static_cast<std::size_t>(trouble.rank));
  const std::string who = "rank " + std::to_string(trouble.rank);
  std::string text;
  switch (trouble.kind) {
    case Trouble::Kind::died:
      text = process_text(culprit) + " died: its connection closed without a word; " + activity(culprit) + ". ";
      break;
    case Trouble::Kind::left: text = who + " ended while others still wait for it; " + activity(culprit) + ". "; break;
    case Trouble::Kind::aborted: text = who + " gave up: " + trouble.detail + ". "; break;
    case Trouble::Kind::lost: {
      const Hang hang = find_hang(ranks, trouble.sequence);
      text = trouble.detail + (hang.sequence > 0 ? ", in " + name_of(hang) : "") + ". ";
      break;
    }
    case Trouble::Kind::mismatch: {
      const Hang hang = find_hang(ranks, trouble.sequence);
      const std::string differing = mismatch_text(hang, ranks);
      text = "the ranks called different things as #" + std::to_string(trouble.sequence) +
             (differing.empty() ? ": " + trouble.detail + ". " : ":" + differing + "\n");
      break;
    }
    case Trouble::Kind::late: text = late(trouble, ranks, timeout); break;
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  return text + waiting_text(ranks);
}

}  // namespace joist::parallel
