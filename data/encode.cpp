#include <joist/data/encode.h>
#include <joist/data/files.h>

namespace joist {

void write_png(const std::string& path, const Picture& picture, int compression) {
  write_bytes(path, encode_png(picture, compression));
}

void write_jpeg(const std::string& path, const Picture& picture, int quality) {
  write_bytes(path, encode_jpeg(picture, quality));
}

}  // namespace joist
