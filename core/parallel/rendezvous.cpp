#include <joist/core/parallel/rendezvous.h>
#include <joist/core/parallel/sockets.h>
#include <joist/core/parallel/wire.h>

#include <algorithm>
#include <array>
#include <thread>

#include <unistd.h>

namespace joist::parallel {
namespace {

using Purpose = Introduction::Purpose;

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string seconds_text(std::chrono::milliseconds time) { return std::to_string((time.count() + 999) / 1000) + " s"; }

// Where a rank can be met.
struct Place {
  std::vector<std::string> hosts{};
  int port = 0;
};

struct Arrival {
  Descriptor socket{};
  Introduction introduction{};
  std::string from{};
};

// The next connection that proves to be a rank of this job. Strangers are dropped, each after two seconds at most.
std::optional<Arrival> next_arrival(const Listener& listener, const std::string& token, Clock::time_point deadline) {
  for (;;) {
    Arrival arrival;
    auto socket = accept_from(listener, deadline, arrival.from);
    if (!socket) return std::nullopt;
    const auto introduction =
        take_introduction(*socket, token, std::min(deadline, Clock::now() + std::chrono::seconds(2)));
    if (!introduction) continue;
    arrival.socket = std::move(*socket);
    arrival.introduction = *introduction;
    return arrival;
  }
}

// Connects to any of a place's addresses and introduces itself; again and again, as the other end may not be there yet.
Descriptor reach(const Place& place, const std::string& token, const Introduction& introduction,
                 const std::string& whom, Clock::time_point deadline) {
  bool stranger = false;
  for (auto pause = std::chrono::milliseconds(10); Clock::now() < deadline;
       pause = std::min(pause * 2, std::chrono::milliseconds(500))) {
    for (const std::string& host : place.hosts) {
      // One of several addresses may lead nowhere without saying so.
      const auto try_until =
          place.hosts.size() == 1 ? deadline : std::min(deadline, Clock::now() + std::chrono::seconds(3));
      auto socket = connect_to(host, place.port, try_until);
      if (!socket) continue;
      if (introduce(*socket, token, introduction, deadline)) return std::move(*socket);
      stranger = true;
    }
    std::this_thread::sleep_for(pause);
  }
  throw CommunicatorError(
      {.where = "rank " + std::to_string(introduction.rank) + " of " + std::to_string(introduction.size),
       .what = whom + " was not reached at " + (place.hosts.empty() ? "any address" : place.hosts[0]) + ":" +
               std::to_string(place.port) +
               (stranger ? ": something answered there that does not know this job's token or is another version"
                         : ": nobody answered"),
       .remedy = stranger ? "give every rank the same JOIST_TOKEN and the same joist"
                          : "is that rank running, and does a firewall let the connection pass?"});
}

// Rank 0: everyone's connection for supervision. Refuses a second process of one rank, and another number of ranks.
std::vector<Arrival> gather_ranks(const Listener& listener, const std::string& token, int size,
                                  std::chrono::milliseconds patience, const std::string& own,
                                  const std::string& where) {
  const auto deadline = Clock::now() + patience;
  std::vector<Arrival> ranks(static_cast<std::size_t>(size));
  ranks[0].introduction.process = own;
  for (int missing = size - 1; missing > 0;) {
    auto arrival = next_arrival(listener, token, deadline);
    if (!arrival) {
      std::string names;
      for (std::size_t r = 1; r < ranks.size(); ++r)
        if (!ranks[r].socket) names += (names.empty() ? "" : ", ") + std::to_string(r);
      throw CommunicatorError(
          {.where = "rank 0 of " + std::to_string(size) + " at " + where,
           .what = "within " + seconds_text(patience) + " only " + std::to_string(size - missing) + " of " +
                   std::to_string(size) + " ranks met; missing: " + names,
           .remedy = "are they running, with the same JOIST_TOKEN, and can they reach this address?"});
    }
    const Introduction& other = arrival->introduction;
    const bool valid = other.rank >= 0 && other.rank < size;
    std::string refusal;
    if (other.size != size) {
      refusal = "this process was told of " + std::to_string(other.size) + " ranks, rank 0 of " + std::to_string(size);
    } else if (!valid || other.purpose != Purpose::watch) {
      refusal = "rank " + std::to_string(other.rank) + " is not expected now";
    } else if (other.rank == 0 || ranks[static_cast<std::size_t>(other.rank)].socket) {
      refusal = "two processes say that they are rank " + std::to_string(other.rank) + ": " + other.process + " and " +
                ranks[static_cast<std::size_t>(other.rank)].introduction.process +
                "; the launcher's ranks do not reach joist";
    }
    const bool told = answer_introduction(arrival->socket, refusal, Clock::now() + std::chrono::seconds(2));
    if (!refusal.empty()) throw UsageError({.where = "rank 0 of " + std::to_string(size), .what = refusal});
    if (!told) continue;
    ranks[static_cast<std::size_t>(other.rank)] = std::move(*arrival);
    --missing;
  }
  return ranks;
}

void send_places(const Descriptor& socket, const std::vector<Place>& places, Clock::time_point deadline) {
  WireWriter writer;
  for (const Place& place : places) {
    writer.number(place.port).number(static_cast<std::uint32_t>(place.hosts.size()));
    for (const std::string& host : place.hosts) writer.text(host);
  }
  const auto length = static_cast<std::uint32_t>(writer.bytes().size());
  send_exactly(socket, std::as_bytes(std::span(&length, 1)), deadline);
  send_exactly(socket, writer.bytes(), deadline);
}

std::vector<Place> receive_places(const Descriptor& socket, std::size_t size, Clock::time_point deadline) {
  std::uint32_t length = 0;
  std::vector<Place> places(size);
  if (!receive_exactly(socket, std::as_writable_bytes(std::span(&length, 1)), deadline) || length > (64U << 20U))
    throw CommunicatorError({.where = "meeting of the ranks",
                             .what = "rank 0 gave up before all ranks had come",
                             .remedy = "its own output says why"});
  std::vector<std::byte> bytes(length);
  if (!receive_exactly(socket, bytes, deadline))
    throw CommunicatorError({.where = "meeting of the ranks", .what = "rank 0 is gone"});
  WireReader reader(bytes);
  for (Place& place : places) {
    place.port = reader.number<int>();
    for (auto count = reader.number<std::uint32_t>(); count > 0; --count) place.hosts.push_back(reader.text());
  }
  return places;
}

// Every pair: the higher rank connects to the lower one.
std::vector<Descriptor> connect_pairs(const Launch& launch, const Listener& listener, const std::vector<Place>& places,
                                      Clock::time_point deadline) {
  std::vector<Descriptor> data(static_cast<std::size_t>(launch.size));
  Introduction self{.purpose = Purpose::data, .rank = launch.rank, .size = launch.size, .process = this_process()};
  for (int other = 0; other < launch.rank; ++other)
    data[static_cast<std::size_t>(other)] =
        reach(places[static_cast<std::size_t>(other)], launch.token, self, "rank " + std::to_string(other), deadline);
  for (int missing = launch.size - 1 - launch.rank; missing > 0;) {
    auto arrival = next_arrival(listener, launch.token, deadline);
    if (!arrival)
      throw CommunicatorError({.where = "rank " + std::to_string(launch.rank) + " of " + std::to_string(launch.size),
                               .what = std::to_string(missing) + " ranks did not connect to this one",
                               .remedy = "does a firewall let ranks reach each other?"});
    const Introduction& other = arrival->introduction;
    const bool good = other.purpose == Purpose::data && other.rank > launch.rank && other.rank < launch.size;
    const bool told = answer_introduction(arrival->socket, good ? "" : "another job's rank", deadline);
    if (!good || !told) continue;
    data[static_cast<std::size_t>(other.rank)] = std::move(arrival->socket);
    --missing;
  }
  return data;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

}  // namespace

std::unique_ptr<Communicator> tcp_communicator(const Launch& launch, const JoinOptions& options) {
  const auto deadline = Clock::now() + options.patience;
  const auto size = static_cast<std::size_t>(launch.size);
  MeshLinks links{.rank = launch.rank, .size = launch.size, .transport = "tcp"};
  links.timeout = options.timeout;
  links.compare_calls = options.compare_calls;
  links.watch.resize(launch.rank == 0 ? size : 1);
  const bool all_here = is_loopback(launch.address) && launch.local_size == launch.size;
  if (launch.rank == 0) {
    const Listener listener = listen_at(launch.port, all_here);
    const std::string where = launch.address + ":" + std::to_string(launch.port);
    std::vector<Arrival> ranks =
        gather_ranks(listener, launch.token, launch.size, options.patience, this_process(), where);
    std::vector<Place> places(size);
    for (std::size_t r = 1; r < size; ++r) {
      places[r] = {{ranks[r].from}, ranks[r].introduction.port};
      for (const std::string& host : ranks[r].introduction.hosts)
        if (host != ranks[r].from) places[r].hosts.push_back(host);
    }
    for (std::size_t r = 1; r < size; ++r) {
      send_places(ranks[r].socket, places, deadline);
      links.watch[r] = std::move(ranks[r].socket);
    }
    links.data = connect_pairs(launch, listener, places, deadline);
  } else {
    const Listener listener = listen_at(0, all_here);
    const Place meeting{{launch.address}, launch.port};
    const Introduction self{.purpose = Purpose::watch,
                            .rank = launch.rank,
                            .size = launch.size,
                            .port = listener.port,
                            .process = this_process(),
                            .hosts = own_addresses()};
    links.watch[0] = reach(meeting, launch.token, self, "rank 0", deadline);
    std::vector<Place> places = receive_places(links.watch[0], size, deadline);
    places[0] = meeting;
    links.data = connect_pairs(launch, listener, places, deadline);
  }
  auto communicator = std::make_unique<MeshCommunicator>(std::move(links));
  communicator->barrier("meeting of the ranks").wait();
  return communicator;
}

struct WatchMeeting::Impl {
  int rank = 0;
  int size = 1;
  Listener listener{};
  std::string token{};
};

WatchMeeting::WatchMeeting(int rank, int size) : impl_(std::make_unique<Impl>()) {
  impl_->rank = rank;
  impl_->size = size;
  if (rank != 0) return;
  impl_->listener = listen_at(0, false);
  impl_->token = random_token();
}

WatchMeeting::~WatchMeeting() = default;

std::string WatchMeeting::invitation() const {
  std::string text = impl_->token + " " + std::to_string(impl_->listener.port);
  for (const std::string& host : own_addresses()) text += " " + host;
  return text + " 127.0.0.1";
}

std::vector<Descriptor> WatchMeeting::meet(const std::string& invitation, std::chrono::milliseconds patience) {
  std::vector<Descriptor> links(static_cast<std::size_t>(impl_->rank == 0 ? impl_->size : 1));
  if (impl_->rank == 0) {
    auto ranks =
        gather_ranks(impl_->listener, impl_->token, impl_->size, patience, this_process(), "its supervision port");
    for (std::size_t r = 1; r < ranks.size(); ++r) links[r] = std::move(ranks[r].socket);
    impl_->listener = {};
    return links;
  }
  std::vector<std::string> words;
  for (std::size_t at = 0; at < invitation.size();) {
    const std::size_t end = std::min(invitation.find(' ', at), invitation.size());
    words.push_back(invitation.substr(at, end - at));
    at = end + 1;
  }
  if (words.size() < 3)
    throw InternalError({.where = "meeting of the ranks", .what = "rank 0's invitation is damaged"});
  const Place place{{words.begin() + 2, words.end()}, std::atoi(words[1].c_str())};
  const Introduction self{
      .purpose = Purpose::watch, .rank = impl_->rank, .size = impl_->size, .process = this_process()};
  links[0] = reach(place, words[0], self, "rank 0's supervision", Clock::now() + patience);
  return links;
}

}  // namespace joist::parallel
