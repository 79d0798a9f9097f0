// Transforms for classification: a window of the picture, mirrored or not, as normalized numbers.
#pragma once

#include <joist/core/random.h>

#include <cstdint>
#include <vector>

namespace joist {

/// What happens to pictures on their way to a classifier.
struct CropOptions {
  int pad = 0;                ///< training takes a random window of the picture with this border of zeros around it
  float flip_horizontal = 0;  ///< probability, in training
  /// Per channel, in 0..1: numbers come out as (pixel / 255 - mean) / deviation. Empty: 0 and 1.
  std::vector<float> mean{};
  std::vector<float> deviation{};
};

/// Pixels that lie elsewhere, [height, width, channels].
struct PixelView {
  const std::uint8_t* pixels = nullptr;
  int width = 0;
  int height = 0;
  int channels = 0;
};

/// Which window of a picture is taken; it may reach over the edges, where there are zeros.
struct Window {
  int left = 0;
  int top = 0;
  bool is_mirrored = false;
};

/// The window in the middle.
Window middle_window(const PixelView& picture, int width, int height);
/// A window anywhere in the picture and its border.
Window random_window(const PixelView& picture, int width, int height, const CropOptions& options, Random& random);

/// Takes windows of one size out of pictures.
class Cropper {
 public:
  /// Throws UsageError for options out of range or not fitting the channels.
  Cropper(const CropOptions& options, int width, int height, int channels);
  /// Writes [height, width, channels].
  void operator()(const PixelView& picture, const Window& window, float* out) const;
  /// The same as pixels, 0 in the border.
  void operator()(const PixelView& picture, const Window& window, std::uint8_t* out) const;

 private:
  template <class Put>
  void each(const PixelView& picture, const Window& window, const Put& put) const;

  int width_, height_, channels_;
  std::vector<float> table_{};  // [channels, 256]
};

}  // namespace joist
