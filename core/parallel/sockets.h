// TCP connections between ranks, with deadlines, and the proof that the other end knows the job's token.
#pragma once

#include <joist/core/formats/system_error.h>
#include <joist/core/parallel/collective.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace joist::parallel {

struct Listener {
  Descriptor socket{};
  int port = 0;
};

/// Listens at a port (0: of the system's choice), on the loopback device only or on all. Throws EnvironmentError.
Listener listen_at(int port, bool loopback_only);
/// A connection to the first of a name's addresses that answers; nothing before the deadline, or when refused.
std::optional<Descriptor> connect_to(const std::string& host, int port, Clock::time_point deadline);
/// The next connection; nothing before the deadline. `from` becomes the other end's numeric address.
std::optional<Descriptor> accept_from(const Listener& listener, Clock::time_point deadline, std::string& from);

/// False when the other end is gone or the deadline is over.
bool send_exactly(const Descriptor& socket, std::span<const std::byte> bytes, Clock::time_point deadline);
bool receive_exactly(const Descriptor& socket, std::span<std::byte> bytes, Clock::time_point deadline);

/// Numeric addresses of this machine's devices that are up, without the loopback device.
std::vector<std::string> own_addresses();

/// 32 lower-case hexadecimal digits from the system's random source.
std::string random_token();

/// Who connects, and what for.
struct Introduction {
  enum class Purpose : std::uint32_t { watch, data };
  Purpose purpose = Purpose::watch;
  int rank = 0;
  int size = 1;
  int port = 0;                      ///< where this rank listens for the other ranks' data
  std::string process{};             ///< "process 12 on n01", for messages
  std::vector<std::string> hosts{};  ///< own_addresses()
};

/// Both ends prove that they know the token without showing it. The accepting end gets the introduction and answers
/// with
/// "" or why it refuses; nothing when the other end is no rank of this job.
std::optional<Introduction> take_introduction(const Descriptor& socket, const std::string& token,
                                              Clock::time_point deadline);
bool answer_introduction(const Descriptor& socket, const std::string& refusal, Clock::time_point deadline);
/// The connecting end. Throws UsageError with the reason when it is refused; false when the other end is no rank of
/// this job, or gone.
bool introduce(const Descriptor& socket, const std::string& token, const Introduction& introduction,
               Clock::time_point deadline);

}  // namespace joist::parallel
