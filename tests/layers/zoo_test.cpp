// ctest: TIMEOUT 300
// The published models by name, against their originals: logits and gradients.
//
// tests/fixtures/zoo.json holds what PyTorch computes in float64 with weights, pictures and loss by a formula over name
// and index (tests/fixtures/make_zoo.py has it too). zoo_peers_test.py makes an original with random weights, saves its
// own file, and runs the second test here on that.
#include <joist/core/formats/checkpoint_file.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/layers/detection/loss.h>
#include <joist/layers/models/convnext.h>
#include <joist/layers/models/mtcnn.h>
#include <joist/layers/models/swin.h>
#include <joist/tools/training/model.h>
#include <joist/tools/training/weight_mapping.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

// SplitMix64 of FNV-1a of the name plus the index: uniform in [-1, 1) in steps of 2⁻²³.
class Formula {
 public:
  explicit Formula(const std::string& name) {
    for (const char letter : name) seed_ = (seed_ ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  }
  double operator()(std::int64_t index) const {
    std::uint64_t z = seed_ + (static_cast<std::uint64_t>(index) + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return static_cast<double>((z ^ (z >> 31U)) >> 40U) / 8388608.0 - 1;
  }

 private:
  std::uint64_t seed_ = 0xCBF29CE484222325U;
};

bool ends(const std::string& text, const char* end) { return text.ends_with(end); }

// As large as keeps the numbers of a deep network in range.
void fill(const Field& field) {
  const Array& array = field.tensor.value();
  if (array.dtype() != Dtype::float32) return;
  const Formula formula(field.name);
  double middle = 0, scale = 0.1;
  const Shape& shape = array.shape();
  if (ends(field.name, "running_var") || (ends(field.name, "weight") && shape.rank() == 1)) {
    middle = 1;
    scale = 0.25;
  } else if (shape.rank() > 1) {
    scale = std::sqrt(6.0 / static_cast<double>(shape.elements(1, shape.rank())));
  }
  auto* values = array.data<float>();
  for (std::int64_t i = 0; i < array.elements(); ++i) values[i] = static_cast<float>(middle + scale * formula(i));
}

Tensor by_formula(const std::string& name, const Shape& shape) {
  const Formula formula(name);
  std::vector<float> values;
  for (std::int64_t i = 0; i < shape.elements(); ++i) values.push_back(static_cast<float>(formula(i)));
  return Tensor(Array::from(values, shape));
}

using Numbers = std::map<std::string, std::vector<double>>;

struct Result {
  std::vector<double> logits{};
  Numbers gradients{};
};

std::vector<double> doubles(const Array& array) {
  return to(Tensor(array), Dtype::float64).value().to_vector<double>();
}

Result run(Model& model, const Tensor& pictures) {
  const auto fields = model.fields();
  for (const Field& field : fields) field.tensor.clear_gradient();
  const Tensor x = pictures.rank() == 4 ? contiguous(pictures, Order::channels_last) : pictures;
  const Tensor logits = model.classify(x);
  sum(logits * to(by_formula("loss", logits.shape()), logits.dtype())).backward();
  Result result{.logits = doubles(logits.value()), .gradients = {}};
  for (const Field& field : fields)
    if (field.trainable && field.tensor.gradient().defined())
      result.gradients[field.name] = doubles(field.tensor.gradient());
  return result;
}

double largest(const std::vector<double>& values) {
  double found = 0;
  for (const double value : values) found = std::max(found, std::abs(value));
  return found;
}

// The largest difference relative to the largest number.
double error_of(const std::vector<double>& seen, const std::vector<double>& truth, double least = 0) {
  if (seen.size() != truth.size()) return std::numeric_limits<double>::infinity();
  double difference = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double one = std::abs(seen[i] - truth[i]);
    if (!(one <= difference)) difference = one;  // NaN too
  }
  return difference / std::max(largest(truth), least);
}

// By its name, or one of the narrow variants that zoo_originals.py has too.
const ModelEntry& entry_of(const std::string& name) {
  static const ModelRegistry registry(
      {model("narrow_swin",
             [](const ModelOptions& o) {
               return Swin({.classes = o.classes, .width = 24, .repeats = {2, 2, 2, 2}, .heads = {1, 2, 3, 6}});
             }),
       model("narrow_convnext", [](const ModelOptions& o) {
         return ConvNeXt({.classes = o.classes, .repeats = {2, 2, 2, 2}, .widths = {16, 24, 32, 48}});
       })});
  return registry.find(name);
}

Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  return Json::parse(file);
}

