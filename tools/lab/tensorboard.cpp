#include <joist/core/formats/store.h>
#include <joist/tools/lab/tensorboard.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include <nlohmann/json.hpp>

namespace joist::lab {
namespace {

using Json = nlohmann::ordered_json;

// CRC-32C, "masked" as TFRecord files have it.
std::uint32_t masked_crc(const std::string& bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value & 1U ? value >> 1 ^ 0x82F63B78U : value >> 1;
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU] ^ crc >> 8;
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8U;
}

template <class Number>
std::string little(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}
static_assert(std::endian::native == std::endian::little);

// Protocol buffers' wire format: only what an event needs.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128U);
  return bytes + static_cast<char>(value);
}
std::string key(int field, int type) {
  return varint(static_cast<std::uint64_t>(field) << 3 | static_cast<unsigned>(type));
}
std::string bytes_field(int field, const std::string& bytes) { return key(field, 2) + varint(bytes.size()) + bytes; }

std::string record(const std::string& event) {
  const std::string length = little(static_cast<std::uint64_t>(event.size()));
  return length + little(masked_crc(length)) + event + little(masked_crc(event));
}

// Event{wall_time = 1, step = 2, file_version = 3, summary = 5{value = 1{tag = 1, simple_value = 2}}}
std::string scalar(std::int64_t step, const std::string& tag, double value) {
  const std::string one = bytes_field(1, tag) + key(2, 5) + little(static_cast<float>(value));
  return record(key(1, 1) + little(static_cast<double>(step)) + key(2, 0) + varint(static_cast<std::uint64_t>(step)) +
                bytes_field(5, bytes_field(1, one)));
}

std::string file_name(const std::string& label) {
  std::string name;
  for (const char c : label) name += c == '/' || static_cast<unsigned char>(c) < 0x20 ? '-' : c;
  return name.substr(0, 200);
}

std::string events(const Json& run) {
  std::string all = record(key(1, 1) + little(0.0) + bytes_field(3, "brain.Event:2"));
  const Json& steps = run.at("evaluations");
  for (const auto& [list, tag] : {std::pair("test", "loss/test"), std::pair("train", "loss/train"),
                                  std::pair("accuracy", "accuracy/test"), std::pair("rate", "rate")}) {
    if (!run.contains(list)) continue;
    for (std::size_t i = 0; i < steps.size(); ++i)
      if (run[list][i].is_number()) all += scalar(steps[i], tag, run[list][i]);
  }
  for (const Json& entry : run.value("instruments", Json::array())) {
    const std::int64_t step = entry.at("evaluations");
    for (const auto& [name, value] : entry.items())
      if (value.is_number() && name != "evaluations" && name != "rate")
        all += scalar(step, "instruments/" + name, value);
    if (!entry.at("top_eigenvalues").empty() && entry["top_eigenvalues"][0].is_number())
      all += scalar(step, "instruments/top_eigenvalue", entry["top_eigenvalues"][0]);
    for (const Json& layer : entry.at("layers"))
      for (const auto& [name, value] : layer.items())
        if (value.is_number()) all += scalar(step, "layers/" + layer.at("name").get<std::string>() + "/" + name, value);
  }
  return all;
}

}  // namespace

void write_event_files(const std::string& results, const std::string& folder) {
  const Json json = Json::parse(results);
  for (const Json& problem : json.at("problems"))
    for (const Json& optimizer : problem.at("optimizers"))
      for (const Json& run : optimizer.at("runs")) {
        const std::string place = folder + "/" + file_name(problem.at("label")) + "/" +
                                  file_name(optimizer.at("label")) + "/seed-" +
                                  std::to_string(run.at("seed").get<std::int64_t>());
        ensure_folder(place);
        store_file(place + "/events.out.tfevents.0.joist", events(run));
      }
}

}  // namespace joist::lab
