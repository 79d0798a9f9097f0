// What the GPU's communicator asks of a library of collectives: device/nccl.cpp asks NCCL, and emulator/collectives.cpp
// carries the calls of ranks that are threads out on the emulated GPU.
#pragma once

#include <joist/core/dtype.h>
#include <joist/core/parallel/collective.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace joist::cuda {

/// One call; all ranks make the same ones in the same order. Everything happens in place.
struct CollectiveCall {
  enum class Kind : std::uint8_t {
    all_reduce,      ///< `count` elements
    reduce,          ///< of `count` elements to the root, whose data alone is defined afterwards
    reduce_scatter,  ///< of `count` elements for every rank; rank r's lie from r · count on
    all_gather,      ///< the inverse
    broadcast        ///< of the root's `count` elements
  };
  Kind kind = Kind::all_reduce;
  void* data = nullptr;  ///< on the GPU
  std::int64_t count = 0;
  Dtype dtype = Dtype::float32;
  parallel::Reduce reduce = parallel::Reduce::sum;
  int root = 0;
  /// Elements from `data` on that the call may read or write.
  std::int64_t reach(int ranks) const {
    return kind == Kind::reduce_scatter || kind == Kind::all_gather ? count * ranks : count;
  }
};

/// One rank among others. Used by one thread.
class Collectives {
 public:
  Collectives() = default;
  Collectives(const Collectives&) = delete;
  Collectives& operator=(const Collectives&) = delete;
  virtual ~Collectives() = default;
  /// Whether all ranks have met.
  virtual bool ready() = 0;
  /// Empty: all is well.
  virtual std::string error() = 0;
  /// Puts calls into a stream, to be done together. Returns when the library has taken them, which may need the other
  /// ranks; throws EnvironmentError when it cannot, or was told to give up.
  virtual void run(std::span<const CollectiveCall> calls, void* stream) = 0;
  /// Ends what is on its way; the data is undefined afterwards, and nothing more may be asked.
  virtual void abort() noexcept = 0;
};

/// What tells this job's ranks from another's: made by one, known by all. Throws EnvironmentError where the library is
/// missing.
std::string make_collectives_id();
/// Begins to meet the others. `give_up` is asked while something takes long.
std::unique_ptr<Collectives> begin_collectives(const std::string& id, int rank, int size,
                                               std::function<bool()> give_up);

}  // namespace joist::cuda
