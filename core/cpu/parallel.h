// Loops over the machine's cores. One team (OpenMP's, which oneDNN shares), fixed contiguous pieces: a result depends
// on the count and the number of threads, never on timing.
#pragma once

#include <joist/core/threads.h>

#include <cstdint>
#include <memory>
#include <type_traits>

namespace joist {

/// Non-owning reference to something callable, valid while that lives. Costs one indirect call and no memory.
template <class Signature>
class FunctionRef;
template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class Callable, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
                                                     std::is_invocable_r_v<Result, Callable&, Arguments...>>>
  FunctionRef(Callable&& callable)  // NOLINT: implicit, so that a lambda can be written in the call
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(arguments...);
        }) {}
  Result operator()(Arguments... arguments) const { return call_(object_, arguments...); }

 private:
  void* object_;
  Result (*call_)(void*, Arguments...);
};

/// Into how many parts parallel_parts() cuts `count` items: at most threads(), each of at least about `grain` items; 0
/// for no items. The same inside another parallel loop, where the parts run one after the other.
int parts_of(std::int64_t count, std::int64_t grain);

/// body(part, begin, end) once for each part. Parts are contiguous, ascending and differ by at most one item.
/// An exception thrown by the body is rethrown here after all parts have stopped (that of the lowest part).
void parallel_parts(std::int64_t count, std::int64_t grain,
                    FunctionRef<void(int part, std::int64_t begin, std::int64_t end)> body);

/// In which order a thread takes the pieces of its part.
enum class Sweep { upwards, downwards };

/// For bodies that do not care which part they are: each part is cut into pieces of at least about `grain` items, and a
/// thread that is done with its own takes those that others have not begun. The pieces depend on the count and the
/// number of threads only, who does which one does not.
void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t begin, std::int64_t end)> body,
                  Sweep sweep = Sweep::upwards);

/// The same for bodies that need memory to work in: `worker` is below parts_of(count, grain) and no two calls with the
/// same one run at once.
void parallel_workers(std::int64_t count, std::int64_t grain,
                      FunctionRef<void(int worker, std::int64_t begin, std::int64_t end)> body,
                      Sweep sweep = Sweep::upwards);

/// Before a call of oneDNN, which goes by OpenMP's setting for the calling thread: makes that equal to threads(), or to
/// 1 inside a parallel loop. Returns it.
int apply_threads();

}  // namespace joist
