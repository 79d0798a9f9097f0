#include <joist/core/formats/hdf5.h>
#include <joist/core/formats/store.h>
#include <joist/core/kernels.h>
#include <joist/core/transfer.h>
#include <joist/tools/training/checkpoint.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace joist {
namespace {

using Json = nlohmann::json;

constexpr int format_version = 1;
constexpr const char* format_name = "joist checkpoint";
constexpr const char* model_prefix = "model/";
constexpr const char* average_prefix = "average/";
constexpr const char* optimizer_prefix = "optimizer/";
constexpr const char* sums_name = "training/loss_sums";

std::string describe(const ModelDescription& d) {
  Json preprocessing = {{"size", d.size},
                        {"channels", d.channels},
                        {"order", d.channels == 3 ? "RGB" : "gray"},
                        {"resize", d.task == TaskKind::detect ? "letterbox, padded with 114" : "shorter side, centre"},
                        {"scale", "1/255"},
                        {"mean", d.mean},
                        {"deviation", d.deviation}};
  if (d.tile > 0) preprocessing["tiles"] = {{"side", d.tile}, {"overlap", d.tile_overlap}};
  return Json{{"model", d.model},
              {"task", name_of(d.task)},
              {"classes", d.classes},
              {"class_ids", d.class_ids},
              {"preprocessing", preprocessing}}
      .dump();
}

ModelDescription description_from(const std::string& text) {
  const Json json = Json::parse(text);
  const Json& preprocessing = json.at("preprocessing");
  const Json tiles = preprocessing.value("tiles", Json{{"side", 0}, {"overlap", 0}});
  return {.model = json.at("model"),
          .task = json.at("task") == "detect"     ? TaskKind::detect
                  : json.at("task") == "sequence" ? TaskKind::sequence
                                                  : TaskKind::classify,
          .classes = json.at("classes"),
          .class_ids = json.at("class_ids"),
          .size = preprocessing.at("size"),
          .channels = preprocessing.at("channels"),
          .tile = tiles.at("side"),
          .tile_overlap = tiles.at("overlap"),
          .mean = preprocessing.at("mean"),
          .deviation = preprocessing.at("deviation")};
}

void add(Archive& archive, const std::string& prefix, const std::vector<NamedState>& arrays) {
  for (const NamedState& state : arrays) archive.arrays.push_back({prefix + state.name, on_host(state.array)});
}

/// Arrays whose name begins with the prefix, without it.
std::vector<NamedState> take(const Archive& archive, std::string_view prefix) {
  std::vector<NamedState> arrays;
  for (const NamedArray& named : archive.arrays)
    if (named.name.starts_with(prefix)) arrays.push_back({named.name.substr(prefix.size()), named.array});
  return arrays;
}

void add(Archive& archive, const TrainingState& state) {
  add(archive, optimizer_prefix, state.optimizer.arrays);
  archive.arrays.push_back(
      {sums_name, Array::from(state.loss_sums, {static_cast<std::int64_t>(state.loss_sums.size())})});
  archive.attributes["configuration"] = to_toml(state.options);
  archive.attributes["log"] = state.log.csv();
  archive.attributes["training"] = Json{
      {"data", state.data_digest},
      {"step", state.step},
      {"epoch_batches", state.epoch_batches},
      {"skipped", state.skipped},
      {"average_updates", state.average_updates},
      {"optimizer", state.optimizer.kind},
      {"optimizer_steps", state.optimizer.steps},
      {"late_parts", state.late_parts},
      {"start", state.start_digest},
      {"best_epoch", state.best_epoch},
      {"best_value", state.best_value},
      {"best_metrics", state.best_metrics},
      {"elapsed", state.elapsed}}.dump();
}

TrainingState training_from(const Archive& archive, const std::string& where) {
  const Json json = Json::parse(archive.attributes.at("training"));
  TrainingState state;
  read_toml(state.options, archive.attributes.at("configuration"), where);
  state.options.given.clear();
  state.log = TrainingLog::from_csv(archive.attributes.at("log"));
  state.data_digest = json.at("data");
  state.step = json.at("step");
  state.epoch_batches = json.at("epoch_batches");
  state.skipped = json.at("skipped");
  state.average_updates = json.at("average_updates");
  state.optimizer = {json.at("optimizer"), json.at("optimizer_steps"), take(archive, optimizer_prefix)};
  state.late_parts = json.value("late_parts", std::vector<std::int64_t>{});
  state.start_digest = json.value("start", "");
  state.best_epoch = json.at("best_epoch");
  state.best_value = json.at("best_value");
  state.best_metrics = json.at("best_metrics");
  state.elapsed = json.at("elapsed");
  const Array* sums = archive.find(sums_name);
  if (!sums) throw DataError({.where = where, .what = std::string("no ") + sums_name});
  state.loss_sums = sums->to_vector<double>();
  return state;
}

void require_checkpoint(const Archive& archive, const std::string& where) {
  const auto format = archive.attributes.find("format");
  const auto version = archive.attributes.find("format_version");
  if (format == archive.attributes.end() || format->second != format_name || version == archive.attributes.end())
    throw DataError({.where = where,
                     .what = "an HDF5 file, but not a checkpoint of joist",
                     .expected = "a file such as best.h5 or last.h5 that joist train wrote"});
  if (version->second != std::to_string(format_version))
    throw DataError({.where = where,
                     .what = "format version " + version->second,
                     .expected = fmt::format("at most {}", format_version),
                     .remedy = "a newer joist"});
}

}  // namespace

