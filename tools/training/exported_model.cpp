#include <joist/core/error.h>
#include <joist/core/mode.h>
#include <joist/core/ops.h>
#include <joist/tools/training/exported_model.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

namespace joist {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw DataError({.where = where,
                   .what = what,
                   .expected = "a file that joist export wrote: its metadata say how pictures go in",
                   .remedy = "joist onnx run, for graphs of other programs"});
}

nlohmann::json metadata(const OnnxModel& model, const std::string& name, const std::string& where) {
  const auto found = model.metadata.find(name);
  if (found == model.metadata.end()) refuse(where, "its metadata have no \"" + name + "\"");
  auto json = nlohmann::json::parse(found->second, nullptr, false);
  if (json.is_discarded()) refuse(where, "its metadata \"" + name + "\" cannot be read");
  return json;
}

ModelDescription description_of(const OnnxModel& model, const std::string& where) {
  ModelDescription description;
  const auto task = model.metadata.find("task");
  if (task == model.metadata.end()) refuse(where, "its metadata have no \"task\"");
  if (task->second == name_of(TaskKind::detect))
    description.task = TaskKind::detect;
  else if (task->second == name_of(TaskKind::classify))
    description.task = TaskKind::classify;
  else
    throw UnsupportedError({.where = where, .what = "a model that is made to " + task->second});
  try {
    description.classes = metadata(model, "names", where).get<std::vector<std::string>>();
    description.class_ids = metadata(model, "class_ids", where).get<std::vector<std::int64_t>>();
    description.size = metadata(model, "size", where).get<std::int64_t>();
    description.channels = metadata(model, "channels", where).get<std::int64_t>();
    if (model.metadata.contains("tiles")) {
      const nlohmann::json tiles = metadata(model, "tiles", where);
      description.tile = tiles.at("size").get<std::int64_t>();
      description.tile_overlap = tiles.at("overlap").get<std::int64_t>();
    }
  } catch (const nlohmann::json::exception&) {
    refuse(where, "its metadata cannot be read");
  }
  constexpr std::int64_t largest = 1 << 16;
  if (description.size < 1 || description.size > largest || description.channels < 1 || description.channels > 4 ||
      description.tile < 0 || description.tile > largest || description.tile_overlap < 0 ||
      description.tile_overlap > largest || description.class_ids.size() != description.classes.size())
    refuse(where, "its metadata contradict themselves");
  if (const auto name = model.metadata.find("model"); name != model.metadata.end()) description.model = name->second;
  return description;
}

}  // namespace

ExportedModel::ExportedModel(const OnnxModel& model, const std::string& where)
    : description_(description_of(model, where)), program_(std::make_shared<OnnxProgram>(model, where)) {
  output_ = description_.task == TaskKind::detect ? "boxes" : "logits";
  const std::vector<std::string>& outputs = program_->outputs();
  if (program_->inputs().size() != 1 || std::find(outputs.begin(), outputs.end(), output_) == outputs.end())
    refuse(where, "does not have one input and an output \"" + output_ + "\"");
  input_ = program_->inputs().front();
  const std::vector<std::int64_t>& shape = model.input_shapes.at(input_);
  if (shape.size() != 4) refuse(where, "its input is no batch of pictures");
  batch_ = std::max<std::int64_t>(shape[0], 0);
}

ExportedModel ExportedModel::file(const std::string& path) {
  return {read_onnx_model(Input::file(path), std::filesystem::path(path).parent_path()), path};
}

ExportedModel ExportedModel::memory(const std::string& where, std::vector<std::byte> bytes) {
  return {read_onnx_model(Input::memory(where, std::move(bytes)), {}), where};
}

bool ExportedModel::has_detections() const {
  const std::vector<std::string>& outputs = program_->outputs();
  return std::find(outputs.begin(), outputs.end(), "detections") != outputs.end();
}

Array ExportedModel::detections(const Array& pictures) const {
  const Inference inference;
  return program_->run({{input_, Tensor(pictures)}}).at("detections").value();
}

Array ExportedModel::run(const Array& pictures) const {
  const Inference inference;
  const Tensor all(pictures);
  const std::int64_t count = all.shape(0), step = batch_ == 0 ? count : batch_;
  std::vector<Tensor> parts;
  for (std::int64_t from = 0; from < count; from += step) {
    const std::int64_t here = std::min(step, count - from);
    Tensor part = narrow(all, 0, from, here);
    if (here < step) {  // the last one is shown again until the number is right
      std::vector<Tensor> padded{part};
      for (std::int64_t more = here; more < step; ++more) padded.push_back(narrow(all, 0, count - 1, 1));
      part = concat(padded, 0);
    }
    const Tensor result = program_->run({{input_, part}}).at(output_);
    if (result.rank() < 1 || result.shape(0) != step)
      throw DataError({.where = "ONNX", .what = "\"" + output_ + "\" has the shape " + result.shape().text()});
    parts.push_back(here < step ? narrow(result, 0, 0, here) : result);
  }
  return parts.size() == 1 ? parts.front().value() : concat(parts, 0).value();
}

}  // namespace joist