TEST(Zoo, EqualsTheOriginals) {
  const Mode evaluation(Mode::evaluation);
  for (const Json& one : read_json(JOIST_SOURCE_DIR "/tests/fixtures/zoo.json")) {
    const auto name = one["model"].get<std::string>();
    const auto size = one["size"].get<std::int64_t>();
    const auto classes = one["classes"].get<std::int64_t>();
    SCOPED_TRACE(name);
    const auto model = entry_of(name).make({.classes = classes, .size = size, .random_drops = false});
    const auto fields = model->fields();
    for (const Field& field : fields) fill(field);
    EXPECT_EQ(fields.size(), one["tensors"].get<std::size_t>());
    const Result seen = run(*model, by_formula("pictures", {2, 3, size, size}));
    const double logits = error_of(seen.logits, one["logits"].get<std::vector<double>>());
    EXPECT_LT(logits, 1e-4);
    double square = 0, projection = 0;
    for (const auto& [field, gradient] : seen.gradients) {
      const Formula direction("gradient " + field);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        square += gradient[i] * gradient[i];
        projection += gradient[i] * direction(static_cast<std::int64_t>(i));
      }
    }
    const auto norm = one["gradient_norm"].get<double>();
    EXPECT_NEAR(std::sqrt(square), norm, 1e-4 * norm);
    EXPECT_NEAR(projection, one["gradient_projection"].get<double>(), 1e-4 * norm);
    fmt::print("{:20} logits {:.1e}, gradient {:.1e} of its norm\n", name, logits,
               std::abs(projection - one["gradient_projection"].get<double>()) / norm);
  }
}

// What a truth file holds under `prefix`, by the rest of the names.
Numbers part_of(const std::map<std::string, Array>& truth, const std::string& prefix) {
  Numbers found;
  for (const auto& [name, array] : truth)
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = doubles(array);
  return found;
}

// Compares all gradients: as one vector, and the worst of one parameter.
Json gradient_errors(const Numbers& seen, const Numbers& truth) {
  EXPECT_EQ(seen.size(), truth.size());
  double most = 0, square = 0, all = 0, worst = 0;
  for (const auto& [name, gradient] : truth) most = std::max(most, largest(gradient));
  for (const auto& [name, gradient] : truth) {
    if (!seen.contains(name)) {
      ADD_FAILURE() << "no gradient of " << name;
      continue;
    }
    const std::vector<double>& mine = seen.at(name);
    worst = std::max(worst, error_of(mine, gradient, 1e-2 * most));
    for (std::size_t i = 0; i < std::min(gradient.size(), mine.size()); ++i) {
      square += (mine[i] - gradient[i]) * (mine[i] - gradient[i]);
      all += gradient[i] * gradient[i];
    }
  }
  return {{"gradient", std::sqrt(square / all)}, {"worst", worst}};
}

std::vector<std::vector<TrueBox>> truth_of(const Json& pictures) {
  std::vector<std::vector<TrueBox>> truth;
  for (const Json& picture : pictures) {
    auto& boxes = truth.emplace_back();
    for (const Json& box : picture)
      boxes.push_back({box[0].get<float>(), box[1].get<float>(), box[2].get<float>(), box[3].get<float>(),
                       box[4].get<std::int64_t>()});
  }
  return truth;
}

// pictures, logits, deltas, decoded [batch, 4 + classes, anchor], loss and gradients.NAME; in evaluation mode.
Json compare_detector(Model& model, const Json& one, const std::map<std::string, Array>& truth) {
  const Mode evaluation(Mode::evaluation);
  const Detections found = model.detect(contiguous(Tensor(truth.at("pictures")), Order::channels_last));
  const DetectionLoss loss = detection_loss(found, truth_of(one["boxes"]));
  (loss.sum * (1 / loss.count)).backward();
  Numbers gradients;
  for (const Field& field : model.fields())
    if (field.trainable) gradients[field.name] = doubles(field.tensor.gradient());
  Json figures = gradient_errors(gradients, part_of(truth, "gradients."));
  const auto error = [&](const char* name, const Tensor& seen) {
    return error_of(doubles(contiguous(seen).value()), doubles(truth.at(name)));
  };
  figures["logits"] = error("logits", found.class_logits);
  figures["deltas"] = error("deltas", found.box_logits);
  figures["decoded"] = error("decoded", decode(found));
  figures["loss"] = error("loss", loss.sum * (1 / loss.count));
  return figures;
}

