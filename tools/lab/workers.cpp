#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/threads.h>
#include <joist/tools/lab/workers.h>
#include <joist/tools/training/interrupt.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>

#include <errno.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return {};
  const std::vector<std::byte> bytes = read_file(path, std::uint64_t{1} << 30);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A child with a pipe to its input and one from its output.
class Worker {
 public:
  explicit Worker(const std::vector<std::string>& command) {
    int to[2], from[2];
    if (::pipe2(to, O_CLOEXEC) != 0) fail("pipe");
    if (::pipe2(from, O_CLOEXEC) != 0) {
      ::close(to[0]), ::close(to[1]);
      fail("pipe");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    std::vector<char*> arguments;
    for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
    arguments.push_back(nullptr);
    const int error = ::posix_spawn(&process_, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(to[0]), ::close(from[1]);
    in_ = to[1], out_ = from[0];
    if (error != 0) {
      process_ = -1;
      errno = error;
      fail(command[0].c_str());
    }
  }
  ~Worker() {
    if (in_ >= 0) ::close(in_);
    if (out_ >= 0) ::close(out_);
    if (process_ > 0) {
      if (job >= 0) ::kill(process_, SIGTERM);
      ::waitpid(process_, nullptr, 0);
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  int out() const noexcept { return out_; }
  void give(std::ptrdiff_t index, const std::string& text) {
    job = index;
    const std::string line = text + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
      const ssize_t n = ::write(in_, line.data() + sent, line.size() - sent);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;  // it died; reading will tell
      sent += static_cast<std::size_t>(n);
    }
  }
  /// A whole line, or "" while it is not complete; `ended` at the end of the stream.
  std::string line(bool& ended) {
    char bytes[4096];
    const ssize_t n = ::read(out_, bytes, sizeof bytes);
    ended = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
    if (n > 0) text_.append(bytes, static_cast<std::size_t>(n));
    const std::size_t end = text_.find('\n');
    if (end == std::string::npos) return {};
    std::string result = text_.substr(0, end);
    text_.erase(0, end + 1);
    return result;
  }
  std::string end() {
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
    return WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                               : "ended with code " + std::to_string(WEXITSTATUS(status));
  }
  std::ptrdiff_t job = -1;

 private:
  [[noreturn]] static void fail(const char* what) {
    throw EnvironmentError({.where = "lab",
                            .what = std::string("no process could be started: ") + what + ": " + ::strerror(errno),
                            .remedy = "fewer --processes"});
  }
  pid_t process_ = -1;
  int in_ = -1, out_ = -1;
  std::string text_{};
};

[[noreturn]] void raise(const Json& answer, const Job& job) {
  Fault fault{.where = job.problem.name + ", " + job.optimizer.text() + ", seed " + std::to_string(job.seed),
              .what = answer.value("what", ""),
              .expected = answer.value("expected", ""),
              .remedy = answer.value("remedy", "")};
  switch (static_cast<Exit>(answer.value("code", 70))) {
    case Exit::usage: throw UsageError(std::move(fault));
    case Exit::data: throw DataError(std::move(fault));
    case Exit::environment: throw EnvironmentError(std::move(fault));
    default: throw InternalError(std::move(fault));
  }
}

}  // namespace

RunStore::RunStore(std::string folder) : folder_(std::move(folder)) { ensure_folder(folder_); }

std::string RunStore::path(const Job& job, const char* end) const { return folder_ + "/" + job.key() + end; }

Outcome RunStore::read(const Job& job) const {
  Outcome outcome{.result = text_of(path(job, ".json")), .timing = text_of(path(job, ".time.json"))};
  if (outcome.result.empty()) return {};
  const Json json = Json::parse(outcome.result, nullptr, false);
  if (json.is_discarded() || json.value("job", Json()) != Json::parse(job.text())) return {};
  if (Json::parse(outcome.timing, nullptr, false).is_discarded()) return {};
  return outcome;
}

void RunStore::write(const Job& job, const Outcome& outcome) const {
  store_file(path(job, ".time.json"), outcome.timing);  // first: where the result stands, the time does too
  store_file(path(job, ".json"), outcome.result);
  std::error_code none;
  std::filesystem::remove(snapshot(job), none);
}

int run_jobs(const std::vector<Job>& jobs, const RunStore& store, const WorkerOptions& options) {
  std::vector<std::ptrdiff_t> left;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < jobs.size(); ++i)
    if (store.read(jobs[i]).result.empty() && seen.insert(jobs[i].key()).second)
      left.push_back(static_cast<std::ptrdiff_t>(i));
  const auto all = static_cast<std::int64_t>(left.size());
  std::reverse(left.begin(), left.end());
  std::int64_t done = 0;
  std::vector<std::string> command = options.command;
  if (command.empty()) command = {std::filesystem::read_symlink("/proc/self/exe").string(), "lab", "work"};
  command.insert(command.end(), {"--folder", store.folder(), "--threads", std::to_string(options.threads)});
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::unique_ptr<Worker>> workers;
  const auto feed = [&](Worker& worker) {
    worker.job = -1;
    if (left.empty()) return false;
    const std::ptrdiff_t next = left.back();
    left.pop_back();
    worker.give(next, jobs[static_cast<std::size_t>(next)].text());
    return true;
  };
  while (static_cast<std::int64_t>(workers.size()) < std::min(options.processes, all)) {
    workers.push_back(std::make_unique<Worker>(command));
    feed(*workers.back());
  }
  while (done < all) {
    if (const int signal = interrupted()) return signal;
    std::vector<pollfd> waiting;
    for (const auto& worker : workers) waiting.push_back({.fd = worker->out(), .events = POLLIN, .revents = 0});
    if (::poll(waiting.data(), waiting.size(), 500) <= 0) continue;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      Worker& worker = *workers[i];
      bool ended = false;
      const std::string line = worker.line(ended);
      if (!line.empty()) {
        const Job& job = jobs[static_cast<std::size_t>(worker.job)];
        const Json answer = Json::parse(line, nullptr, false);
        if (answer.is_discarded() || !answer.value("done", false))
          raise(answer.is_object() ? answer : Json{{"what", line}}, job);
        if (options.progress)
          options.progress(++done, all, job);
        else
          ++done;
        if (!feed(worker)) {
          workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
          break;
        }
      } else if (ended) {
        if (const int signal = interrupted()) return signal;
        const Job& job = jobs[static_cast<std::size_t>(worker.job)];
        raise(Json{{"what", "its process " + worker.end()},
                   {"expected", "a result"},
                   {"remedy", "the same command again: finished runs are kept"}},
              job);
      }
    }
  }
  return 0;
}