std::optional<TileOptions> tiles_of(const ModelDescription& description) {
  if (description.tile == 0) return std::nullopt;
  return TileOptions{.size = static_cast<int>(description.tile), .overlap = static_cast<int>(description.tile_overlap)};
}

Archive archive_of(const Checkpoint& checkpoint) {
  Archive archive;
  archive.attributes["format"] = format_name;
  archive.attributes["format_version"] = std::to_string(format_version);
  archive.attributes["description"] = describe(checkpoint.description);
  add(archive, model_prefix, checkpoint.model);
  add(archive, average_prefix, checkpoint.average);
  if (checkpoint.training) add(archive, *checkpoint.training);
  return archive;
}

void store_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  store_file(path, hdf5_image(archive_of(checkpoint)));
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  return checkpoint_from(read_hdf5(path), path.string());
}

Checkpoint checkpoint_from(const Archive& archive, const std::string& where) {
  require_checkpoint(archive, where);
  try {
    Checkpoint checkpoint;
    checkpoint.description = description_from(archive.attributes.at("description"));
    checkpoint.model = take(archive, model_prefix);
    checkpoint.average = take(archive, average_prefix);
    if (archive.attributes.contains("training")) checkpoint.training = training_from(archive, where);
    return checkpoint;
  } catch (const Json::exception& error) {
    throw DataError({.where = where, .what = std::string("its description cannot be read: ") + error.what()});
  } catch (const std::out_of_range&) {
    throw DataError({.where = where, .what = "part of its description is missing"});
  }
}

void load_weights(std::span<const Field> fields, std::span<const NamedState> arrays, const std::string& where) {
  std::map<std::string, const Array*> offered;
  for (const NamedState& state : arrays) offered[state.name] = &state.array;
  std::vector<std::string> missing, misshaped;
  for (const Field& field : fields) {
    const auto found = offered.find(field.name);
    if (found == offered.end()) {
      missing.push_back(field.name);
      continue;
    }
    const Array& array = *found->second;
    if (array.shape() != field.tensor.shape() || array.dtype() != field.tensor.dtype())
      misshaped.push_back(fmt::format("{} {} {} (model: {} {})", field.name, name_of(array.dtype()),
                                      array.shape().text(), name_of(field.tensor.dtype()),
                                      field.tensor.shape().text()));
  }
  for (const Field& field : fields) offered.erase(field.name);
  if (!missing.empty() || !misshaped.empty() || !offered.empty()) {
    std::vector<std::string> unexpected;
    for (const auto& [name, array] : offered) unexpected.push_back(name);
    std::string what =
        fmt::format("the weights are not those of this model: {} missing, {} unexpected, {} of another shape",
                    missing.size(), offered.size(), misshaped.size());
    if (!missing.empty()) what += fmt::format("\n  missing: {}", fmt::join(missing, ", "));
    if (!unexpected.empty()) what += fmt::format("\n  unexpected: {}", fmt::join(unexpected, ", "));
    if (!misshaped.empty()) what += fmt::format("\n  other shape: {}", fmt::join(misshaped, ", "));
    throw DataError({.where = where, .what = what});
  }
  for (const NamedState& state : arrays) offered[state.name] = &state.array;
  for (const Field& field : fields) {
    const Array& value = field.tensor.value();
    kernels(value).elementwise.copy(on_device(*offered[field.name], value.device()), {value, false});
    value.bump_version();
  }
}

std::vector<NamedState> weights_of(std::span<const Field> fields) {
  std::vector<NamedState> arrays;
  for (const Field& field : fields) arrays.push_back({field.name, field.tensor.value()});
  return arrays;
}

std::unique_ptr<Model> load_model(const Checkpoint& checkpoint, const ModelRegistry& registry,
                                  const std::string& where) {
  const ModelDescription& description = checkpoint.description;
  const ModelEntry& entry = registry.find(description.model);
  if (entry.task != description.task)
    throw DataError(
        {.where = where,
         .what = fmt::format("the model \"{}\" of the file does \"{}\"", description.model, name_of(description.task)),
         .expected = name_of(entry.task)});
  std::unique_ptr<Model> model =
      entry.make({.classes = static_cast<std::int64_t>(description.classes.size()), .size = description.size});
  load_weights(model->fields(), checkpoint.best_weights(), where);
  return model;
}

}  // namespace joist
