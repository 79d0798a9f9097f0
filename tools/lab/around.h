// What surrounds an optimizer's step in the laboratory: schedules, clipping, penalties, noise, averages.
#pragma once

#include <joist/optim/average.h>
#include <joist/optim/optimizer.h>
#include <joist/optim/scheduler.h>
#include <joist/tools/lab/choice.h>
#include <joist/tools/lab/snapshot.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace joist::lab {

struct Around {
  std::string schedule = "constant";
  std::int64_t warmup = 0;
  double final_lr = 0, clip_norm = 0, clip_value = 0, clip_units = 0, proximal_l1 = 0, gradient_noise = 0, ema = 0,
         swa = 0;

  OptionTable table();
};

/// Settings that are taken beside an optimizer's own.
struct TrainingSetting {
  std::string name{};
  std::string help{};
};
const std::vector<TrainingSetting>& training_settings();

/// Takes them out of the optimizer's settings. Throws UsageError as assign_options().
Around around_of(Choice& optimizer);

/// Does what they say at the right moments of a run.
class Surroundings {
 public:
  Surroundings(const Around& around, FlatParameters& parameters, const std::vector<Field>& fields, Optimizer& optimizer,
               std::int64_t budget, std::uint64_t seed);

  /// Sets the rates of the step that comes after so many gradients.
  void before_step(std::int64_t evaluations);
  /// Changes a gradient that backward has written.
  void after_gradient(std::int64_t evaluations);
  /// After a step that ended with so many gradients.
  void after_step(std::int64_t evaluations);
  /// The training loss since the last point, which a plateau goes by.
  void result(double loss);
  void save(Snapshot& snapshot) const;
  void load(const Snapshot& snapshot);
  /// What is judged instead of the weights themselves; nullptr: nothing.
  MovingAverage* average() noexcept { return average_.get(); }

 private:
  void begin_average();

  Around around_;
  FlatParameters& parameters_;
  const std::vector<Field>& fields_;
  Optimizer& optimizer_;
  std::int64_t budget_;
  std::uint64_t seed_;
  std::vector<double> rates_{};
  std::optional<Plateau> plateau_{};
  double fallen_ = 1;
  std::unique_ptr<MovingAverage> average_{};
};

}  // namespace joist::lab
