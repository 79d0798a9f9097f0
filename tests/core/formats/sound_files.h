// A small whole file of each format, made by the writers or by hand.
#pragma once

#include <joist/core/formats/onnx.h>
#include <joist/tests/core/formats/hdf5_cases.h>
#include <joist/tests/core/formats/hostile_cases.h>

namespace joist::test {

inline Archive few() {
  Archive archive;
  archive.arrays = {{"安全帽.weight", counting({2, 3}, Dtype::float32)},
                    {"b", counting({3}, Dtype::bfloat16)},
                    {"group/flag", counting({2}, Dtype::boolean)},
                    {"empty", Array::empty({0, 2})}};
  return archive;
}

template <class Number>
void put_number(std::string& to, Number number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

inline std::string gguf_bytes() {
  std::string bytes = "GGUF";
  const auto text = [&](const std::string& value) {
    put_number(bytes, std::uint64_t{value.size()});
    bytes += value;
  };
  put_number(bytes, std::uint32_t{3});
  put_number(bytes, std::uint64_t{2});
  put_number(bytes, std::uint64_t{2});
  text("general.alignment"), put_number(bytes, std::uint32_t{4}), put_number(bytes, std::uint32_t{32});
  text("list"), put_number(bytes, std::uint32_t{9}), put_number(bytes, std::uint32_t{0}),
      put_number(bytes, std::uint64_t{3}), bytes += "abc";
  text("weight"), put_number(bytes, std::uint32_t{2}), put_number(bytes, std::uint64_t{2}),
      put_number(bytes, std::uint64_t{3});
  put_number(bytes, std::uint32_t{0}), put_number(bytes, std::uint64_t{0});
  text("quantized"), put_number(bytes, std::uint32_t{1}), put_number(bytes, std::uint64_t{32});
  put_number(bytes, std::uint32_t{8}), put_number(bytes, std::uint64_t{32});
  bytes.resize((bytes.size() + 31) / 32 * 32 + 32 + 34);
  return bytes;
}

// What torch.save wrote before 1.6: {"w": tensor of two floats}.
inline std::string legacy_bytes() {
  std::string bytes("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.", 21);
  bytes += std::string("\x80\x02}(X\x0d\x00\x00\x00little_endian\x88u.", 25);
  bytes += std::string("\x80\x02}X\x01\x00\x00\x00w", 9);
  bytes += "ctorch._utils\n_rebuild_tensor_v2\n((";
  bytes += std::string("U\x07storagectorch\nFloatStorage\nU\x01", 31) + "0" + std::string("U\x03", 2) + "cpu";
  bytes += std::string("K\x02NtQK\x00K\x02\x85K\x01\x85\x89", 14) + "ccollections\nOrderedDict\n)RtRs.";
  bytes += std::string("\x80\x02]U\x01", 5) + "0a.";
  put_number(bytes, std::uint64_t{2});
  put_number(bytes, 1.5F);
  put_number(bytes, -2.0F);
  return bytes;
}

inline std::string darknet_bytes() {
  std::string bytes(small_cfg);
  bytes += '\0';
  for (const std::int32_t number : {0, 2, 0, 7, 0}) put_number(bytes, number);
  const int numbers = 4 * 4 + 4 * 27 + 4 * 8 + (2 + 16 + 6) + (2 + 4);
  for (int i = 0; i < numbers; ++i) put_number(bytes, static_cast<float>(i));
  return bytes;
}

/// A small file of a format of byte_formats.
inline std::string whole(std::string_view format) {
  const auto image = [&] {
    if (format == "torch_zip") return torch_zip_bytes(few());
    if (format == "safetensors") return safetensors_bytes(few());
    if (format == "npy") return npy_bytes(counting({2, 3}, Dtype::float32));
    if (format == "npz") return npz_bytes(few());
    if (format == "onnx") return onnx_bytes({.initializers = few().arrays});
    return bytes_from(format == "gguf" ? gguf_bytes() : format == "darknet" ? darknet_bytes() : legacy_bytes());
  }();
  return text_of(image);
}

}  // namespace joist::test
