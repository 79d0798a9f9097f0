// Writes the seed corpus: for each format a small whole file, and damaged ones that reach its refusals.
#include <joist/tests/core/formats/sound_files.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

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

void store(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

// Every type, both byte orders and both orders of axes.
void store_npy(const std::filesystem::path& corpus) {
  for (const std::string descr : {"<f4", ">f8", "<f2", "<i8", ">i4", "<i2", "|i1", "|u1", "<u2", "|b1", "<c8", "|O"})
    for (const char* order : {"True", "False"}) {
      const auto bytes = static_cast<std::size_t>(descr.back() == 'O' ? 8 : descr.back() - '0');
      std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (1, 2), }";
      header.resize(117, ' ');
      store(corpus / "npy" / (descr.substr(1) + order),
            std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + std::string(2 * bytes, '\1'));
    }
}

// Two shards behind an index, and indexes that the rules refuse.
void store_shards(const std::filesystem::path& corpus) {
  const auto shard = [](const std::string& name) {
    const std::vector<std::byte> bytes =
        joist::safetensors_bytes({.arrays = {{name, joist::test::counting({2}, joist::Dtype::float32)}}});
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  int number = 0;
  for (const std::string index :
       {R"({"weight_map":{"x":"a","y":"b"}})", R"({"metadata":{},"weight_map":{"x":"a"}})",
        R"({"weight_map":{"x":"a","z":"b"}})", R"({"weight_map":{"z":"a"}})", R"({"weight_map":{"x":"a","y":"c"}})",
        R"({"weight_map":{"x":"../a"}})", R"({"weight_map":{"x":1}})", R"({"weight_map":1})", "{}", "1"}) {
    std::string bytes;
    joist::test::put_number(bytes, static_cast<std::uint16_t>(index.size()));
    joist::test::put_number(bytes, static_cast<std::uint16_t>(shard("x").size()));
    store(corpus / "shards" / ("index" + std::to_string(number++)), bytes + index + shard("x") + shard("y"));
  }
}

// A model with a layer of each kind, in the layout of Keras 3 and in the one before.
void store_keras(const std::filesystem::path& corpus) {
  using joist::Shape;
  struct Layer {
    std::string kind;
    std::vector<std::pair<std::string, Shape>> weights;
  };
  const std::vector<Layer> layers = {
      {"Conv2D", {{"kernel", {3, 3, 2, 4}}, {"bias", {4}}}},
      {"BatchNormalization", {{"beta", {4}}, {"moving_mean", {4}}, {"moving_variance", {4}}}},
      {"DepthwiseConv2D", {{"depthwise_kernel", {3, 3, 4, 1}}, {"bias", {4}}}},
      {"SeparableConv2D", {{"depthwise_kernel", {1, 1, 4, 2}}, {"pointwise_kernel", {1, 1, 8, 2}}, {"bias", {2}}}},
      {"Flatten", {}},
      {"Dense", {{"kernel", {8, 3}}, {"bias", {3}}}},
      {"LSTM", {{"kernel", {3, 8}}, {"recurrent_kernel", {2, 8}}, {"bias", {8}}}},
      {"GRU", {{"kernel", {2, 6}}, {"recurrent_kernel", {2, 6}}, {"bias", {2, 6}}}},
      {"Embedding", {{"embeddings", {3, 2}}}},
      {"LayerNormalization", {{"gamma", {2}}, {"beta", {2}}}},
      {"MultiHeadAttention",
       {{"query/kernel", {2, 1, 2}}, {"query/bias", {1, 2}}, {"attention_output/kernel", {1, 2, 2}}}}};
  const auto snake = [](const std::string& kind) {
    std::string name;
    for (std::size_t i = 0; i < kind.size(); ++i) {
      const bool upper = std::isupper(kind[i]) != 0;
      if (upper && i > 0 && std::islower(kind[i - 1]) != 0) name += '_';
      name += static_cast<char>(std::tolower(kind[i]));
    }
    return name;
  };
  std::string config;
  joist::Archive fresh{.attributes = {{"keras_version", "3"}}}, old = fresh;
  for (const Layer& layer : layers) {
    const std::string name = snake(layer.kind);
    config += (config.empty() ? "" : ",") + (R"({"class_name":")" + layer.kind + R"(","config":{"name":")" + name +
                                             R"(","scale":false},"build_config":{"input_shape":[null,2,2,2]}})");
    std::string names;
    int number = 0;
    for (const auto& [weight, shape] : layer.weights) {
      const joist::Array array = joist::test::counting(shape, joist::Dtype::float32);
      const std::size_t slash = weight.find('/');
      const std::string part = slash == weight.npos ? "" : weight.substr(0, slash) + "_dense/";
      fresh.arrays.push_back({"layers/" + name + "/" + part + "vars/" +
                                  std::to_string(part.empty() ? number++
                                                 : slash == 5 ? number++
                                                              : 0),
                              array});
      old.arrays.push_back({"model_weights/" + name + "/" + name + "/" + weight + ":0", array});
      (names += names.empty() ? "" : "\n") += name + "/" + weight + ":0";
    }
    old.attributes["model_weights/" + name + "@weight_names"] = names;
    (old.attributes["model_weights@layer_names"] += old.attributes["model_weights@layer_names"].empty() ? "" : "\n") +=
        name;
  }
  old.attributes["model_config"] = R"({"config":{"layers":[)" + config + "]}}";
  int number = 0;
  for (joist::Archive archive : {old, fresh}) {
    for (const bool told : {true, false}) {
      if (told)
        archive.attributes["model_config"] = old.attributes["model_config"];
      else
        archive.attributes.erase("model_config");
      const std::vector<std::byte> bytes = joist::safetensors_bytes(archive);
      store(corpus / "keras" / ("model" + std::to_string(number++)),
            std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
      joist::ZipWriter zip(64);
      const auto found = archive.attributes.find("model_config");
      if (found != archive.attributes.end()) zip.add("config.json", found->second);
      zip.add("model.weights.h5", bytes);
      const std::vector<std::byte> whole = zip.finish();
      store(corpus / "keras" / ("zip" + std::to_string(number)),
            std::string(reinterpret_cast<const char*>(whole.data()), whole.size()));
    }
  }
}