// Several pictures: pictures.N [1, 3, height, width], faces.N [faces, 15]: box, score, five x, five y.
Json compare_faces(const std::filesystem::path& folder, const std::map<std::string, Array>& truth) {
  Mtcnn model;
  const auto load_into = [&](auto& network, const char* file) {
    load_mapped(fields_of(network), open_checkpoint_file(folder / file), {}, file);
  };
  load_into(model.pnet, "pnet.pt");
  load_into(model.rnet, "rnet.pt");
  load_into(model.onet, "onet.pt");
  std::size_t pictures = 0, faces = 0, different = 0;
  double box_error = 0, score_error = 0, mark_error = 0;
  for (; truth.contains("pictures." + std::to_string(pictures)); ++pictures) {
    const std::string number = std::to_string(pictures);
    const auto seen = model(Tensor(truth.at("pictures." + number))).front();
    const Array& wanted = truth.at("faces." + number);
    const auto values = wanted.to_vector<float>();
    if (static_cast<std::int64_t>(seen.size()) != wanted.shape(0)) {
      ++different;
      continue;
    }
    faces += seen.size();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const float* row = values.data() + 15 * i;
      const auto distance = [](float a, float b) { return static_cast<double>(std::abs(a - b)); };
      const Face& face = seen[i];
      box_error = std::max({box_error, distance(face.x1, row[0]), distance(face.y1, row[1]), distance(face.x2, row[2]),
                            distance(face.y2, row[3])});
      score_error = std::max(score_error, distance(face.score, row[4]));
      for (std::size_t mark = 0; mark < 5; ++mark)
        mark_error = std::max({mark_error, distance(face.landmarks[mark][0], row[5 + mark]),
                               distance(face.landmarks[mark][1], row[10 + mark])});
    }
  }
  return {{"pictures", pictures}, {"faces", faces},       {"different", different},
          {"box", box_error},     {"score", score_error}, {"landmark", mark_error}};
}

// logits and gradients.NAME of the modes "eval" and "train". Evaluation runs in float32, and both run in float64.
Json compare_classifier(Model& model, const Json& one, const std::map<std::string, Array>& truth) {
  Json figures;
  const auto compare = [&](const std::string& mode, Mode::Kind kind, const std::string& dtype, const Tensor& pictures) {
    const Mode now(kind);
    const Result seen = run(model, pictures);
    Json& row = figures[mode + " " + dtype];
    row = gradient_errors(seen.gradients, part_of(truth, mode + ".gradients."));
    row["logits"] = error_of(seen.logits, doubles(truth.at(mode + ".logits")));
  };
  const Tensor pictures(truth.at("pictures"));
  compare("eval", Mode::evaluation, "float32", pictures);
  if (!one["float64"].get<bool>()) return figures;
  for (const Field& field : model.fields())
    if (field.tensor.dtype() == Dtype::float32)
      field.tensor.place_value(to(field.tensor.detach(), Dtype::float64).value());
  const Tensor precise = to(pictures, Dtype::float64);
  compare("eval", Mode::evaluation, "float64", precise);
  if (truth.contains("train.logits")) compare("train", Mode::training, "float64", precise);
  return figures;
}

// The folder has case.json {"model", "size", "classes", …}, model.pth, and truth.npz with pictures and what the
// functions above compare.
TEST(Zoo, LoadsTheFileOfAnOriginal) {
  const char* given = std::getenv("JOIST_ZOO_CASE");
  if (given == nullptr) GTEST_SKIP() << "runs from zoo_peers_test.py";
  const std::filesystem::path folder = given;
  const Json one = read_json(folder / "case.json");
  const auto name = one["model"].get<std::string>();
  std::map<std::string, Array> truth;
  for (const NamedArray& array : load(open_checkpoint_file(folder / "truth.npz")).arrays)
    truth[array.name] = array.array;
  Json figures;
  if (name == "mtcnn") {
    figures = compare_faces(folder, truth);
  } else {
    const auto model = entry_of(name).make({.classes = one["classes"].get<std::int64_t>(),
                                            .size = one["size"].get<std::int64_t>(),
                                            .random_drops = false});
    load_mapped(model->fields(), open_checkpoint_file(folder / "model.pth"), {}, "model.pth");
    if (model->task() == TaskKind::detect) {
      figures = compare_detector(*model, one, truth);
    } else {
      figures = compare_classifier(*model, one, truth);
    }
  }
  std::ofstream(folder / "figures.json") << figures.dump();
}

}  // namespace
}  // namespace joist
