// A page of pictures: what windows make of a picture, each with the window itself and what it does to frequencies.
#pragma once

#include <joist/data/picture.h>
#include <joist/tools/report/filters.h>

#include <optional>
#include <string>
#include <vector>

namespace joist {

struct FilterCard {
  std::string title{}, caption{};
  Picture picture{};
  std::optional<Filter> filter{};  ///< none: the picture alone
};

/// [channel, height, width] as a picture. Signed: 0 is middle gray and ±1 black or white; else 0 is black and 1 white.
/// Stretched: the largest magnitude stands for 1; one of 500 pixels may be cut off, so that a few do not darken the
/// rest.
Picture picture_of_channels(const Array& channels, bool is_signed, bool stretched);

/// The cards side by side, at most four in a row, under a title.
Picture draw_filter_sheet(const std::string& title, const std::vector<FilterCard>& cards);

}  // namespace joist
