#include <joist/layers/models/mtcnn.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace joist {
namespace {

Tensor pooled(const Tensor& x, std::int64_t kernel) {
  return max_pool2d(x, {.kernel = {kernel, kernel}, .stride = {2, 2}, .ceil_mode = true});
}

// The networks were first trained with columns before rows.
Tensor flat(const Tensor& x) { return flatten(permute(x, {0, 3, 2, 1})); }

void require_windows(const char* network, const Tensor& x, std::int64_t side) {
  require_pictures(network, x.shape(), 3);
  if (x.shape(2) != side || x.shape(3) != side)
    throw ShapeError({.where = network,
                      .what = "input of shape " + x.shape().text(),
                      .expected = "windows of " + std::to_string(side) + " × " + std::to_string(side) + " pixels",
                      .remedy = "interpolate(x, {.size = {" + std::to_string(side) + "}, .mode = area})"});
}

struct Box {
  float x1, y1, x2, y2, score;
  std::array<float, 4> shift;  // in sides
};

Tensor corners_of(const std::vector<Box>& boxes) {
  std::vector<float> values;
  for (const Box& box : boxes) values.insert(values.end(), {box.x1, box.y1, box.x2, box.y2});
  return Tensor::from(values, {static_cast<std::int64_t>(boxes.size()), 4});
}

std::vector<Box> suppressed(const std::vector<Box>& boxes, double overlap) {
  if (boxes.empty()) return {};
  std::vector<float> scores;
  for (const Box& box : boxes) scores.push_back(box.score);
  const Tensor keep = nms(corners_of(boxes), Tensor::from(scores, {static_cast<std::int64_t>(scores.size())}), overlap);
  std::vector<Box> kept;
  for (const std::int64_t i : keep.value().to_vector<std::int64_t>())
    kept.push_back(boxes[static_cast<std::size_t>(i)]);
  return kept;
}

// A square around the same middle.
Box squared(Box box) {
  const float width = box.x2 - box.x1, height = box.y2 - box.y1, side = std::max(width, height);
  box.x1 += width * 0.5F - side * 0.5F;
  box.y1 += height * 0.5F - side * 0.5F;
  box.x2 = box.x1 + side;
  box.y2 = box.y1 + side;
  return box;
}

// Moved by its shift; pixels are counted, not distances.
Box corrected(Box box) {
  const float width = box.x2 - box.x1 + 1, height = box.y2 - box.y1 + 1;
  box.x1 += box.shift[0] * width;
  box.y1 += box.shift[1] * height;
  box.x2 += box.shift[2] * width;
  box.y2 += box.shift[3] * height;
  return box;
}

Tensor resampled(const Tensor& x, std::int64_t height, std::int64_t width) {
  return interpolate(x, {.size = {height, width}, .mode = InterpolateMode::area});
}

Tensor centered(const Tensor& x) { return (x - 127.5) * 0.0078125; }

// The parts of a picture [1, 3, height, width] under the boxes, as windows. Boxes without a pixel are dropped.
Tensor windows_of(const Tensor& picture, std::vector<Box>& boxes, std::int64_t side) {
  std::vector<Tensor> windows;
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    const auto whole = [](float at, std::int64_t most) {  // 0 for what is no number
      return at > 0 ? static_cast<std::int64_t>(std::min(at, static_cast<float>(most))) : 0;
    };
    const std::int64_t width = picture.shape(3), height = picture.shape(2);
    const std::int64_t left = std::max<std::int64_t>(whole(box.x1, width + 1), 1) - 1, right = whole(box.x2, width);
    const std::int64_t top = std::max<std::int64_t>(whole(box.y1, height + 1), 1) - 1, bottom = whole(box.y2, height);
    if (right <= left || bottom <= top) continue;
    windows.push_back(resampled(slice(slice(picture, 2, top, bottom), 3, left, right), side, side));
    kept.push_back(box);
  }
  boxes = std::move(kept);
  return windows.empty() ? Tensor() : centered(concat(windows, 0));
}

