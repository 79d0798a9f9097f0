#include <joist/tools/hdf5_reader/channel.h>
#include <joist/tools/hdf5_reader/sandbox.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace joist::helper {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t architecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t architecture = AUDIT_ARCH_RISCV64;
#else
constexpr std::uint32_t architecture = 0;
#endif

// The sanitizers map their shadow memory and write their reports with other calls: such a build runs with its rights.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

void limit(decltype(RLIMIT_AS) resource, std::uint64_t value, std::uint64_t slack = 0) {
  const rlimit both{value, value + slack};
  if (::setrlimit(resource, &both) != 0) throw Failure("the kernel does not take limits for a process");
}

// Anything not named here fails with EPERM, which HDF5 takes for an ordinary error (a link to another file, say).
std::vector<sock_filter> rules() {
  constexpr auto statement = [](int code, std::uint32_t value) {
    return sock_filter{static_cast<std::uint16_t>(code), 0, 0, value};
  };
  constexpr auto jump = [](int code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    return sock_filter{static_cast<std::uint16_t>(code), if_true, if_false, value};
  };
  constexpr int load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K, give = BPF_RET | BPF_K;
  std::vector<sock_filter> filter{
      statement(load, offsetof(seccomp_data, arch)),
      jump(equal, architecture, 1, 0),
      statement(give, SECCOMP_RET_KILL_PROCESS),
      statement(load, offsetof(seccomp_data, nr)),
  };
  for (const long call : {SYS_read, SYS_write, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_exit,
                          SYS_exit_group, SYS_rt_sigreturn, SYS_clock_gettime}) {
    filter.push_back(jump(equal, static_cast<std::uint32_t>(call), 0, 1));
    filter.push_back(statement(give, SECCOMP_RET_ALLOW));
  }
  // Memory, but none that can be executed. (The lower half of the argument holds all flags.)
  filter.push_back(jump(equal, SYS_mmap, 0, 3));
  filter.push_back(statement(load, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)));
  filter.push_back(jump(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
  filter.push_back(statement(give, SECCOMP_RET_ALLOW));
  filter.push_back(statement(give, SECCOMP_RET_ERRNO | EPERM));
  return filter;
}

}  // namespace

void enter_sandbox(std::uint64_t memory_bytes, std::uint64_t cpu_seconds) {
  limit(RLIMIT_CPU, cpu_seconds, 1);  // SIGXCPU first, whose name says what happened, SIGKILL a second later
  limit(RLIMIT_CORE, 0);
  if (sanitized) return;
  limit(RLIMIT_AS, memory_bytes);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, 0);
  std::vector<sock_filter> filter = rules();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (architecture == 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    throw Failure("this system cannot lock a process in (seccomp), and HDF5 files are read in no other way");
}

}  // namespace joist::helper
