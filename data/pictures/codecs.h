// One decoder per file format; decode.cpp chooses among them. Private to data/.
#pragma once

#include <joist/data/decode.h>

#include <string>
#include <string_view>

namespace joist {

/// Decodes all of `bytes` as the rows lie in the file (no EXIF turn). The size in `info` was checked against the
/// limits.
Picture decode_jpeg(std::string_view bytes, const std::string& name, const PictureInfo& info, int at_least);
Picture decode_png(std::string_view bytes, const std::string& name, const PictureInfo& info);
Picture decode_webp(std::string_view bytes, const std::string& name, const PictureInfo& info);

}  // namespace joist