// The windows that a network takes for faces, with its corrections; `passed`: their numbers.
std::vector<Box> passed_of(const std::vector<Box>& boxes, const FaceWindows& found, double threshold,
                           std::vector<std::size_t>& passed) {
  const auto shifts = contiguous(found.boxes).value().to_vector<float>();
  const auto scores = contiguous(found.scores).value().to_vector<float>();
  std::vector<Box> kept;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (!(static_cast<double>(scores[2 * i + 1]) > threshold)) continue;
    kept.push_back(boxes[i]);
    kept.back().score = scores[2 * i + 1];
    std::copy_n(shifts.begin() + static_cast<std::ptrdiff_t>(4 * i), 4, kept.back().shift.begin());
    passed.push_back(i);
  }
  return kept;
}

// PNet at every scale; what it finds, in pixels of the picture.
std::vector<Box> proposals(const PNet& pnet, const Tensor& picture, const MtcnnOptions& options) {
  constexpr float stride = 2, cell = 12;
  const auto height = static_cast<double>(picture.shape(2)), width = static_cast<double>(picture.shape(3));
  std::vector<Box> all;
  double scale = 12.0 / options.smallest;
  for (double side = std::min(height, width) * scale; side >= 12; side *= options.factor, scale *= options.factor) {
    const FaceWindows found = pnet(centered(resampled(picture, static_cast<std::int64_t>(height * scale + 1),
                                                      static_cast<std::int64_t>(width * scale + 1))));
    const auto shifts = contiguous(found.boxes).value().to_vector<float>();
    const auto scores = contiguous(found.scores).value().to_vector<float>();
    const auto columns = static_cast<std::size_t>(found.scores.shape(3));
    const std::size_t cells = static_cast<std::size_t>(found.scores.shape(2)) * columns;
    const auto divisor = static_cast<float>(scale);
    std::vector<Box> here;
    for (std::size_t i = 0; i < cells; ++i) {
      const float score = scores[cells + i];
      if (!(static_cast<double>(score) >= options.thresholds[0])) continue;
      const auto x = stride * static_cast<float>(i % columns), y = stride * static_cast<float>(i / columns);
      here.push_back({std::floor((x + 1) / divisor),
                      std::floor((y + 1) / divisor),
                      std::floor((x + cell) / divisor),
                      std::floor((y + cell) / divisor),
                      score,
                      {shifts[i], shifts[cells + i], shifts[2 * cells + i], shifts[3 * cells + i]}});
    }
    here = suppressed(here, 0.5);
    all.insert(all.end(), here.begin(), here.end());
  }
  return suppressed(all, 0.7);
}

// Numbers of the boxes that stay: of two, the better one where they share much of the smaller.
std::vector<std::size_t> inside_suppressed(const std::vector<Box>& boxes, float most) {
  std::vector<std::size_t> order(boxes.size()), kept;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return boxes[a].score > boxes[b].score; });
  const auto area = [](const Box& box) { return (box.x2 - box.x1 + 1) * (box.y2 - box.y1 + 1); };
  for (const std::size_t one : order) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](std::size_t better) {
      const Box &a = boxes[better], &b = boxes[one];
      const float width = std::max(0.0F, std::min(a.x2, b.x2) - std::max(a.x1, b.x1) + 1);
      const float height = std::max(0.0F, std::min(a.y2, b.y2) - std::max(a.y1, b.y1) + 1);
      return width * height / std::min(area(a), area(b)) > most;
    });
    if (!covered) kept.push_back(one);
  }
  return kept;
}

