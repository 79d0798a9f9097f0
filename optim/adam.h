// Adam and its relatives: a moving mean of the gradient over the root of a moving mean of its square.
#pragma once

#include <joist/optim/elementwise.h>

namespace joist {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;        ///< added to the root of the unbiased second moment
  double weight_decay = 0;  ///< added to the gradient
  bool amsgrad = false;     ///< divide by the largest second moment so far (Reddi et al. 2018)
  bool maximize = false;
  bool clear_gradients = true;  ///< after each step

  static constexpr const char* kind = "adam";
  OptionTable table();
  std::vector<StepBuffer> buffers() const;
  OptimizerStep step(std::int64_t t, double*) const;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  ///< p -= lr · weight_decay · p, apart from the moments
  bool amsgrad = false;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "adamw";
  OptionTable table();
  std::vector<StepBuffer> buffers() const;
  OptimizerStep step(std::int64_t t, double*) const;
};

struct AdamaxOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< added to the gradient
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "adamax";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"first_moment"}, {"largest"}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

struct NadamOptions {
  double lr = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "nadam";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"first_moment"}, {"second_moment"}}; }
  std::vector<StepNumber> numbers() const { return {{"mu_product", 1}}; }
  OptimizerStep step(std::int64_t t, double* numbers) const;
};

struct RadamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;  ///< added to the root of the second moment before its bias is corrected
  double weight_decay = 0;
  bool decoupled_weight_decay = false;
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "radam";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"first_moment"}, {"second_moment"}}; }
  OptimizerStep step(std::int64_t t, double*) const;
};

/// torch.optim.Adam (Kingma and Ba 2015).
using Adam = Elementwise<AdamOptions>;
/// torch.optim.AdamW (Loshchilov and Hutter 2019).
using AdamW = Elementwise<AdamWOptions>;
/// torch.optim.Adamax (Kingma and Ba 2015): the largest gradient instead of the second moment.
using Adamax = Elementwise<AdamaxOptions>;
/// torch.optim.NAdam (Dozat 2016): Adam with Nesterov momentum.
using Nadam = Elementwise<NadamOptions>;
/// torch.optim.RAdam (Liu et al. 2020): Adam that waits until its second moment is an estimate.
using Radam = Elementwise<RadamOptions>;

}  // namespace joist
