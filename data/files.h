// Whole files in and out of memory, as text or bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace joist {

/// The bytes of a regular file. Throws as read_file() does: DataError where there is none or it holds more than
/// `max_bytes`, EnvironmentError where it may not be read.
std::string read_bytes(const std::string& path, std::int64_t max_bytes);

/// The first or last `count` bytes of a regular file, or all of them where it is shorter. Throws DataError.
std::string read_head(const std::string& path, std::int64_t count);
std::string read_tail(const std::string& path, std::int64_t count);

/// Replaces the file as store_file() does, wholly or not at all, and makes missing folders. Throws EnvironmentError.
void write_bytes(const std::string& path, std::span<const std::uint8_t> bytes);
void write_bytes(const std::string& path, const std::string& text);

/// `path` as UTF-8 with '/' between its parts, for messages and annotation files.
std::string utf8(const std::filesystem::path& path);

}  // namespace joist
