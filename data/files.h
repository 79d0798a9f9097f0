// Whole files in and out of memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace joist {

/// The bytes of a regular file. Throws DataError if it cannot be read, changes while it is read, or holds more than
/// `max_bytes` (checked before memory is taken).
std::string read_bytes(const std::string& path, std::int64_t max_bytes);

/// The first or last `count` bytes of a regular file, or all of them where it is shorter. Throws DataError.
std::string read_head(const std::string& path, std::int64_t count);
std::string read_tail(const std::string& path, std::int64_t count);

/// Replaces `path` in one step: a reader sees the old file or the new one, a failure leaves the old one. Missing folders
/// are made. It is not forced to the disk, so a power failure may lose it. Throws EnvironmentError.
void write_bytes(const std::string& path, std::span<const std::uint8_t> bytes);
void write_bytes(const std::string& path, const std::string& text);

/// `path` as UTF-8 with '/' between its parts, for messages and annotation files.
std::string utf8(const std::filesystem::path& path);

}  // namespace joist
