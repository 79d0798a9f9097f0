// A steady training loop at fixed shapes asks the system for no memory after its second step, and each step takes the
// same number of bytes through malloc. The first is checked by forbidding the system calls to a process of its own.
#include <joist/core/kernels.h>
#include <joist/core/mode.h>
#include <joist/layers/detection/loss.h>
#include <joist/layers/models/yolo.h>
#include <joist/optim/sgd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JOIST_OWN_MALLOC 0
#else
#define JOIST_OWN_MALLOC 1
#endif

namespace {
std::atomic<std::uint64_t> bytes_asked{0};
}

#if JOIST_OWN_MALLOC
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t bytes) {
  bytes_asked += bytes;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  bytes_asked += count * bytes;
  return __libc_calloc(count, bytes);
}
void* realloc(void* pointer, std::size_t bytes) {
  bytes_asked += bytes;
  return __libc_realloc(pointer, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  bytes_asked += bytes;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** pointer, std::size_t alignment, std::size_t bytes) {
  bytes_asked += bytes;
  *pointer = __libc_memalign(alignment, bytes);
  return *pointer ? 0 : ENOMEM;
}
}
#endif

namespace joist {
namespace {

// The detector's training step on fixed pictures and boxes.
class Loop {
 public:
  explicit Loop(double rate = 1e-3)
      : parameters_(fields_of(model_)), optimizer_(parameters_, {.lr = rate, .momentum = 0.9}) {
    for (int picture = 0; picture < 2; ++picture) truth_.push_back({{8, 8, 40, 40, 0}, {30, 20, 60, 60, 1}});
  }
  void step() {
    const DetectionLoss loss = detection_loss(model_(pictures_), truth_);
    (loss.sum * (1 / loss.count)).backward();
    optimizer_.step();
  }

 private:
  Yolo model_{{.classes = 2}};
  FlatParameters parameters_;
  Sgd optimizer_;
  Tensor pictures_{[] {
    Array array = Array::empty({2, 3, 64, 64}, Dtype::float32, cpu, Order::channels_last);
    kernels(cpu).random.uniform({.seed = 1, .stream = Stream::test}, 0, 1, array);
    return array;
  }()};
  std::vector<std::vector<TrueBox>> truth_;
};

#if JOIST_OWN_MALLOC

// From here on the process dies at the first system call that changes its address space. All its threads.
bool forbid_new_memory() {
  const auto forbid = [](unsigned number) {
    return std::array<sock_filter, 2>{sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number},
                                      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS}};
  };
  std::vector<sock_filter> program{sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)}};
  for (const unsigned number : {unsigned{SYS_mmap}, unsigned{SYS_munmap}, unsigned{SYS_mremap}, unsigned{SYS_brk}})
    for (const sock_filter& line : forbid(number)) program.push_back(line);
  program.push_back(sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

// Run by SteadyLoop.AsksTheSystemForNothing in a process of its own.
TEST(SteadyChild, DISABLED_Loop) {
  Loop loop;
  loop.step();
  loop.step();
  if (!forbid_new_memory()) _exit(77);
  if (std::getenv("JOIST_STEADY_PLANTED")) {  // proves that the filter bites
    const volatile void* leak = __libc_malloc(std::size_t{256} << 20);
    _exit(leak ? 0 : 1);
  }
  for (int i = 0; i < 10; ++i) loop.step();
  _exit(0);
}

int run_child(const char* environment) {
  const std::string command =
      std::string(environment) + " /proc/" + std::to_string(getpid()) +
      "/exe --gtest_also_run_disabled_tests --gtest_filter=SteadyChild.DISABLED_Loop >/dev/null 2>&1";
  return std::system(command.c_str());
}

TEST(SteadyLoop, AsksTheSystemForNothing) {
  const int status = run_child("");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "this system has no seccomp";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "status " << status << ": a system call for memory after step 2";
}

TEST(SteadyLoop, ThePlantedRequestIsCaught) {
  const int status = run_child("JOIST_STEADY_PLANTED=1");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "this system has no seccomp";
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(SteadyLoop, EachStepTakesTheSameBytes) {
  Loop loop(0);  // the number of anchors that learn an object is a shape too: it stays when the weights stay
  loop.step();
  loop.step();
  std::vector<std::uint64_t> taken;
  for (int i = 0; i < 6; ++i) {
    const std::uint64_t before = bytes_asked;
    loop.step();
    taken.push_back(bytes_asked - before);
  }
  for (std::uint64_t bytes : taken) EXPECT_EQ(bytes, taken[0]);
  RecordProperty("bytes_per_step", static_cast<int>(taken[0]));
  std::printf("bytes through malloc per step: %llu\n", static_cast<unsigned long long>(taken[0]));
}

#endif

TEST(SteadyLoop, TheAllocatorAsksForNothing) {
  Loop loop;
  loop.step();
  loop.step();
  const std::uint64_t calls = allocator(cpu).statistics().system_calls;
  for (int i = 0; i < 5; ++i) loop.step();
  EXPECT_EQ(allocator(cpu).statistics().system_calls, calls);
}

}  // namespace
}  // namespace joist