int work(const std::string& folder, std::int64_t threads) {
  ::signal(SIGINT, SIG_IGN);  // Ctrl-C goes to the whole group; the parent decides
  // What a model or a data set prints is not an answer; the program that started this one has printed it already.
  const int answers = ::fcntl(1, F_DUPFD_CLOEXEC, 3), nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (answers < 0 || nowhere < 0 || ::dup2(nowhere, 1) < 0) return static_cast<int>(Exit::environment);
  set_threads(static_cast<int>(threads));
  const RunStore store(folder);
  for (std::string line; std::getline(std::cin, line);) {
    Json answer{{"done", true}};
    try {
      const Job job = Job::parse(line);
      store.write(job, run_job(job, store.snapshot(job)));
    } catch (const Error& error) {
      answer = {{"done", false},
                {"code", static_cast<int>(error.exit_code())},
                {"what", (error.fault().where.empty() ? "" : error.fault().where + ": ") + error.fault().what},
                {"expected", error.fault().expected},
                {"remedy", error.fault().remedy}};
    } catch (const std::bad_alloc&) {
      answer = {{"done", false}, {"code", 4}, {"what", "out of memory"}, {"remedy", "fewer --processes"}};
    } catch (const std::exception& error) {
      answer = {{"done", false}, {"code", 70}, {"what", error.what()}};
    }
    const std::string text = answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::write(answers, text.data() + sent, text.size() - sent);
      if (n < 0 && errno != EINTR) return static_cast<int>(Exit::environment);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    if (!answer["done"].get<bool>()) break;
  }
  return 0;
}

}  // namespace joist::lab
