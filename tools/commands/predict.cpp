#include <joist/core/error.h>
#include <joist/core/formats/store.h>
#include <joist/core/threads.h>
#include <joist/data/decode.h>
#include <joist/data/encode.h>
#include <joist/data/files.h>
#include <joist/data/write.h>
#include <joist/tools/commands/command.h>
#include <joist/tools/report/draw.h>
#include <joist/tools/report/page.h>
#include <joist/tools/training/interrupt.h>
#include <joist/tools/training/prediction.h>

#include <algorithm>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace joist::commands {
namespace {

constexpr const char* examples = R"(Examples:
  joist predict --model runs/site/best.h5 --source photos --out found
  joist predict --model runs/site/best.h5 --source gate.jpg --out found --confidence 0.4 --json found/boxes.json
  joist predict --model runs/site/best.h5 --source new_photos --out found --to cvat
      found/labels: what was found as labels, to be corrected in CVAT (or labelme, yolo, coco, voc, …);
      found/order.json and order.html: the pictures about which the model is least sure, to be looked at first)";

struct Given {
  std::string model, source, out, json, to;
  std::shared_ptr<std::string> device{};
  std::int64_t batch = 8;
  int threads = 0;
  SuppressOptions thresholds{};
  bool mirror = false;
};

// "photos/a/gate.jpg" below source "photos" -> "OUT/a/gate.jpg"; PNG stays PNG, everything else becomes JPEG.
std::filesystem::path result_path(const Given& given, const std::string& picture) {
  const std::filesystem::path source(given.source), file(picture);
  std::filesystem::path inside =
      std::filesystem::is_directory(source) ? file.lexically_relative(source) : file.filename();
  if (inside.extension() != ".png") inside.replace_extension(".jpg");
  return std::filesystem::path(given.out) / inside;
}

void draw(const Given& given, const Sample& sample, const std::vector<const Detection*>& found,
          const Dataset& pictures) {
  std::vector<DrawnBox> boxes;
  for (const Detection* one : found) {
    const auto at = std::find(pictures.category_ids.begin(), pictures.category_ids.end(), one->category_id);
    const auto category = static_cast<std::size_t>(at - pictures.category_ids.begin());
    boxes.push_back(
        {one->box, fmt::format("{} {:.2f}", pictures.categories[category], one->score), static_cast<int>(category)});
  }
  const std::filesystem::path path = result_path(given, sample.path);
  const Picture picture = draw_boxes(decode(sample.path), boxes);
  if (path.extension() == ".png")
    write_png(utf8(path), picture);
  else
    write_jpeg(utf8(path), picture);
}

// Labels for a person to correct, and in which order.
void write_labels(const Given& given, const Dataset& pictures, const std::vector<Detection>& all,
                  const std::vector<Detection>& found) {
  const std::filesystem::path out(given.out);
  const WriteReport report = write_dataset(labelled(pictures, found), given.to, (out / "labels").string());
  const std::vector<PictureDoubt> doubts = ranked_by_doubt(pictures, all, given.thresholds.confidence);
  store_file(out / "order.json", doubts_json(pictures, doubts));
  Page page("Label these first");
  page.paragraph(
      "The pictures about which the model is least sure: the sum over all boxes of min(score, 1 - score), which "
      "is how many mistakes are to be expected in them. order.json lists all.");
  std::vector<std::pair<Picture, std::string>> shown;
  constexpr std::size_t most = 24;
  for (std::size_t i = 0; i < std::min(most, doubts.size()); ++i) {
    const Picture picture =
        decode(utf8(result_path(given, pictures.samples[doubts[i].sample].path)), {.at_least = 480});
    shown.emplace_back(picture,
                       fmt::format("{}: about {:.1f} mistakes among {} boxes and others not shown",
                                   pictures.samples[doubts[i].sample].path, doubts[i].mistakes, doubts[i].boxes));
  }
  page.gallery(shown, 480);
  store_file(out / "order.html", page.html());
  fmt::print("labels as {}: {}; what to look at first: {}\n", given.to, report.path, utf8(out / "order.html"));
}

int run(const Given& given, const ModelRegistry& registry) {
  if (!given.to.empty()) {
    const std::vector<std::string> formats = writable_formats();
    if (std::find(formats.begin(), formats.end(), given.to) == formats.end())
      throw UsageError(
          {.where = "--to", .what = "\"" + given.to + "\"", .expected = fmt::format("{}", fmt::join(formats, ", "))});
  }
  const Checkpoint checkpoint = read_checkpoint(given.model);
  if (checkpoint.description.task != TaskKind::detect)
    throw UnsupportedError({.where = given.model,
                            .what = "drawing the results of a classifier",
                            .expected = "a checkpoint of a detector",
                            .remedy = "joist eval"});
  const std::unique_ptr<Model> model = load_model(checkpoint, registry, given.model);
  model->move_to(device_given(*given.device));
  const Dataset pictures = pictures_at(given.source, checkpoint.description);
  ensure_folder(given.out);
  if (given.threads > 0) set_threads(given.threads);
  // What lies below the confidence tells how unsure the model is; it changes nothing of what lies above.
  SuppressOptions thresholds = given.thresholds;
  if (!given.to.empty()) thresholds.confidence = std::min(thresholds.confidence, 0.05);
  const auto all = predict(*model, checkpoint.description, pictures, thresholds, given.batch, 1, given.mirror);
  if (!all) return interrupted();
  std::vector<Detection> found = *all;
  if (!given.to.empty())
    std::erase_if(found, [&](const Detection& one) { return one.score < given.thresholds.confidence; });
  std::map<std::int64_t, std::vector<const Detection*>> by_picture;
  for (const Detection& one : found) by_picture[one.image_id].push_back(&one);
  for (const Sample& sample : pictures.samples) {
    if (interrupted() != 0) return interrupted();
    draw(given, sample, by_picture[sample.id], pictures);
  }
  write_result(given.json, predictions_json(pictures, found));
  fmt::print("{} boxes on {} pictures; drawn in {}\n", found.size(), pictures.samples.size(), given.out);
  if (!given.to.empty()) write_labels(given, pictures, *all, found);
  return 0;
}

}  // namespace

void add_predict(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("predict", "Finds objects on pictures, draws them and lists them");
  command->footer(examples);
  const auto given = std::make_shared<Given>();
  command->add_option("--model", given->model, "a checkpoint of joist")->type_name("FILE")->required();
  command->add_option("--source", given->source, "a picture, or a folder with pictures")->type_name("PATH")->required();
  command->add_option("--out", given->out, "folder of the drawn pictures")->type_name("DIR")->required();
  command->add_option("--json", given->json, "write the boxes here, as a COCO results list")->type_name("FILE");
  command
      ->add_option("--to", given->to,
                   "write what was found as labels of this format too, and which pictures to look at first")
      ->type_name(fmt::format("{}", fmt::join(writable_formats(), "|")));
  command->add_option("--confidence", given->thresholds.confidence, "leave out boxes with lower scores")
      ->type_name("P")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--overlap", given->thresholds.overlap,
                   "of two boxes of a class with a larger IoU, keep the better one")
      ->type_name("IOU")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_flag("--mirror", given->mirror, "look at mirror images too, for twice the time");
  command->add_option("--batch", given->batch, "pictures at once")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  given->device = add_device(*command);
  command->add_option("--threads", given->threads, "threads of the computation; 0: one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command->callback([&context, given] { context.run = [&context, given] { return run(*given, context.registry); }; });
}

}  // namespace joist::commands
