#include <joist/core/error.h>
#include <joist/data/formats/xml_document.h>
#include <joist/data/text.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace joist {

XmlDocument::XmlDocument(std::string name) : name_(std::move(name)), text_(read_text(name_)) {
  const auto result = xml_.load_buffer(text_.data(), text_.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    throw DataError({.where = at(result.offset),
                     .what = std::string("not well-formed XML: ") + result.description(),
                     .expected = "a complete XML file"});
  }
}

std::string XmlDocument::text(const pugi::xml_node& node) const { return std::string(trimmed(node.text().get())); }

bool XmlDocument::flag(const pugi::xml_node& node) const {
  const std::string value = text(node);
  return value == "1" || value == "true" || value == "True";
}

double XmlDocument::parsed(const pugi::xml_node& node, const std::string& what, const std::string& digits) const {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
    throw DataError({.where = where(node), .what = what + " is \"" + digits + "\"", .expected = "a number"});
  }
  return value;
}

int XmlDocument::pixels(const pugi::xml_node& node, const std::string& what, const std::string& digits) const {
  const double value = parsed(node, what, digits);
  if (value != std::floor(value) || value < 0 || value > 1e9) {
    throw DataError({.where = where(node), .what = what + " is " + digits, .expected = "a number of pixels"});
  }
  return static_cast<int>(value);
}

double XmlDocument::number(const pugi::xml_node& parent, const char* key) const {
  const pugi::xml_node node = parent.child(key);
  if (!node) {
    throw DataError({.where = where(parent), .what = std::string("<") + parent.name() + "> without <" + key + ">"});
  }
  return parsed(node, std::string("<") + key + ">", text(node));
}

double XmlDocument::attribute(const pugi::xml_node& node, const char* key) const {
  const pugi::xml_attribute found = node.attribute(key);
  if (!found) {
    throw DataError({.where = where(node), .what = std::string("<") + node.name() + "> without " + key + "=\"…\""});
  }
  return parsed(node, key, std::string(trimmed(found.value())));
}

int XmlDocument::side(const pugi::xml_node& parent, const char* key) const {
  const pugi::xml_node node = parent.child(key);
  return node ? pixels(node, std::string("<") + key + ">", text(node)) : 0;
}

int XmlDocument::side_attribute(const pugi::xml_node& node, const char* key) const {
  const std::string digits(trimmed(node.attribute(key).value()));
  return digits.empty() ? 0 : pixels(node, key, digits);
}

std::string XmlDocument::at(std::ptrdiff_t offset) const {
  const auto wanted = std::min(text_.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0)));
  if (wanted < known_offset_) known_offset_ = 0, known_line_ = 1;
  known_line_ += line_at(std::string_view(text_).substr(known_offset_), wanted - known_offset_) - 1;
  known_offset_ = wanted;
  return DataError::at(name_, known_line_);
}

}  // namespace joist
