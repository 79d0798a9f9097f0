// One program per format (-DFORMAT=n): whatever the bytes are, reading them ends in arrays or in an error of the right
// kind. tests/fuzz/run builds and runs them; see README.md.
#include <joist/tests/core/formats/hostile_cases.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  joist::test::survives(joist::test::byte_formats[FORMAT], {bytes, bytes + size});
  return 0;
}
