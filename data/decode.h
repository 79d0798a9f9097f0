// Picture files into memory: JPEG, PNG and, where libwebp was found, WebP. The kind is told from the bytes, not from
// the name.
#pragma once

#include <joist/data/picture.h>

#include <cstdint>
#include <string>

namespace joist {

/// Limits, checked before memory is taken, and speed.
struct DecodeOptions {
  std::int64_t max_pixels = 89'478'485;            ///< width × height; a small file can claim any size
  std::int64_t max_bytes = std::int64_t{1} << 29;  ///< of the file
  /// If positive, a JPEG may come out reduced by 2, 4 or 8 as long as its longer side keeps this many pixels: several
  /// times faster for camera pictures that are shrunk afterwards anyway. Boxes must then be scaled by the sizes' ratio.
  int at_least = 0;
};

/// What the header says.
struct PictureInfo {
  std::string format{};  ///< "JPEG", "PNG" or "WebP"
  int width = 0;         ///< upright, as decode() returns it
  int height = 0;
  int stored_width = 0;  ///< as the rows lie in the file, before `orientation` is applied
  int stored_height = 0;
  int orientation = 1;  ///< EXIF orientation, 1..8
};

/// Decodes a picture and turns it upright by its EXIF orientation. Grey, palette, 16-bit, CMYK and interlaced files
/// come out as 8-bit RGB; transparent parts are laid over black; colour profiles and gamma are not applied. Throws
/// DataError that names the file if it is missing, not a picture, too large or damaged: a file that ends early or has
/// corrupt rows is an error, never a picture with grey parts.
Picture decode(const std::string& path, const DecodeOptions& options = {});

/// The same for bytes in memory; `name` stands in messages.
Picture decode_bytes(const std::string& bytes, const std::string& name, const DecodeOptions& options = {});

/// Reads the header only: no more than the first 64 KiB of most files. Throws DataError like decode().
PictureInfo probe(const std::string& path);

/// Whether the file has the mark that ends a picture of its kind; decodes nothing. Throws DataError like probe().
bool has_end(const std::string& path);

}  // namespace joist
