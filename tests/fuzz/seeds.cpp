// Writes the seed corpus: for each format a small whole file, and damaged ones that reach its refusals.
#include <joist/tests/core/formats/sound_files.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <onnx/onnx.pb.h>

namespace {

// Names that torch.save no longer writes, or only for subclasses of Tensor.
void store_pickles(const std::filesystem::path& corpus) {
  const std::string storage =
      "(U\x07storagectorch\nFloatStorage\nU\x01"
      "0U\x03"
      "cpuK\x02";
  const std::string tail = std::string("K\x00K\x02\x85K\x01\x85\x89", 9) + ")";
  const auto tensor = [&](const std::string& view) { return "(" + storage + view + "tQ" + tail + "t"; };
  const std::string v2 = "ctorch._utils\n_rebuild_tensor_v2\n", type = "ctorch.nn.parameter\nParameter\n";
  const std::string view = std::string("U\x01vK\x01K\x01\x87", 8);
  const std::string pickles[] = {v2 + tensor("") + "R",
                                 v2 + tensor(view) + "R",
                                 type + v2 + tensor("") + "R\x85R",
                                 "ctorch._tensor\n_rebuild_from_type_v2\n(" + v2 + type + tensor("") + "}tR",
                                 "ccollections\nOrderedDict\n](](U\x01wNee\x85R",
                                 "cargparse\nNamespace\n)\x81}U\x01wNsb",
                                 "cnumpy\ndtype\nU\x02"
                                 "f8\x85R"};
  int number = 0;
  for (const std::string& pickle : pickles) {
    joist::ZipWriter zip(64);
    zip.add("archive/data.pkl", "\x80\x02}U\x01t" + pickle + "s.");
    zip.add("archive/data/0", std::string(8, '\0'));
    const std::vector<std::byte> bytes = zip.finish();
    std::ofstream(corpus / "torch_zip" / ("names" + std::to_string(number++)), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

// Values in typed lists, and in another file.
void store_values(const std::filesystem::path& corpus) {
  onnx::ModelProto model;
  for (int type = 1; type <= 16; ++type) {
    onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name("t" + std::to_string(type));
    tensor.set_data_type(type);
    tensor.add_dims(2);
    for (int i = 0; i < 2; ++i) {
      if (type == 1)
        tensor.add_float_data(1);
      else if (type == 11)
        tensor.add_double_data(1);
      else if (type == 7)
        tensor.add_int64_data(1);
      else if (type == 12 || type == 13)
        tensor.add_uint64_data(1);
      else
        tensor.add_int32_data(1);
    }
  }
  std::ofstream typed(corpus / "onnx/typed", std::ios::binary);
  model.SerializeToOstream(&typed);
  onnx::TensorProto& outside = *model.mutable_graph()->add_initializer();
  outside.set_data_type(1);
  outside.add_dims(1);
  outside.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair("location", "file"), {"offset", "4"}, {"length", "4"}}) {
    outside.add_external_data()->set_key(key);
    outside.mutable_external_data()->rbegin()->set_value(value);
  }
  std::ofstream external(corpus / "onnx/external", std::ios::binary);
  model.SerializeToOstream(&external);
}

}  // namespace

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
  store_pickles(arguments[1]);
  store_values(arguments[1]);
}
