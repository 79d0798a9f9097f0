#include <joist/core/error.h>
#include <joist/core/formats/hdf5_helper.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <system_error>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace joist {
namespace {

namespace fs = std::filesystem;

constexpr const char* helper_name = "joist-hdf5-reader";

// Folders of the file that holds this code and of the running program.
std::vector<fs::path> own_folders() {
  std::vector<fs::path> folders;
  const auto add_folder_of = [&](const fs::path& file) {
    std::error_code failed;
    const fs::path found = fs::canonical(file, failed);
    if (!failed) folders.push_back(found.parent_path());  // never a relative one: that would run what lies around
  };
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&own_folders), &info) != 0 && info.dli_fname)
    add_folder_of(info.dli_fname);
  add_folder_of("/proc/self/exe");
  return folders;
}

// The environment without HDF5's own variables (plug-in folders, drivers, trace output): they would change what is
// written.
std::vector<char*> environment() {
  std::vector<char*> variables;
  for (char** variable = environ; variable && *variable; ++variable)
    if (std::strncmp(*variable, "HDF5_", 5) != 0) variables.push_back(*variable);
  variables.push_back(nullptr);
  return variables;
}

struct SpawnOptions {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnOptions(int socket) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, socket, 0);
    ::posix_spawn_file_actions_adddup2(&actions, socket, 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    // Ctrl-C and SIGTERM go to all processes of a job. A checkpoint is being saved then: the helper finishes its work,
    // and ends by itself when this process is gone, because its socket is.
    sigset_t held;
    ::sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGUSR1, SIGUSR2}) ::sigaddset(&held, signal);
    ::posix_spawnattr_setsigmask(&attributes, &held);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

std::string text_of(int status) {
  if (status < 0) return "it ended";
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* name = ::sigabbrev_np(signal);
    return "it was ended by SIG" + std::string(name ? name : std::to_string(signal)) +
           (signal == SIGXCPU ? " (it used more processor time than a file of this size needs)" : "");
  }
  if (WEXITSTATUS(status) == 127) return "it did not start (is a library missing? run it by hand to see)";
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

fs::path find_hdf5_helper() {
  const char* named = std::getenv("JOIST_HDF5_READER");  // NOLINT(concurrency-mt-unsafe): joist never sets variables
  if (named && *named) {
    if (::access(named, X_OK) == 0) return named;
    throw EnvironmentError({.where = named,
                            .what = "the environment variable JOIST_HDF5_READER names no program",
                            .remedy = "unset the variable"});
  }
  std::set<std::string> tried;
  for (const fs::path& folder : own_folders()) {
    for (const char* below : {".", "../libexec/joist", "../../libexec/joist", "../bin"}) {
      fs::path path = (folder / below / helper_name).lexically_normal();
      if (::access(path.c_str(), X_OK) == 0) return path;
      tried.insert(path.string());
    }
  }
  std::string places;
  for (const std::string& place : tried) places += (places.empty() ? "" : ", ") + place;
  throw EnvironmentError({.where = helper_name,
                          .what = "this part of joist, which writes and reads HDF5 files, is missing",
                          .expected = "one of " + places,
                          .remedy = "install joist again, or set JOIST_HDF5_READER to the path of the program"});
}

Hdf5Helper::Hdf5Helper(std::chrono::milliseconds patience) : patience_(patience) {
  const fs::path program = find_hdf5_helper();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw EnvironmentError({.where = program.string(),
                            .what = "cannot be started: " + std::system_category().message(errno),
                            .remedy = "close files or programs"});
  socket_ = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]);
  const SpawnOptions options(theirs.get());
  std::string name = program.string();
  char* arguments[] = {name.data(), nullptr};
  const int code =
      ::posix_spawn(&process_, name.c_str(), &options.actions, &options.attributes, arguments, environment().data());
  if (code != 0) {
    process_ = -1;
    throw EnvironmentError(
        {.where = name,
         .what = "cannot be started: " + std::system_category().message(code),
         .remedy = code == EACCES || code == ENOEXEC ? "install joist again" : "close other programs"});
  }
}

Hdf5Helper::~Hdf5Helper() { reap(); }

// A process that has ended keeps its own status; one that only closed its socket would let waitpid wait for ever.
int Hdf5Helper::reap() noexcept {
  if (process_ < 0) return -1;
  ::kill(process_, SIGKILL);
  int status = 0;
  pid_t result = -1;
  do {
    result = ::waitpid(process_, &status, 0);
  } while (result < 0 && errno == EINTR);
  process_ = -1;
  return result < 0 ? -1 : status;  // a program that ignores SIGCHLD never learns the status
}

void Hdf5Helper::wait_for(short events) {
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{socket_.get(), events, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return;
    if (ready < 0 && errno == EINTR) continue;
    reap();
    throw HelperFailure("it was silent for " + std::to_string(patience_.count() / 1000) + " s and was ended");
  }
}

void Hdf5Helper::send(std::span<const std::byte> bytes) {
  while (!bytes.empty() && !gone_) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      wait_for(POLLOUT);
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
}

void Hdf5Helper::send(const Frame& frame, std::string_view name, std::span<const std::byte> data) {
  Frame head = frame;
  head.name_bytes = name.size();
  head.data_bytes = data.size();
  send(std::as_bytes(std::span(&head, 1)));
  send(std::as_bytes(std::span(name)));
  send(data);
}

void Hdf5Helper::receive(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      wait_for(POLLIN);
    } else if (got == 0 || errno != EINTR) {
      throw HelperFailure(text_of(reap()));
    }
  }
}

Frame Hdf5Helper::receive_frame() {
  Frame frame;
  receive(std::as_writable_bytes(std::span(&frame, 1)));
  if (frame.magic != Frame::expected_magic)
    throw HelperFailure("its answer is not in the form of this version of joist");
  return frame;
}

std::string Hdf5Helper::receive_text(std::size_t bytes) {
  std::string text(bytes, '\0');
  receive(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace joist
