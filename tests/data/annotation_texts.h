// Annotations of a picture in several formats, as text.
#pragma once

#include <joist/data/encode.h>
#include <joist/tests/data/support.h>

#include <string>

namespace joist::test {

inline const std::string csv_header = "filename,width,height,class,xmin,ymin,xmax,ymax\n";

inline void draw(const TemporaryFolder& folder, const std::string& name) {
  const auto bytes = encode_png(gradient(100, 80));
  folder.write(name, {bytes.begin(), bytes.end()});
}

inline std::string coco(const std::string& annotations,
                        const std::string& images = R"({"id":7,"file_name":"a.png","width":100,"height":80})") {
  return R"({"images":[)" + images + R"(],"annotations":[)" + annotations +
         R"(],"categories":[{"id":9,"name":"person"},{"id":2,"name":"helmet"}]})";
}

inline std::string voc(const std::string& objects, const std::string& name = "a.png") {
  return "<annotation>\n<filename>" + name + "</filename>\n<size><width>100</width><height>80</height></size>\n" +
         objects + "</annotation>\n";
}

inline std::string voc_object(const std::string& name, const std::string& xmin = "10") {
  return "<object>\n<name>" + name + "</name>\n<difficult>1</difficult>\n<bndbox><xmin>" + xmin +
         "</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60.5</ymax></bndbox>\n</object>\n";
}

}  // namespace joist::test
