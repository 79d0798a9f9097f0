#include <joist/data/augment/dataset_pool.h>
#include <joist/data/augment/letterbox.h>

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

}  // namespace joist
