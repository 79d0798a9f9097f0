#include <joist/core/error.h>
#include <joist/data/files.h>
#include <joist/tools/training/augmentation.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>

namespace joist {
namespace {

bool joins_pictures(const AugmentOp& op) {
  for (const AugmentOperation& operation : augment_operations()) {
    if (op.op != operation.name) continue;
    return operation.kind == AugmentOperation::Kind::mosaic || operation.kind == AugmentOperation::Kind::mix;
  }
  return false;
}

const AugmentOp* first_joining(const AugmentList& list) {
  for (const AugmentOp& op : list) {
    if (joins_pictures(op) || op.op == "copy_paste") return &op;
    if (const AugmentOp* below = first_joining(op.of)) return below;
  }
  return nullptr;
}

AugmentList without_joining(const AugmentList& list) {
  AugmentList kept;
  for (AugmentOp op : list) {
    if (joins_pictures(op)) continue;
    const bool is_choice = !op.of.empty();
    op.of = without_joining(op.of);
    if (!is_choice || !op.of.empty()) kept.push_back(std::move(op));
  }
  return kept;
}

}  // namespace

void check_augmentation(const TrainOptions& options, TaskKind task) {
  if (options.augment.is_default()) return;
  const AugmentList list = options.augment.operations();
  check(list);
  for (const auto& [name, value] : {std::pair{"--mosaic", options.mosaic}, std::pair{"--flip", options.flip}}) {
    if (value < 0) continue;
    throw UsageError({.where = name,
                      .what = "is not looked at beside an augmentation list, which has operations of its own",
                      .remedy = std::string("leave it out, or put the operation into the list")});
  }
  if (const AugmentOp* joining = task == TaskKind::detect ? nullptr : first_joining(list)) {
    throw UsageError({.where = joining->where.empty() ? "--augment" : joining->where,
                      .what = joining->op + " joins pictures of different classes, and a classifier learns one class",
                      .expected = "operations on one picture",
                      .remedy = "--augment classify"});
  }
  if (!options.backgrounds.empty()) static_cast<void>(picture_files(options.backgrounds));
}

PipelineOptions pipeline_options(const TrainOptions& options, bool closing) {
  const AugmentList list = options.augment.operations();
  PipelineOptions result{.list = closing ? without_joining(list) : list};
  if (!options.backgrounds.empty()) result.backgrounds = picture_files(options.backgrounds);
  return result;
}

std::vector<std::string> picture_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(std::filesystem::path(folder), error), end;
  for (; !error && entries != end; entries.increment(error)) {
    std::string extension = entries->path().extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool is_picture = extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
    if (is_picture && entries->is_regular_file(error)) files.push_back(utf8(entries->path()));
  }
  if (files.empty()) {
    throw DataError({.where = folder,
                     .what = error ? "cannot be read: " + error.message() : "holds no picture",
                     .expected = "a folder with .jpg, .png or .webp files"});
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace joist
