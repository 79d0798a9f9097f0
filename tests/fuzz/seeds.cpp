// Writes the seed corpus: for each format a small whole file, and damaged ones that reach its refusals.
#include <joist/tests/core/formats/sound_files.h>

#include <cstdint>
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
  // Headers that the rules of safetensors refuse.
  const std::filesystem::path folder = std::filesystem::path(arguments[1]) / "safetensors";
  int number = 0;
  for (const std::string header :
       {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"__metadata__\":{\"k\":\"v\"}}",
        "{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}",
        "{\"a\":{\"dtype\":\"X\",\"shape\":[2],\"data_offsets\":[0,1]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,1]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":1}", "{\"a\":1}", "{\"a\\u0000\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"}) {
    std::ofstream file(folder / ("header" + std::to_string(number++)), std::ios::binary);
    const std::uint64_t length = header.size();
    file.write(reinterpret_cast<const char*>(&length), 8) << header << std::string(8, '\0');
  }
}
