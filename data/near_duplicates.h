// Pictures that are the same or nearly so: what they look like in a few bytes, and which pairs are alike.
#pragma once

#include <joist/data/dataset.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// What a picture looks like.
struct Sketch {
  std::uint64_t content = 0;  ///< hash of the file's bytes
  std::int64_t bytes = 0;
  std::uint64_t gradients = 0;                ///< which of 8×8 places are brighter than their right neighbour
  std::array<std::uint8_t, 256> thumbnail{};  ///< 16×16 mean brightnesses
  bool is_flat = false;                       ///< too little contrast for a look to tell pictures apart
  std::string fault{};                        ///< why the picture could not be decoded; then nothing above holds
};

/// Decodes every picture, at an eighth of its size where its kind allows. `threads`: 0 for one per core.
std::vector<Sketch> sketches(const Dataset& dataset, int threads = 0);

struct AlikePair {
  std::size_t first = 0;  ///< index; smaller than `second`
  std::size_t second = 0;
  bool is_same_file = false;  ///< byte for byte; else they look alike
};

/// The pairs that are alike, by `second`, each `second` with the first that it is like. Looking alike means: at most 6
/// of the 64 gradient bits differ, and thumbnails differ by at most 4 of 255 on average.
/// With `boundary`, only pairs of one before and one from there on count.
std::vector<AlikePair> alike(const std::vector<Sketch>& all, std::size_t boundary = 0);

}  // namespace joist
