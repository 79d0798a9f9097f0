// Pictures into PNG and JPEG files.
#pragma once

#include <joist/data/picture.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joist {

/// PNG bytes, 8-bit RGB, lossless. `compression` 0..9: speed against size.
std::vector<std::uint8_t> encode_png(const Picture& picture, int compression = 6);

/// JPEG bytes, 4:2:0. `quality` 1..100.
std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality = 90);

/// Writes the file in one step (an existing one stays whole if writing fails) and makes missing folders.
/// Throws EnvironmentError, or UsageError for an empty picture.
void write_png(const std::string& path, const Picture& picture, int compression = 6);
void write_jpeg(const std::string& path, const Picture& picture, int quality = 90);

}  // namespace joist
