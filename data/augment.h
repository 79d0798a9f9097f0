// Augmentation for detection: from labelled pictures to one training example, the boxes carried along.
//
// An example depends on (seed, epoch, sample) only: the same on any machine with any number of threads. It is composed
// of one picture or four (mosaic), drawn through a random affine map, and then goes through augment_steps().
#pragma once

#include <joist/core/random.h>
#include <joist/data/augment/example.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace joist {

/// What happens to training pictures; every figure may be 0, which switches that part off. The defaults are those that
/// YOLO detectors are trained with.
struct AugmentOptions {
  float mosaic = 1.0F;           ///< probability that four pictures are laid together
  float translate = 0.1F;        ///< shift by at most this share of the side
  float scale = 0.5F;            ///< zoom by 1 - scale … 1 + scale
  float degrees = 0.0F;          ///< turn by at most this angle
  float shear = 0.0F;            ///< slant by at most this angle, degrees, each axis
  float hue = 0.015F;            ///< shift by at most this share of the colour circle
  float saturation = 0.7F;       ///< times 1 - saturation … 1 + saturation
  float value = 0.4F;            ///< brightness, times 1 - value … 1 + value
  float flip_horizontal = 0.5F;  ///< probability
  float flip_vertical = 0.0F;    ///< probability; 0.5 suits aerial pictures
  // Boxes that are left of an object that was cut or shrunk stay only if they are
  float min_side = 2.0F;      ///< wider and higher than this, pixels,
  float max_aspect = 100.0F;  ///< less long than this compared to their width (0: any), and
  float min_kept = 0.1F;      ///< show more than this share of the object
};

/// Throws UsageError that names the field that is out of range.
void check(const AugmentOptions& options);

/// Where pictures come from. Several threads call load() at once.
class ExamplePool {
 public:
  virtual ~ExamplePool() = default;
  virtual std::size_t size() const = 0;
  /// The picture, its longer side scaled to the size of training, and its boxes, written to `boxes`.
  virtual std::shared_ptr<const Picture> load(std::size_t sample, std::vector<LabelledBox>& boxes) const = 0;
  /// What is known of these boxes' objects beside the boxes, in the same pixels: one shape per box, or none at all.
  virtual std::vector<ObjectShape> shapes(std::size_t sample) const;
};

/// Makes examples; one for each thread, since it reuses its memory.
class Augmenter {
 public:
  /// Pictures of size × size pixels. `leaves_pixels`: Example::left says what the steps would do to them. Throws
  /// UsageError as check() does.
  Augmenter(const AugmentOptions& options, int size, bool leaves_pixels = false);
  /// Valid until the next call. Throws what `pool` throws.
  const Example& operator()(const ExamplePool& pool, std::uint64_t seed, std::uint32_t epoch, std::size_t sample);

 private:
  void compose(const ExamplePool& pool, std::size_t sample, Random& random);

  AugmentOptions options_;
  int size_;
  bool leaves_pixels_;
  Example example_{};
  std::vector<LabelledBox> source_boxes_{};
};

/// One change of an example in place, which may be left to Example::left. It takes its random numbers from `random`
/// alone and decides by them whether it happens.
struct AugmentStep {
  const char* name;
  std::uint32_t
      call;  ///< RandomKey::call: its own and never changed, so that a new step leaves the others' numbers alone
  void (*apply)(Example& example, const AugmentOptions& options, Random& random);
};

/// The steps in their order. To add one, write its function and its line in data/augment/steps.cpp.
std::span<const AugmentStep> augment_steps() noexcept;

/// Hue, saturation and brightness.
void change_colour(Example& example, const AugmentOptions& options, Random& random);
void flip_vertical(Example& example, const AugmentOptions& options, Random& random);
void flip_horizontal(Example& example, const AugmentOptions& options, Random& random);

}  // namespace joist
