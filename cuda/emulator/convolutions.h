// What the recording fake of cuDNN can do, for tests of what happens where it cannot.
#pragma once

namespace joist::cuda::emulator {

struct ConvolutionAbilities {
  bool any = true, adds = true, bias = true;
};
/// After a change, forget_convolution_ways().
ConvolutionAbilities& convolution_abilities();

}  // namespace joist::cuda::emulator