// A tokenizer of two letters, with every kind of part and every refusal in turn.
void store_tokenizers(const std::filesystem::path& corpus) {
  const std::pair<const char*, const char*> parts[] = {
      {"normalizer",
       R"({"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"StripAccents"},{"type":"NFKC"}]})"},
      {"normalizer", R"({"type":"Replace","pattern":{"Regex":"a+"},"content":"b"})"},
      {"normalizer", R"({"type":"Odd"})"},
      {"pre_tokenizer",
       R"({"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},)"
       R"({"type":"Digits","individual_digits":true}]})"},
      {"pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated","invert":false})"},
      {"pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"(a|aa)+$"},"behavior":"Odd","invert":false})"},
      {"pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"(x+x+)+y"},"behavior":"Removed","invert":true})"},
      {"pre_tokenizer", R"({"type":"Odd"})"},
      {"post_processor", R"({"type":"RobertaProcessing","cls":["<s>",3],"sep":["<s>",3],"trim_offsets":true})"},
      {"post_processor", R"({"type":"BertProcessing","cls":["<s>"],"sep":["<s>",3]})"},
      {"post_processor", R"({"type":"Odd"})"},
      {"decoder", R"({"type":"Odd"})"},
      {"model", R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["ab"]})"},
      {"model", R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":[1]})"},
      {"model", R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":-2,"<s>":3},"merges":[]})"},
      {"model", R"({"type":"BPE","unk_token":"u","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":[["a","b"]]})"},
      {"model", R"({"type":"WordPiece","unk_token":"u","vocab":{"a":0}})"}};
  int number = 0;
  for (const auto& [part, json] : parts) {
    std::string text = "{";
    for (const char* name : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
      text += '"' + std::string(name) + "\":" + (std::string(name) == part ? json : "null") + ",";
    text +=
        R"("added_tokens":[{"id":3,"content":"<s>","single_word":true,"lstrip":true,"rstrip":true,"normalized":false,)"
        R"("special":true}],"model":)";
    text +=
        std::string("model") == part ? json : R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["a b"]})";
    store(corpus / "tokenizer" / ("part" + std::to_string(number++)), text + "}");
  }
}

}  // namespace

// libFuzzer calls it before all else.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  using namespace joist::test;
  const char* wanted = std::getenv("JOIST_FUZZ_SEEDS");
  if (wanted == nullptr) return 0;
  const std::filesystem::path corpus = wanted;
  for (const ByteFormat& format : byte_formats) {
    const std::filesystem::path folder = corpus / std::string(format.name);
    std::filesystem::create_directories(folder);
    const std::string bytes = whole(format.name);
    const auto put = [&](const std::string& name, const std::string& content) {
      std::ofstream(folder / name, std::ios::binary) << content;
    };
    put("whole", bytes);
    put("cut", bytes.substr(0, bytes.size() / 2));
    std::string flipped = bytes;
    flipped[bytes.size() / 3] = static_cast<char>(~flipped[bytes.size() / 3]);
    put("flipped", flipped);
  }
  // Headers that the rules of safetensors refuse.
  const std::filesystem::path folder = corpus / "safetensors";
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
  store_pickles(corpus);
  store_values(corpus);
  store_npy(corpus);
  store_shards(corpus);
  store_keras(corpus);
  store_tokenizers(corpus);
  std::_Exit(0);
}
