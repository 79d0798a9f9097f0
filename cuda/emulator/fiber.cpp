// The switch itself is a dozen instructions on x86-64; elsewhere swapcontext(), which asks the system each time.
#include <joist/cuda/emulator/fiber.h>

#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifdef __x86_64__
extern "C" void joist_switch_stack(void** from, void* to);
asm(R"(
.text
.globl joist_switch_stack
.type joist_switch_stack, @function
joist_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size joist_switch_stack, .-joist_switch_stack
)");
#endif

namespace joist::cuda::emulator {

struct Fiber::State {
  char* memory = nullptr;  // one page that may not be touched, then the stack
  std::size_t page = 4096, bytes = 0;
  std::function<void()> function{};
  std::exception_ptr thrown{};
  bool finished = true;
#ifdef __x86_64__
  void *inside = nullptr, *outside = nullptr;
#else
  ucontext_t inside{}, outside{};
#endif
#if defined(__SANITIZE_ADDRESS__)
  void *fake_inside = nullptr, *fake_outside = nullptr;
  const void* outer_stack = nullptr;
  std::size_t outer_bytes = 0;
#endif

  void enter() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_outside, memory + page, bytes);
#endif
#ifdef __x86_64__
    joist_switch_stack(&outside, inside);
#else
    swapcontext(&outside, &inside);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_outside, nullptr, nullptr);
#endif
  }
  void leave(bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake_inside, outer_stack, outer_bytes);
#else
    static_cast<void>(for_good);
#endif
#ifdef __x86_64__
    joist_switch_stack(&inside, outside);
#else
    swapcontext(&inside, &outside);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_inside, &outer_stack, &outer_bytes);
#endif
  }
  // Not [[noreturn]]: before such a call AddressSanitizer would look at a stack that it does not know yet.
  void main() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &outer_stack, &outer_bytes);
#endif
    try {
      function();
    } catch (...) {
      thrown = std::current_exception();
    }
    finished = true;
    leave(true);
  }
};

namespace {

// What a new stack returns into; its argument cannot be passed through the switch.
thread_local void* beginning = nullptr;

}  // namespace

Fiber::Fiber(std::size_t stack_bytes) : state_(std::make_unique<State>()) {
  state_->bytes = stack_bytes;
  void* memory = ::mmap(nullptr, stack_bytes + state_->page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  state_->memory = static_cast<char*>(memory);
  ::mprotect(memory, state_->page, PROT_NONE);
}

Fiber::~Fiber() {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(state_->memory + state_->page, state_->bytes);
#endif
  ::munmap(state_->memory, state_->bytes + state_->page);
}

void Fiber::start(std::function<void()> function) {
  State& state = *state_;
  state.function = std::move(function);
  state.finished = false;
  state.thrown = nullptr;
  static constexpr auto begin = +[] {
    auto* own = static_cast<State*>(beginning);
    own->main();
  };
  char* top = state.memory + state.page + state.bytes;
#if defined(__SANITIZE_ADDRESS__)
  // A function that was abandoned left the marks of its variables.
  __asan_unpoison_memory_region(state.memory + state.page, state.bytes);
#endif
#ifdef __x86_64__
  auto** slot = reinterpret_cast<void**>(top) - 1;
  *slot-- = nullptr;  // keeps the stack aligned as after a call
  *slot = reinterpret_cast<void*>(begin);
  for (int i = 0; i < 6; ++i) *--slot = nullptr;
  state.inside = slot;
#else
  getcontext(&state.inside);
  state.inside.uc_stack.ss_sp = top - state.bytes;
  state.inside.uc_stack.ss_size = state.bytes;
  state.inside.uc_link = nullptr;
  makecontext(&state.inside, begin, 0);
#endif
}

void Fiber::resume() {
  if (state_->finished) throw std::logic_error("a finished fiber was resumed");
  beginning = state_.get();
  state_->enter();
  if (state_->thrown) std::rethrow_exception(std::exchange(state_->thrown, nullptr));
}

void Fiber::pause() { state_->leave(false); }

bool Fiber::finished() const noexcept { return state_->finished; }

}  // namespace joist::cuda::emulator
