// What the recording fake of cuDNN's attention can do, for tests of what happens where it cannot.
#pragma once

namespace joist::cuda::emulator {

struct AttentionAbilities {
  bool forward = true, backward = true;
};
/// After a change, forget_attention_plans().
AttentionAbilities& attention_abilities();

}  // namespace joist::cuda::emulator
