// For operations that compute their result by other functions over Tensors.
#pragma once

#include <joist/core/gradient.h>

namespace joist {

/// While it lives, operations of this thread record nothing and no listener hears them: the operation that they belong
/// to speaks for them.
class Quiet {
  struct Deaf final : Listener {
    void on_record(const Operation&, std::span<const Tensor>, std::span<const Tensor>) override {}
  };
  NoGradient off_;
  Deaf deaf_;
  Listening silence_{deaf_};
};

}  // namespace joist
