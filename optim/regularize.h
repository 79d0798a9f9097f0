// What is done to gradients before a step, or to parameters after it, beside the optimizers' own weight decay. Clipping
// by norm, value and unit is in clip.h.
#pragma once

#include <joist/core/random.h>
#include <joist/optim/optimizer.h>

#include <cstdint>

namespace joist {

/// Gradient centralization (Yong et al. 2020): from the gradient of each parameter of two axes or more, the mean over
/// all axes but the first is taken away.
void centralize_gradients(FlatParameters& parameters);

/// L1: adds strength · sign(p) to the gradients of the groups that decay.
void add_l1_gradients(FlatParameters& parameters, double strength);
/// L2: adds strength · p; what weight_decay of the optimizers that do not decouple it does.
void add_l2_gradients(FlatParameters& parameters, double strength);
/// The proximal step of L1, after a step: p = sign(p) · max(|p| - lr · strength, 0) in the groups that decay. Unlike
/// add_l1_gradients(), parameters become exactly 0.
void proximal_l1(Optimizer& optimizer, double strength);

/// L2-SP (Li, Grandvalet, Davoine 2018): p = p + min(lr · strength, 1) · (start - p) in the groups that go `to_start`,
/// before a step; decoupled from the gradient as AdamW's decay is, so that Adam's moments do not rescale it. `start`:
/// the pretrained values, as long as the parameters' buffer.
void pull_to_start(Optimizer& optimizer, const Array& start, double strength);

/// Gradient noise (Neelakantan et al. 2015): adds normal numbers of variance eta / (1 + step)^gamma.
void add_gradient_noise(FlatParameters& parameters, std::int64_t step, std::uint64_t seed, double eta = 0.3,
                        double gamma = 0.55);

}  // namespace joist
