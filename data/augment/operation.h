// One operation of an augmentation list, as the list runs it. Private to data/augment; README.md says how to add one.
#pragma once

#include <joist/core/random.h>
#include <joist/data/augment.h>
#include <joist/data/augment/pipeline.h>
#include <joist/data/augment/warp.h>

#include <functional>
#include <string_view>
#include <vector>

namespace joist {

/// What an operation works on and may draw from.
struct AugmentScene {
  Example& example;
  Example& spare;  ///< memory to work in; its content is of no use
  Random& random;
  const ExamplePool& pool;
  int size;  ///< side of the square that comes out at the end of the list
  std::size_t sample;
  const KeepRule& keep;
  const std::vector<int>& mirrored_keypoints;
  const std::vector<std::string>& backgrounds;  ///< picture files that the operation may lay behind objects
  /// Another picture of the pool after the operations before this one that take a single picture or lay a mosaic.
  std::function<const Example&()> other;

  float uniform(float low, float high) { return random.uniform(low, high); }
  double uniform(double low, double high) {
    return static_cast<double>(random.uniform(static_cast<float>(low), static_cast<float>(high)));
  }
  /// A whole number from low to high.
  int whole(int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool chance(double probability) { return random.chance(static_cast<float>(probability)); }
};

/// The settings of an operation, complete.
class AugmentSettings {
 public:
  AugmentSettings(const AugmentOperation& operation, const AugmentOp& op);
  /// The value of a parameter that the operation has.
  double operator[](std::string_view name) const;
  float real(std::string_view name) const { return static_cast<float>((*this)[name]); }
  int whole(std::string_view name) const { return static_cast<int>((*this)[name]); }

 private:
  const AugmentOperation* operation_;
  std::vector<double> values_{};
};

/// Families of operations, each in a file of its own.
std::span<const AugmentOperation> geometry_operations();
std::span<const AugmentOperation> crop_operations();
std::span<const AugmentOperation> mixing_operations();
std::span<const AugmentOperation> occlusion_operations();
std::span<const AugmentOperation> colour_operations();
std::span<const AugmentOperation> filter_operations();
std::span<const AugmentOperation> weather_operations();
std::span<const AugmentOperation> background_operations();
std::span<const AugmentOperation> policy_operations();

/// The scaled, letterboxed picture of size × size that ends every list; cheap where it is one already.
void fit_to_square(Example& example, int size, Example& spare);

}  // namespace joist
