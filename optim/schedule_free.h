// Schedule-free AdamW: an average of the weights in place of a falling rate.
#pragma once

#include <joist/optim/elementwise.h>

namespace joist {

struct ScheduleFreeAdamWOptions {
  double lr = 2.5e-3;
  double beta1 = 0.9;  ///< between the average (1) and the last point (0), where gradients are taken
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  std::int64_t warmup_steps = 0;
  double r = 0;                ///< weight of step t in the average: t^r …
  double weight_lr_power = 2;  ///< … times this power of the largest rate so far
  bool maximize = false;
  bool clear_gradients = true;

  static constexpr const char* kind = "schedule_free_adamw";
  OptionTable table();
  std::vector<StepBuffer> buffers() const { return {{"z"}, {"second_moment"}}; }
  std::vector<StepNumber> numbers() const { return {{"lr_max", -1}, {"weight_sum"}}; }
  OptimizerStep step(std::int64_t t, double* numbers) const;
};

/// AdamWScheduleFree of the package schedulefree, 1.4.1 (Defazio et al. 2024). Train with train(), evaluate and save
/// with eval(): the model's weights are different ones then. It begins in eval(), so that a forgotten train() is an
/// error of the first step; evaluating() tells whether a forgotten eval() would measure the wrong weights.
class ScheduleFreeAdamW final : public Elementwise<ScheduleFreeAdamWOptions> {
 public:
  explicit ScheduleFreeAdamW(FlatParameters& parameters, const ScheduleFreeAdamWOptions& options = {},
                             GroupOptions<ScheduleFreeAdamWOptions> own = {});
  /// To the average. There and back changes no bit while nobody writes the weights in between.
  void eval() override;
  void train() override;
  bool evaluating() const noexcept override { return *training_ == 0; }
  /// The average's weights count the steps of all.
  bool joins_late() const noexcept override { return false; }
  bool is_elementwise() const noexcept override { return false; }  // eval() and train() move all weights

 private:
  void advance() override;
  void move(bool to_average);

  double* training_;  // a number per group, so that it is saved
  Array trained_{}, averaged_{};
};

}  // namespace joist