std::vector<Face> faces_of(const Mtcnn& model, const Tensor& picture) {
  std::vector<Box> boxes = proposals(model.pnet, picture, model.options);
  for (Box& box : boxes) {
    const float width = box.x2 - box.x1, height = box.y2 - box.y1;
    box.x1 += box.shift[0] * width;
    box.y1 += box.shift[1] * height;
    box.x2 += box.shift[2] * width;
    box.y2 += box.shift[3] * height;
    box = squared(box);
  }
  std::vector<std::size_t> numbers;
  Tensor windows = windows_of(picture, boxes, 24);
  if (!windows.defined()) return {};
  boxes = suppressed(passed_of(boxes, model.rnet(windows), model.options.thresholds[1], numbers), 0.7);
  for (Box& box : boxes) box = squared(corrected(box));

  windows = windows_of(picture, boxes, 48);
  if (!windows.defined()) return {};
  const FaceWindows found = model.onet(windows);
  const auto marks = contiguous(found.landmarks).value().to_vector<float>();
  numbers.clear();
  const std::vector<Box> last = passed_of(boxes, found, model.options.thresholds[2], numbers);
  std::vector<Box> moved;
  for (const Box& box : last) moved.push_back(corrected(box));
  std::vector<Face> faces;
  for (const std::size_t i : inside_suppressed(moved, 0.7F)) {
    Face face{moved[i].x1, moved[i].y1, moved[i].x2, moved[i].y2, moved[i].score, {}};
    const float width = last[i].x2 - last[i].x1 + 1, height = last[i].y2 - last[i].y1 + 1;
    for (std::size_t mark = 0; mark < 5; ++mark)
      face.landmarks[mark] = {width * marks[10 * numbers[i] + mark] + last[i].x1 - 1,
                              height * marks[10 * numbers[i] + 5 + mark] + last[i].y1 - 1};
    faces.push_back(face);
  }
  return faces;
}

}  // namespace

FaceWindows PNet::operator()(const Tensor& x) const {
  require_pictures("PNet", x.shape(), 3);
  Tensor y = pooled(prelu1(conv1(x)), 2);
  y = prelu3(conv3(prelu2(conv2(y))));
  return {.boxes = boxes(y), .scores = softmax(scores(y), 1)};
}

FaceWindows RNet::operator()(const Tensor& x) const {
  require_windows("RNet", x, 24);
  Tensor y = pooled(prelu1(conv1(x)), 3);
  y = prelu3(conv3(pooled(prelu2(conv2(y)), 3)));
  y = prelu4(dense4(flat(y)));
  return {.boxes = boxes(y), .scores = softmax(scores(y), 1)};
}

FaceWindows ONet::operator()(const Tensor& x) const {
  require_windows("ONet", x, 48);
  Tensor y = pooled(prelu1(conv1(x)), 3);
  y = pooled(prelu3(conv3(pooled(prelu2(conv2(y)), 3))), 2);
  y = prelu5(dense5(flat(prelu4(conv4(y)))));
  return {.boxes = boxes(y), .scores = softmax(scores(y), 1), .landmarks = landmarks(y)};
}

Mtcnn::Mtcnn(const MtcnnOptions& given) : options(given) {
  bool fits = options.smallest >= 12 && options.factor > 0 && options.factor < 1;
  for (const double threshold : options.thresholds) fits = fits && threshold >= 0 && threshold < 1;
  if (!fits)
    throw UsageError({.where = "Mtcnn",
                      .what = "smallest " + std::to_string(options.smallest) + ", factor " +
                              std::to_string(options.factor) + " or a threshold",
                      .expected = "smallest from 12 pixels, factor between 0 and 1, thresholds from 0 and below 1",
                      .remedy = "the defaults"});
}

std::vector<std::vector<Face>> Mtcnn::operator()(const Tensor& pictures) const {
  require_pictures("Mtcnn", pictures.shape(), 3);
  const NoGradient off;
  std::vector<std::vector<Face>> faces;
  for (std::int64_t i = 0; i < pictures.shape(0); ++i)
    faces.push_back(faces_of(*this, contiguous(slice(pictures, 0, i, i + 1)) * 255));
  return faces;
}

}  // namespace joist
