// Writes the seed corpus: for each format a small whole file, and damaged ones that reach its refusals.
#include <joist/tests/core/formats/sound_files.h>

#include <filesystem>
#include <fstream>
#include <iostream>

int main(int count, char** arguments) {
  using namespace joist::test;
  if (count != 2) {
    std::cerr << "usage: seeds FOLDER\n";
    return 2;
  }
  for (const ByteFormat& format : byte_formats) {
    const std::filesystem::path folder = std::filesystem::path(arguments[1]) / std::string(format.name);
    std::filesystem::create_directories(folder);
    const std::string bytes = whole(format.name);
    const auto store = [&](const std::string& name, const std::string& content) {
      std::ofstream(folder / name, std::ios::binary) << content;
    };
    store("whole", bytes);
    store("cut", bytes.substr(0, bytes.size() / 2));
    std::string flipped = bytes;
    flipped[bytes.size() / 3] = static_cast<char>(~flipped[bytes.size() / 3]);
    store("flipped", flipped);
  }
}
