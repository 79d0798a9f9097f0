// An XML file whose elements know their line. Private to data/.
#pragma once

#include <cstdint>
#include <string>

#include <pugixml.hpp>

namespace joist {

/// One file in any encoding that read_text() knows, while it is read.
class XmlDocument {
 public:
  /// Throws DataError with file and line for what is not well-formed.
  explicit XmlDocument(std::string name);

  pugi::xml_node root(const char* element) const { return xml_.child(element); }
  const std::string& name() const { return name_; }
  /// "file:line"
  std::string where(const pugi::xml_node& node) const { return at(node.offset_debug()); }

  /// The text of an element without blanks around it.
  std::string text(const pugi::xml_node& node) const;
  /// Whether the element says 1 or true; false where it is absent.
  bool flag(const pugi::xml_node& node) const;
  /// The number in the element `key` of `parent`, or in its attribute. Throws DataError with the line where it is
  /// absent or not a number.
  double number(const pugi::xml_node& parent, const char* key) const;
  double attribute(const pugi::xml_node& node, const char* key) const;
  /// A side of a picture in pixels, likewise; 0 where it is absent or empty.
  int side(const pugi::xml_node& parent, const char* key) const;
  int side_attribute(const pugi::xml_node& node, const char* key) const;

 private:
  double parsed(const pugi::xml_node& node, const std::string& what, const std::string& digits) const;
  int pixels(const pugi::xml_node& node, const std::string& what, const std::string& digits) const;
  std::string at(std::ptrdiff_t offset) const;

  std::string name_;
  std::string text_;
  pugi::xml_document xml_{};
  mutable std::size_t known_offset_ = 0;  // elements come in order: counting goes on from the last one
  mutable std::int64_t known_line_ = 1;
};

}  // namespace joist
