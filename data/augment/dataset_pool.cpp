#include <joist/data/augment/dataset_pool.h>
#include <joist/data/augment/letterbox.h>

#include <algorithm>

namespace joist {

std::shared_ptr<const Picture> DatasetPool::load(std::size_t sample, std::vector<LabelledBox>& boxes) const {
  const Sample& source = dataset_.samples.at(sample);
  auto scaled = std::make_shared<ScaledPicture>(load_scaled(source.path, size_));
  const Letterbox frame = scaled->frame();
  boxes.clear();
  for (const Annotation& annotation : source.annotations)
    if (!annotation.crowd) boxes.push_back(frame.inside(annotation.box, annotation.category));
  return {scaled, &scaled->picture};
}

std::vector<ObjectShape> DatasetPool::shapes(std::size_t sample) const {
  const Sample& source = dataset_.samples.at(sample);
  const auto has_outline = [](const Annotation& annotation) { return !annotation.crowd && annotation.outline; };
  if (std::none_of(source.annotations.begin(), source.annotations.end(), has_outline)) return {};
  const Letterbox frame = load_scaled(source.path, size_).frame();
  std::vector<ObjectShape> shapes;
  for (const Annotation& annotation : source.annotations)
    if (!annotation.crowd) shapes.push_back(annotation.outline ? frame.inside(*annotation.outline) : ObjectShape{});
  return shapes;
}

}  // namespace joist
