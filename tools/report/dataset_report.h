// The page of a data set: what is in it and what it looks like.
#pragma once

#include <joist/data/dataset.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// Numbers of a data set with boxes.
struct DatasetStatistics {
  struct Category {
    std::string name{};
    std::int64_t boxes = 0;
    std::int64_t pictures = 0;  ///< with at least one
    double median_width = 0;    ///< pixels
    double median_height = 0;
  };
  std::vector<Category> categories{};
  std::int64_t pictures = 0;
  std::int64_t empty_pictures = 0;
  std::int64_t boxes = 0;
  /// Boxes by the square root of their area in the model's input, pixels: below 4, 8, 16, …, 256, and above.
  std::vector<std::int64_t> by_side{};
  std::vector<std::int64_t> by_count{};  ///< pictures with 0, 1, 2, … boxes, the last one for that many and more
  std::vector<double> centres{};         ///< [32, 32]: share of the box centres in each cell of the pictures
};

/// `size`: side in pixels of the model's input, to which pictures are scaled as a whole.
DatasetStatistics statistics(const Dataset& dataset, int size);

std::string to_json(const DatasetStatistics& numbers);

/// One self-contained HTML page: class counts, box sizes and positions, `examples` pictures with their boxes. Pictures
/// that cannot be decoded are left out.
std::string dataset_page(const Dataset& dataset, int size, int examples = 12);

}  // namespace joist
