// A communicator whose rank misbehaves at a collective that a seed chooses: for trying how training, checkpoints and
// messages stand it, over any transport. (Messages between ranks are made to fail by MeshLinks::fate.)
#pragma once

#include <joist/core/parallel/communicator.h>

#include <functional>
#include <memory>

namespace joist::parallel {

struct Faults {
  enum class Kind : std::uint8_t {
    none,
    drop,     ///< the collective is never begun: the rank is stuck before it
    delay,    ///< it begins late
    reorder,  ///< it changes places with the next one
    kill,     ///< the process gets SIGKILL, or `killed` is called instead
  };
  Kind kind = Kind::none;
  std::uint64_t seed = 0;
  std::uint64_t within = 100;  ///< the seed chooses one of the first so many collectives
  std::chrono::milliseconds delay{100};
  std::function<void()> killed{};

  /// The number of the collective that the seed chooses, from 1.
  std::uint64_t chosen() const noexcept;
};

/// `inner` with one fault. What was dropped fails, like everything else, when the job is aborted.
std::unique_ptr<Communicator> faulty_communicator(std::unique_ptr<Communicator> inner, Faults faults);

}  // namespace joist::parallel
