#include <joist/core/error.h>
#include <joist/core/formats/darknet.h>
#include <joist/core/text.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

namespace joist {
namespace {

struct Section {
  std::string kind;
  int line = 0;
  std::map<std::string, std::string> options{};
};

struct Size {  // of a layer's output
  std::int64_t channels = 0, height = 0, width = 0;
};

class Network {
 public:
  Network(const Input& input, const std::string& cfg)
      : input_(input), reader_(input), builder_(input.where(), "Darknet", input.size()), sections_(parse(cfg)) {}

  StoredArchive read() {
    read_head();
    if (sections_.empty() || (sections_[0].kind != "net" && sections_[0].kind != "network"))
      refuse(1, "does not begin with [net]");
    Size size{option(sections_[0], "channels", 3), option(sections_[0], "height", 416),
              option(sections_[0], "width", 416)};
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      size = add_layer(sections_[i], size);
      sizes_.push_back(size);
    }
    if (reader_.left() != 0)
      throw DataError(
          {.where = input_.where(),
           .what = "goes on for " + std::to_string(reader_.left()) + " bytes after the network's last layer",
           .expected = "the weights of exactly this .cfg",
           .remedy = "is this the .cfg that they were trained with?"});
    return builder_.finish();
  }

 private:
  [[noreturn]] void refuse(int line, const std::string& what) const {
    throw DataError({.where = "the .cfg of " + input_.where() + ", line " + std::to_string(line),
                     .what = what,
                     .expected = "a network description of Darknet",
                     .remedy = "take the .cfg that the weights were trained with"});
  }

  std::vector<Section> parse(const std::string& cfg) const {
    std::vector<Section> sections;
    std::istringstream lines(cfg);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      std::erase_if(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
      if (line.empty() || line[0] == '#' || line[0] == ';') continue;
      if (line[0] == '[') {
        if (line.back() != ']') refuse(number, "has a section without its bracket");
        sections.push_back({line.substr(1, line.size() - 2), number});
      } else {
        const std::size_t equals = line.find('=');
        if (equals == line.npos || sections.empty()) refuse(number, "is neither [section] nor key=value");
        sections.back().options[line.substr(0, equals)] = line.substr(equals + 1);
      }
    }
    return sections;
  }

