// The first bytes of picture files, parsed without any image library. Private to data/.
#pragma once

#include <joist/data/decode.h>

#include <optional>
#include <string>
#include <string_view>

namespace joist {

enum class PictureKind { jpeg, png, webp };

/// What the bytes begin like. Throws DataError that says what they look like instead.
PictureKind picture_kind(std::string_view bytes, const std::string& name);

/// The header in `bytes`, the beginning of a file. Empty where more bytes are needed and `whole` is false. Throws
/// DataError.
std::optional<PictureInfo> parse_header(std::string_view bytes, const std::string& name, bool whole);

/// Whether the end mark of its kind stands in the whole file `bytes`.
bool ends_properly(std::string_view bytes, const std::string& name);

/// Error for a file that stops before its picture is complete.
[[noreturn]] void throw_truncated(const std::string& name, const std::string& detail);

}  // namespace joist
