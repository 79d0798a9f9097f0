// Archives in HDF5 files: joist's own checkpoints, and what Keras, h5py and others wrote.
//
// An own file opens in every HDF5 program. It begins with a user block of 512 bytes that says, as text, which version
// of this layout follows, the size of the whole file and the SHA-256 of all that follows the block:
//
//   joist archive⏎ version 1⏎ bytes 123456⏎ sha256 0f3c…⏎ (zeros) joist archive⏎
//
// Each array is a contiguous data set of its name, little-endian, booleans as h5py's enumeration, bfloat16 as a float
// type of 8 exponent bits; groups keep the order of their arrays. The attributes are UTF-8 strings of the root group.
#pragma once

#include <joist/core/formats/archive.h>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace joist {

/// The bytes of an HDF5 file with these arrays and attributes; the same archive gives the same bytes. Store them with
/// store_file. Throws InternalError for names that no file can have (require_writable), EnvironmentError when the
/// helper joist-hdf5-reader is missing or ends early. Costs 10 ms and about 2.5 ns per byte; the helper's peak of
/// memory is twice the result.
std::vector<std::byte> hdf5_image(const Archive& archive);

/// Reads an HDF5 file. An own file is checked first (size, version, SHA-256): one that is truncated, longer or changed
/// by a single bit is a DataError before anything is parsed. Other HDF5 files are read with `foreign` set; what has no
/// Dtype, and links to other files, are listed in `skipped`. The bytes are parsed in a process of its own that can open
/// nothing; when it crashes, hangs or claims more than 64 MiB + 32 times the file's size, that is a DataError too.
/// Throws EnvironmentError when the helper is missing.
/// Texts of the root group are its attributes; those of other groups and data sets are called "path@name", and lists of
/// texts are joined by line ends.
Archive read_hdf5(const std::filesystem::path& path);
/// The same for the bytes of a file; `where` stands in messages.
Archive read_hdf5(const std::string& where, std::vector<std::byte> bytes);

/// Throws EnvironmentError unless the helper process can be found, so that a long run finds out at its start.
void require_hdf5();

}  // namespace joist
