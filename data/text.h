// Text files from anywhere, as UTF-8.
#pragma once

#include <joist/core/text.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace joist {

/// A text file as UTF-8 without a byte order mark. UTF-8 and UTF-16 marks are followed; bytes that are not valid UTF-8
/// are taken for GB18030 (which contains GBK and GB2312), as Chinese Windows programs write. Throws DataError if they
/// are none of these or the file is larger than `max_bytes`.
std::string read_text(const std::string& path, std::int64_t max_bytes = std::int64_t{4} << 30);

/// The same for bytes already in memory; `where` is named in messages.
std::string to_utf8(std::string bytes, const std::string& where);

/// The line, counted from 1, that the byte at `offset` stands in.
std::int64_t line_at(std::string_view text, std::size_t offset) noexcept;

/// `text` without blanks, tabs and line ends around it.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace joist