  std::int64_t number(const Section& section, const std::string& text) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > 1'000'000 || value < -1'000'000)
      refuse(section.line, "has the value \"" + printable(text) + "\" where a number should be");
    return value;
  }
  std::int64_t option(const Section& section, const std::string& key, std::int64_t usual) const {
    const auto found = section.options.find(key);
    return found == section.options.end() ? usual : number(section, found->second);
  }
  std::int64_t positive(const Section& section, const std::string& key, std::int64_t usual) const {
    const std::int64_t value = option(section, key, usual);
    if (value < 1) refuse(section.line, "has a " + key + " that is not positive");
    return value;
  }
  // Layers by their numbers; negative ones count from this layer back.
  std::vector<Size> layers(const Section& section, const std::string& key) const {
    const auto found = section.options.find(key);
    if (found == section.options.end()) refuse(section.line, "lacks " + key);
    std::vector<Size> chosen;
    std::istringstream list(found->second);
    for (std::string item; std::getline(list, item, ',');) {
      std::int64_t index = number(section, item);
      if (index < 0) index += static_cast<std::int64_t>(sizes_.size());
      if (index < 0 || index >= static_cast<std::int64_t>(sizes_.size()))
        refuse(section.line, "names a layer that is not above it");
      chosen.push_back(sizes_[static_cast<std::size_t>(index)]);
    }
    if (chosen.empty()) refuse(section.line, "lacks " + key);
    return chosen;
  }

  void read_head() {
    const auto major = reader_.number<std::int32_t>(), minor = reader_.number<std::int32_t>();
    reader_.skip(4);
    if (major < 0 || minor < 0 || major > 1000 || minor > 1000)
      throw UnsupportedError(
          {.where = input_.where(), .what = "Darknet weights with transposed layers, or none at all"});
    const bool wide = major * 10 + minor >= 2;
    builder_.attribute("seen",
                       std::to_string(wide ? reader_.number<std::uint64_t>() : reader_.number<std::uint32_t>()));
  }

  void take(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::vector<std::uint64_t> lengths(shape.begin(), shape.end());
    const auto checked = checked_shape(input_.where(), name, lengths);
    builder_.add(name, lengths, Element::float32, input_, reader_.position());
    reader_.skip(static_cast<std::uint64_t>(checked->elements()) * 4);
  }
  void take_norm(const std::string& name, std::int64_t channels) {
    for (const char* part : {"weight", "running_mean", "running_var"}) take(name + ".norm." + part, {channels});
  }

  Size convolution(const Section& section, const std::string& name, const Size& in) {
    const std::int64_t filters = positive(section, "filters", 1), kernel = positive(section, "size", 1),
                       stride = positive(section, "stride", 1), groups = positive(section, "groups", 1);
    const std::int64_t padding = option(section, "pad", 0) != 0 ? kernel / 2 : option(section, "padding", 0);
    if (in.channels % groups != 0) refuse(section.line, "has channels that its groups do not divide");
    const bool norm = option(section, "batch_normalize", 0) != 0;
    take(name + (norm ? ".norm.bias" : ".conv.bias"), {filters});
    if (norm) take_norm(name, filters);
    take(name + ".conv.weight", {filters, in.channels / groups, kernel, kernel});
    return {filters, (in.height + 2 * padding - kernel) / stride + 1, (in.width + 2 * padding - kernel) / stride + 1};
  }

  Size add_layer(const Section& section, const Size& in) {
    const std::string name = "layers." + std::to_string(sizes_.size()), &kind = section.kind;
    if (kind == "convolutional" || kind == "conv") return convolution(section, name, in);
    if (kind == "connected" || kind == "conn") {
      const std::int64_t outputs = positive(section, "output", 1);
      const bool norm = option(section, "batch_normalize", 0) != 0;
      take(name + (norm ? ".norm.bias" : ".linear.bias"), {outputs});
      take(name + ".linear.weight", {outputs, in.channels * in.height * in.width});
      if (norm) take_norm(name, outputs);
      return {outputs, 1, 1};
    }
    if (kind == "batchnorm") {
      take(name + ".norm.bias", {in.channels});
      take_norm(name, in.channels);
      return in;
    }
    if (kind == "maxpool" || kind == "max") {
      const std::int64_t stride = positive(section, "stride", 1), size = positive(section, "size", stride);
      const std::int64_t padding = option(section, "padding", size - 1);
      return {in.channels, (in.height + padding - size) / stride + 1, (in.width + padding - size) / stride + 1};
    }
    if (kind == "upsample") {
      const std::int64_t stride = positive(section, "stride", 2);
      return {in.channels, in.height * stride, in.width * stride};
    }
    if (kind == "reorg") {
      const std::int64_t stride = positive(section, "stride", 1);
      return {in.channels * stride * stride, in.height / stride, in.width / stride};
    }
    if (kind == "route") {
      const std::vector<Size> from = layers(section, "layers");
      const std::int64_t groups = positive(section, "groups", 1);
      Size out = from[0];
      out.channels = 0;
      for (const Size& each : from) out.channels += each.channels / groups;
      return out;
    }
    if (kind == "shortcut") return static_cast<void>(layers(section, "from")), in;
    if (kind == "avgpool" || kind == "avg") return {in.channels, 1, 1};
    constexpr std::string_view without[] = {"yolo",    "region", "detection",  "dropout",
                                            "softmax", "cost",   "activation", "scale_channels",
                                            "sam",     "lrn",    "crop",       "Gaussian_yolo"};
    if (std::find(std::begin(without), std::end(without), kind) != std::end(without)) return in;
    throw UnsupportedError({.where = "the .cfg of " + input_.where() + ", line " + std::to_string(section.line),
                            .what = "layers of kind [" + printable(kind) + "]"});
  }

  const Input& input_;
  InputReader reader_;
  StoredBuilder builder_;
  std::vector<Section> sections_;
  std::vector<Size> sizes_{};
};

}  // namespace

StoredArchive open_darknet(const Input& input, const std::string& cfg) { return Network(input, cfg).read(); }

}  // namespace joist
