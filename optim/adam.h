// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).
#pragma once

#include <joist/optim/optimizer.h>

namespace joist {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;        ///< added to the root of the unbiased second moment
  double weight_decay = 0;      ///< added to the gradient
  bool clear_gradients = true;  ///< after each step
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;  ///< p -= lr · weight_decay · p, apart from the moments
  bool clear_gradients = true;
};

/// torch.optim.Adam.
class Adam : public Optimizer {
 public:
  /// Throws UsageError for a beta outside [0, 1) or a negative number.
  explicit Adam(FlatParameters& parameters, const AdamOptions& options = {});

 protected:
  Adam(FlatParameters& parameters, const AdamOptions& options, bool decoupled);

 private:
  void update(const FlatParameters::Group& group, const GroupSettings& settings, std::int64_t step) override;

  AdamOptions options_;
  bool decoupled_;
  Array first_moment_, second_moment_;
};

/// torch.optim.AdamW.
class AdamW final : public Adam {
 public:
  explicit AdamW(FlatParameters& parameters, const AdamWOptions& options = {});
};

}  // namespace joist
