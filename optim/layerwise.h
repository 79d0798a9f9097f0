// Optimizers for large batches: the step of each parameter is as long as its own norm asks for.
#pragma once

#include <joist/optim/groupwise.h>

namespace joist {

struct LambOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 0;  ///< part of the direction, as in the paper
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "lamb";
  OptionTable table();
};

/// LAMB (You et al. 2020): r = Adam's direction + weight_decay · p; p -= lr · |p| / |r| · r, the ratio being 1 where
/// either norm is 0.
class Lamb final : public Groupwise<LambOptions> {
 public:
  explicit Lamb(FlatParameters& parameters, const LambOptions& options = {}, GroupOptions<LambOptions> own = {});

 private:
  void update(std::size_t group, const LambOptions& options) override;
  Array first_moment_, second_moment_, direction_;
};

struct LarsOptions {
  double lr = 1e-3;
  double momentum = 0.9;
  double dampening = 0;
  double weight_decay = 0;
  double trust_coefficient = 1e-3;
  bool nesterov = false;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "lars";
  OptionTable table();
};

/// LARS (You et al. 2017): SGD with momentum on g · trust_coefficient · |p| / (|g| + weight_decay · |p|), weight decay
/// included, for parameters of two axes or more; the others are neither scaled nor decayed.
class Lars final : public Groupwise<LarsOptions> {
 public:
  explicit Lars(FlatParameters& parameters, const LarsOptions& options = {}, GroupOptions<LarsOptions> own = {});

 private:
  void update(std::size_t group, const LarsOptions& options) override;
  Array velocity_;
};

}  // namespace joist
