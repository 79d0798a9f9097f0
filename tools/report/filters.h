// Small windows that pictures are filtered with: the classic ones by name, and how to apply any of them.
#pragma once

#include <joist/core/array.h>
#include <joist/data/picture.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// A window. One channel: it is laid over each colour, or over the brightness; three: over red, green and blue at once.
struct Filter {
  std::string name{};
  Array window{};           ///< float32 [channel, height, width], as cross-correlation takes it
  bool brightness = false;  ///< applied to the brightness instead of each colour: edges
  bool is_signed = false;   ///< results below 0 mean something: 0 is drawn as middle gray
};

struct FilterOptions {
  double sigma = 1;       ///< gaussian, log: width in pixels
  std::int64_t size = 0;  ///< side of gaussian, box, log: odd; 0: 6 σ rounded up to odd (box: 3)
};

/// The windows of a name: most names have one; sobel, prewitt and scharr have two, across and down. Throws UsageError
/// listing the names.
std::vector<Filter> named_filters(const std::string& name, const FilterOptions& options = {});
/// "sobel, prewitt, …"
std::string filter_names();

/// The window turned by 180°: what convolution in the mathematician's sense does before it is moved over the picture.
Filter flipped(const Filter& filter);

/// [channel, height, width] in [0, 1]: red, green and blue, or the brightness (ITU-R BT.601).
Array channels_of(const Picture& picture, bool brightness);

/// The picture's channels, filtered: [channel, height, width] of the same size, 1 channel for windows of 3. Beyond the
/// edge the nearest pixel stands. Through the Fourier transform, or directly.
Array filtered(const Array& channels, const Filter& filter, bool fourier);

/// |frequency response| of a window, [side, side], frequency 0 in the middle, ±1/2 cycle per pixel at the edges; for
/// several channels the response to gray pictures.
Array frequency_response(const Filter& filter, std::int64_t side);

}  // namespace joist
