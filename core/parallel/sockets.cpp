#include <joist/core/formats/sha256.h>
#include <joist/core/parallel/sockets.h>
#include <joist/core/parallel/wire.h>
#include <joist/core/text.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace joist::parallel {
namespace {

constexpr std::string_view protocol = "joist ranks 1\n";  // counts up when the handshake changes
constexpr std::uint32_t longest_introduction = 64U << 10U;
using Nonce = std::array<std::byte, 16>;

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

bool wait_for(int socket, short events, Clock::time_point deadline) {
  for (;;) {
    pollfd polled{socket, events, 0};
    const int ready = ::poll(&polled, 1, milliseconds_until(deadline));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

std::string numeric(const sockaddr* address, socklen_t length) {
  std::array<char, NI_MAXHOST> text{};
  const int code = ::getnameinfo(address, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  return code == 0 ? text.data() : "";
}

void tune(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

Nonce random_nonce() {
  Nonce nonce;
  if (::getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    throw EnvironmentError({.where = "ranks", .what = "the system gives no random numbers"});
  return nonce;
}

// RFC 2104 with SHA-256.
Sha256 hmac(const std::string& key, std::span<const std::byte> message) {
  std::array<std::byte, 64> block{};
  if (key.size() > block.size()) {
    const Sha256 hashed = sha256(std::as_bytes(std::span(key)));
    std::memcpy(block.data(), hashed.data(), hashed.size());
  } else {
    std::memcpy(block.data(), key.data(), key.size());
  }
  const auto padded = [&](std::byte pad, std::span<const std::byte> rest) {
    std::vector<std::byte> bytes;
    for (const std::byte b : block) bytes.push_back(b ^ pad);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    return sha256(bytes);
  };
  const Sha256 inner = padded(std::byte{0x36}, message);
  return padded(std::byte{0x5C}, std::as_bytes(std::span(inner)));
}

Sha256 proof(const std::string& token, std::string_view side, const Nonce& theirs, const Nonce& ours,
             std::span<const std::byte> introduction) {
  std::vector<std::byte> message;
  for (const auto part : {std::as_bytes(std::span(protocol)), std::as_bytes(std::span(side)),
                          std::span<const std::byte>(theirs), std::span<const std::byte>(ours), introduction})
    message.insert(message.end(), part.begin(), part.end());
  return hmac(token, message);
}

bool equal(const Sha256& a, const Sha256& b) {  // in the same time wherever they differ
  unsigned differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differing |= static_cast<unsigned>(a[i] ^ b[i]);
  return differing == 0;
}

template <class T>
std::span<std::byte> writable(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

bool send_block(const Descriptor& socket, std::span<const std::byte> bytes, Clock::time_point deadline) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  return send_exactly(socket, std::as_bytes(std::span(&length, 1)), deadline) && send_exactly(socket, bytes, deadline);
}

std::optional<std::vector<std::byte>> receive_block(const Descriptor& socket, Clock::time_point deadline) {
  std::uint32_t length = 0;
  if (!receive_exactly(socket, writable(length), deadline) || length > longest_introduction) return std::nullopt;
  std::vector<std::byte> bytes(length);
  if (!receive_exactly(socket, bytes, deadline)) return std::nullopt;
  return bytes;
}

}  // namespace

Listener listen_at(int port, bool loopback_only) {
  // One socket for both protocols where the machine has the newer one, else the older one.
  for (const int family : {AF_INET6, AF_INET}) {
    if (loopback_only && family == AF_INET6) continue;
    Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) continue;
    const int on = 1, off = 0;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    socklen_t length = sizeof(sockaddr_in);
    if (family == AF_INET6) {
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
      auto& six = reinterpret_cast<sockaddr_in6&>(address);
      six.sin6_family = AF_INET6;
      six.sin6_port = htons(static_cast<std::uint16_t>(port));
      length = sizeof(sockaddr_in6);
    } else {
      auto& four = reinterpret_cast<sockaddr_in&>(address);
      four.sin_family = AF_INET;
      four.sin_port = htons(static_cast<std::uint16_t>(port));
      four.sin_addr.s_addr = htonl(loopback_only ? INADDR_LOOPBACK : INADDR_ANY);
    }
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0) {
      const int code = errno;
      if (family == AF_INET6 && code != EADDRINUSE) continue;
      throw EnvironmentError(
          {.where = "port " + std::to_string(port),
           .what = "rank 0 cannot listen: " + std::system_category().message(code),
           .remedy = "end the program that uses the port, or set JOIST_PORT to a free one on every rank"});
    }
    length = sizeof address;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
    const std::uint16_t bound = family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                                   : reinterpret_cast<sockaddr_in&>(address).sin_port;
    return {std::move(socket), ntohs(bound)};
  }
  throw EnvironmentError({.where = "ranks", .what = "this machine has no network sockets"});
}

std::optional<Descriptor> connect_to(const std::string& host, int port, Clock::time_point deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  for (const addrinfo* one = found; one; one = one->ai_next) {
    Descriptor socket(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) continue;
    if (::connect(socket.get(), one->ai_addr, one->ai_addrlen) != 0) {
      if (errno != EINPROGRESS || !wait_for(socket.get(), POLLOUT, deadline)) continue;
      int code = 0;
      socklen_t length = sizeof code;
      if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &length) != 0 || code != 0) continue;
    }
    tune(socket.get());
    return socket;
  }
  return std::nullopt;
}

std::optional<Descriptor> accept_from(const Listener& listener, Clock::time_point deadline, std::string& from) {
  while (wait_for(listener.socket.get(), POLLIN, deadline)) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    Descriptor socket(
        ::accept4(listener.socket.get(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) continue;  // it went away again
    tune(socket.get());
    from = numeric(reinterpret_cast<sockaddr*>(&address), length);
    if (from.starts_with("::ffff:")) from.erase(0, 7);
    return socket;
  }
  return std::nullopt;
}

bool send_exactly(const Descriptor& socket, std::span<const std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket.get(), POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool receive_exactly(const Descriptor& socket, std::span<std::byte> bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (count == 0) {
      return false;
    } else if (errno == EAGAIN) {
      if (!wait_for(socket.get(), POLLIN, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> result;
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return result;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(found, &::freeifaddrs);
  for (const ifaddrs* one = found; one; one = one->ifa_next) {
    if (!one->ifa_addr || (one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (one->ifa_addr->sa_family != AF_INET) continue;
    result.push_back(numeric(one->ifa_addr, sizeof(sockaddr_in)));
  }
  return result;
}

std::string random_token() {
  const Nonce nonce = random_nonce();
  return hexadecimal(sha256(nonce)).substr(0, 32);
}

std::optional<Introduction> take_introduction(const Descriptor& socket, const std::string& token,
                                              Clock::time_point deadline) {
  std::string hello(protocol.size(), '\0');
  if (!receive_exactly(socket, std::as_writable_bytes(std::span(hello)), deadline) || hello != protocol)
    return std::nullopt;
  Nonce theirs;
  if (!receive_exactly(socket, theirs, deadline)) return std::nullopt;
  const auto bytes = receive_block(socket, deadline);
  const Nonce ours = random_nonce();
  if (!bytes || !send_exactly(socket, ours, deadline)) return std::nullopt;
  Sha256 proven{};
  if (!receive_exactly(socket, writable(proven), deadline)) return std::nullopt;
  if (!equal(proven, proof(token, "connects", theirs, ours, *bytes))) return std::nullopt;
  const Sha256 answer = proof(token, "accepts", theirs, ours, *bytes);
  if (!send_exactly(socket, std::as_bytes(std::span(answer)), deadline)) return std::nullopt;
  try {
    WireReader reader(*bytes);
    Introduction result;
    result.purpose = reader.number<Introduction::Purpose>();
    result.rank = reader.number<int>();
    result.size = reader.number<int>();
    result.port = reader.number<int>();
    result.process = printable(reader.text());
    for (auto count = reader.number<std::uint32_t>(); count > 0; --count)
      result.hosts.push_back(printable(reader.text()));
    return result;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

bool answer_introduction(const Descriptor& socket, const std::string& refusal, Clock::time_point deadline) {
  return send_block(socket, std::as_bytes(std::span(refusal)), deadline);
}

bool introduce(const Descriptor& socket, const std::string& token, const Introduction& introduction,
               Clock::time_point deadline) {
  WireWriter writer;
  writer.number(introduction.purpose).number(introduction.rank).number(introduction.size).number(introduction.port);
  writer.text(introduction.process).number(static_cast<std::uint32_t>(introduction.hosts.size()));
  for (const std::string& host : introduction.hosts) writer.text(host);
  const Nonce ours = random_nonce();
  Nonce theirs;
  if (!send_exactly(socket, std::as_bytes(std::span(protocol)), deadline) || !send_exactly(socket, ours, deadline) ||
      !send_block(socket, writer.bytes(), deadline) || !receive_exactly(socket, theirs, deadline))
    return false;
  const Sha256 shown = proof(token, "connects", ours, theirs, writer.bytes());
  Sha256 proven{};
  if (!send_exactly(socket, std::as_bytes(std::span(shown)), deadline) ||
      !receive_exactly(socket, writable(proven), deadline) ||
      !equal(proven, proof(token, "accepts", ours, theirs, writer.bytes())))
    return false;
  const auto answer = receive_block(socket, deadline);
  if (!answer) return false;
  if (!answer->empty())
    throw UsageError({.where = "rank " + std::to_string(introduction.rank),
                      .what = printable({reinterpret_cast<const char*>(answer->data()), answer->size()})});
  return true;
}

}  // namespace joist::parallel
