// Many pictures side by side, each with a line of text below.
#pragma once

#include <joist/data/picture.h>

#include <string>
#include <vector>

namespace joist {

struct SheetPicture {
  Picture picture{};
  std::string caption{};
};

/// A page `columns` pictures wide under a title; larger pictures are shrunk to `side` pixels. Captions that are too
/// long lose their middle.
Picture draw_contact_sheet(const std::string& title, const std::vector<SheetPicture>& pictures, int columns, int side);

}  // namespace joist
